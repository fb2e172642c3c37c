"""Pictures: the poster and the storyboard of one version, made from its downloaded source and added to the record."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Final

import structlog

from config import queues
from tasks.adapters.arriving import Arriving
from tasks.adapters.clock import utc_now
from tasks.adapters.ffmpeg import Urgency
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media import encode, storyboard
from tasks.media.source import SoundSource, Source
from tasks.pipeline import finish, poster_way, sound_poster, uploaded
from tasks.pipeline.poster_way import Taken
from tasks.pipeline.services import Services
from tasks.records import lifecycle
from tasks.records.base import Notice
from tasks.records.clip_facts import Poster, Storyboard
from tasks.records.clip_record import NO_POSTER, Work

log: Final = structlog.get_logger()
_PATIENCE_S: Final = 10.0
_TICK_S: Final = 0.1


def await_or_make(
    services: Services,
    folder: Path,
    upload: Arriving,
    source: Source | SoundSource,
    name: str,
    version: str,
    *,
    stop: threading.Event,
) -> None:
    """See to it that a version about to be published has its pictures.

    While their own task is at work on them it is given a few seconds; one that still waits in its queue is not.

    Raises:
        process.Stopped: ``stop`` was set.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while (work := missing(services, name, version)) is not None and not stop.is_set():
        if services.doorbell.is_waiting(queues.THUMBNAILS_TASK, name) or time.monotonic() > deadline:
            try:
                make(services, folder, upload, source, name, work, stop=stop)
            except TemporarilyUnavailable as error:
                # A good clip is not held up by its picture: `finish.settle` rings for that again.
                log.warning("published without its pictures", clip=name, code=error.code, detail=error.detail)
            return
        time.sleep(_TICK_S)


def missing(services: Services, name: str, version: str) -> Work | None:
    """The version's work, if it lacks a picture that could be made; None if there is nothing to do."""
    record = services.clips.get(name)
    if record is None:
        return None
    work = record.work_of(version)
    return work if work is not None and work.lacks_pictures else None


def make(
    services: Services,
    folder: Path,
    upload: Arriving,
    source: Source | SoundSource,
    name: str,
    work: Work,
    *,
    stop: threading.Event | None = None,
) -> None:
    """Make what the version lacks, the poster first; where no picture can be decoded, its record says so.

    What is only heard has no storyboard.

    Raises:
        process.Stopped: ``stop`` was set.
    """
    (folder / encode.OUTPUT / storyboard.FOLDER).mkdir(parents=True, exist_ok=True)
    try:
        if work.poster is None or not work.poster.sources or work.poster.chosen_s != work.poster_wish_s:
            taken = _take(services, folder, upload, source, name, work, stop=stop)
            if work.poster is None:
                # Readers have a picture at once; one that takes another's place does so in all its forms.
                _add_poster(services, name, work.version, taken.poster, taken.notices)
                finish.announce(services, name)
            varied = poster_way.vary(services, folder, name, taken, stop=stop)
            _add_poster(services, name, work.version, varied, taken.notices)
        if work.storyboard is None and isinstance(source, Source):
            upload.whole(stop, is_patient=True)
            sheets = _storyboard(services, folder, upload, source, name, work, stop)
            services.clips.update(
                name, lambda current: lifecycle.picture(current, version=work.version, now=utc_now(), storyboard=sheets)
            )
    except SourceRejected as error:
        give_up(services, name, work.version, error)


def give_up(services: Services, name: str, version: str, error: SourceRejected) -> None:
    """State that the version will have no poster or no storyboard, and why."""
    log.info("no picture", clip=name, code=error.code, detail=error.detail)
    notice = Notice(code=NO_POSTER, message="No poster or storyboard could be made: too few pictures could be decoded.")
    services.clips.update(
        name, lambda current: lifecycle.lack_picture(current, version=version, now=utc_now(), notice=notice)
    )


def _take(
    services: Services,
    folder: Path,
    upload: Arriving,
    source: Source | SoundSource,
    name: str,
    work: Work,
    *,
    stop: threading.Event | None,
) -> Taken:
    if isinstance(source, SoundSource):
        return sound_poster.take(services, folder, source, name, work, stop=stop)
    return poster_way.take(services, folder, upload, source, name, work, stop=stop)


def _add_poster(services: Services, name: str, version: str, poster: Poster, notices: tuple[Notice, ...]) -> None:
    services.clips.update(
        name,
        lambda current: lifecycle.picture(current, version=version, now=utc_now(), poster=poster, warnings=notices),
    )


def _storyboard(
    services: Services,
    folder: Path,
    upload: Arriving,
    source: Source,
    name: str,
    work: Work,
    stop: threading.Event | None,
) -> Storyboard:
    gap_s = uploaded.key_frame_gap_s(services, folder, upload, source, stop=stop)
    plan = storyboard.plan_storyboard(
        source, services.ladder_of(work), key_frame_gap_s=gap_s, max_pixels=services.settings.max_pixels
    )
    services.ffmpeg.run(folder, plan.arguments, timeout_s=600 + source.duration_s, urgency=Urgency.UNHURRIED, stop=stop)
    root = folder / encode.OUTPUT
    sheets = sorted((root / storyboard.FOLDER).glob("sheet-*.jpg"))
    if not sheets:
        raise SourceRejected("undecodable", "No picture in this file could be decoded.", "no storyboard tile")
    (root / storyboard.VTT).write_text(
        storyboard.storyboard_vtt(plan, len(sheets), source.duration_s), encoding="utf-8"
    )
    images = [f"{storyboard.FOLDER}/{sheet.name}" for sheet in sheets]
    for path in [*images, storyboard.VTT]:
        poster_way.upload(services, folder, path, name, work.version)
    return Storyboard(
        vtt=f"{work.version}/{storyboard.VTT}",
        images=tuple(f"{work.version}/{path}" for path in images),
        interval_s=plan.interval_s,
    )
