"""Captions: extracted from the downloaded upload as text. Whatever goes wrong with them, the clip is published."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media import encode
from tasks.media.captions import line21, line21_channels, webvtt
from tasks.media.captions.runs import plan_extract, plan_line21
from tasks.media.captions.selection import (
    ANCILLARY_FILE,
    FOLDER,
    INSIDE_FILE,
    PACKETS_FILE,
    UNITS_FILE,
    WHOLE_FILE,
    Caption,
    CaptionSource,
    CaptionTrack,
    find_captions,
    in_several_languages,
    published,
    unreadable_notice,
)
from tasks.media.captions.teletext import subtitle_pages
from tasks.media.captions.webvtt import Cue
from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE
from tasks.pipeline import examine
from tasks.pipeline.services import Services
from tasks.records.base import Notice, Value
from tasks.records.clip_facts import CaptionFacts

log: Final = structlog.get_logger()
_Found = tuple[CaptionTrack | None, tuple[Cue, ...]]


class Extracted(Value):
    """The caption programmes to publish, and what an editor should know."""

    captions: tuple[Caption, ...] = ()
    notices: tuple[Notice, ...] = ()


def extract(
    services: Services,
    folder: Path,
    source: Source,
    *,
    stop: threading.Event | None = None,
) -> Extracted:
    """All captions of the upload in the workspace.

    It reads the file once and decodes no picture. Captions that can't be had become a notice.

    Raises:
        process.Stopped: ``stop`` was set.
    """
    there: CaptionSource | None = None
    try:
        probe = examine.ask(services, folder, measures_length=False, stop=stop)
        pages = {
            index: subtitle_pages(services.ffprobe.extradata(folder, SOURCE_FILE, index, stop=stop), languages)
            for index, languages in in_several_languages(probe)
        }
        there = find_captions(probe, source, pages)
        found, failed = _read(services, folder, source, there, stop)
    except (SourceRejected, TemporarilyUnavailable, OSError) as error:
        log.warning("captions not extracted", reason=str(error))
        # That the picture could not be searched is no news for an editor whose clip has no captions.
        names = [*(track.codec for track in there.tracks), *there.unreadable] if there else []
        return Extracted(notices=unreadable_notice(names))
    return Extracted(captions=published(found), notices=unreadable_notice([*there.unreadable, *failed]))


def facts(captions: Sequence[Caption], edition: str) -> tuple[CaptionFacts, ...]:
    """What the record says of published captions."""
    return tuple(
        CaptionFacts(
            language=each.language,
            label=each.label,
            kind=each.kind,
            url=f"{edition}/{encode.HLS}/{each.name}/{WHOLE_FILE}",
            is_default=each.is_default,
            is_forced=each.is_forced,
        )
        for each in captions
    )


def _read(
    services: Services, folder: Path, source: Source, there: CaptionSource, stop: threading.Event | None
) -> tuple[list[_Found], list[str]]:
    """The cues of every track and of the picture, and the codecs of those that failed."""
    (folder / FOLDER).mkdir(exist_ok=True)
    arguments = plan_extract(there, source, max_pixels=services.settings.max_pixels)
    if not arguments:
        return [], []
    for stale in (folder / FOLDER).iterdir():
        stale.unlink()
    try:
        _run(services, folder, source, arguments, stop)
    except SourceRejected as error:
        nothing = there.evolve(tracks=(), unit_filter=None, ancillary=None)
        alone = [nothing.evolve(tracks=(track,)) for track in there.tracks]
        alone += [nothing.evolve(unit_filter=there.unit_filter)] if there.unit_filter else []
        alone += [nothing.evolve(ancillary=there.ancillary)] if there.ancillary is not None else []
        if len(alone) < 2:
            log.warning("captions not extracted", detail=error.detail)
            return [], [track.codec for track in there.tracks]
        # One track that can't be decoded ends the whole run: without it the others may do.
        parts = [_read(services, folder, source, each, stop) for each in alone]
        return [each for found, _ in parts for each in found], [each for _, failed in parts for each in failed]
    found: list[_Found] = [
        (track, track.cues((folder / track.file).read_bytes(), zero_s=there.zero_s)) for track in there.tracks
    ]
    failed: list[str] = []
    has_708 = False
    if there.unit_filter:
        pairs = line21.read_line21(
            (folder / UNITS_FILE).read_bytes(),
            (folder / PACKETS_FILE).read_text(encoding="ascii", errors="replace"),
            codec=source.video.codec,
            zero_s=there.zero_s,
        )
        (folder / INSIDE_FILE).write_bytes(pairs.rcwt)
        has_708 = pairs.has_708
        found += _decode(services, folder, source, INSIDE_FILE, failed, stop)
    if there.ancillary is not None:
        found += _decode(services, folder, source, ANCILLARY_FILE, failed, stop, zero_s=there.zero_s)
    if has_708 and not any(cues for _, cues in found):
        failed.append("CEA-708")
    return found, failed


def _decode(
    services: Services,
    folder: Path,
    source: Source,
    rcwt: str,
    failed: list[str],
    stop: threading.Event | None,
    *,
    zero_s: float = 0.0,
) -> list[_Found]:
    """The cues of both channels of both fields; a file that can't be decoded is added to what ``failed``."""
    found: list[_Found] = []
    for number, captions in enumerate(line21_channels.parted((folder / rcwt).read_bytes()), start=1):
        if not captions:
            continue
        own = f"{rcwt}.{number}"
        (folder / own).write_bytes(captions)
        arguments, files = plan_line21(own)
        try:
            _run(services, folder, source, arguments, stop)
        except SourceRejected as error:
            log.warning("captions not extracted", detail=error.detail)
            failed.append("CEA-608")
            continue
        found += [(None, webvtt.read_cues((folder / file).read_bytes(), zero_s=zero_s)) for file in files]
    return found


def _run(
    services: Services, folder: Path, source: Source, arguments: Sequence[str], stop: threading.Event | None
) -> None:
    # Reading a file takes a fraction of its duration; ffmpeg here is one more beside the encode.
    services.ffmpeg.run(folder, arguments, timeout_s=120 + source.duration_s / 2, stop=stop)
