"""Examine what is left of a file of which ffprobe can't open every stream (`tasks.media.partial`)."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import structlog

from tasks.errors import SourceRejected
from tasks.media import partial
from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE
from tasks.pipeline.job import Job
from tasks.pipeline.services import Services

T = TypeVar("T")
log: Final = structlog.get_logger()
# Each time all of the rest is copied, and one stream more is found. So few are left out one by one, then all of a codec
# at once: of many damaged tracks a sound one may be lost, but not the picture.
_ONE_BY_ONE: Final = 2
_MOST_TRIES: Final = 6
_TIMEOUT_S: Final = 600.0


def of_pictures(job: Job, source: Source, ask: Callable[[str, int], T], *, first_s: float) -> T:
    """What ``ask`` tells by the name of a file and the number of the picture in it.

    It is asked of the upload; if that tells nothing, since another stream can't be opened, of its first seconds'
    pictures alone.

    Raises:
        As ``ask``; otherwise as the function `ask`.
    """
    told = ask(SOURCE_FILE, source.video.index)
    if told:
        return told
    with _part(job.folder) as name:
        try:
            arguments = partial.plan_pictures(source, first_s, name, max_pixels=job.max_pixels)
            job.services.ffmpeg.run(job.folder, arguments, timeout_s=_TIMEOUT_S, stop=job.stop)
            return ask(name, 0)
        except SourceRejected as error:
            log.info("pictures can't be copied", detail=error.detail)
            return told


def ask(services: Services, folder: Path, *, stop: threading.Event | None = None) -> dict[str, object] | None:
    """ffprobe's answer about a file that it refused, all but the streams that it can't open.

    None where that is no use: it can't be read at all, its picture is what can't be opened, or no copy can be made.

    Raises:
        TemporarilyUnavailable: ffmpeg or ffprobe was killed or could not be started, or the disk failed or is full.
        process.Stopped: ``stop`` was set.
    """
    with _part(folder) as name:
        return _ask(services, folder, name, stop)


@contextmanager
def _part(folder: Path) -> Iterator[str]:
    """A name of its own for a copy, which is removed at the end."""
    name = f"{partial.PART}-{secrets.token_hex(4)}"
    try:
        yield name
    finally:
        (folder / name).unlink(missing_ok=True)


def _ask(services: Services, folder: Path, name: str, stop: threading.Event | None) -> dict[str, object] | None:
    max_pixels = services.settings.max_pixels
    whole = services.ffprobe.listing(folder, SOURCE_FILE, max_pixels=max_pixels, stop=stop)
    if whole is None:
        return None
    latest: partial.Listing | None = whole
    kept, without = list(range(len(whole.types))), list[int]()
    try:
        for tried in range(_MOST_TRIES):
            if latest is None or not latest.unopened:
                return None
            without += [kept[index] for index in (latest.unopened if tried < _ONE_BY_ONE else latest.alike)]
            kept = whole.kept(without)
            if not kept:
                return None
            log.info("asked without what can't be opened", streams=without)
            arguments = partial.plan_part(whole, without, name, max_pixels=max_pixels)
            services.ffmpeg.run(folder, arguments, timeout_s=_TIMEOUT_S, stop=stop)
            try:
                answer = services.ffprobe.source(folder, name, max_pixels=max_pixels, stop=stop)
            except SourceRejected:
                latest = services.ffprobe.listing(folder, name, max_pixels=max_pixels, stop=stop)
            else:
                return partial.as_of_whole(answer, whole, without)
    except SourceRejected as error:
        log.info("can't be copied in part", detail=error.detail)
    return None
