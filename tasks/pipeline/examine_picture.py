"""Examine the picture: measure what flags leave open or get wrong, and check the encoded picture for faults."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from tasks.adapters.arriving import Part
from tasks.adapters.ffprobe import RATE_OF_S
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media import faults, sampling
from tasks.media.colour import colour_notice
from tasks.media.ladder import PlannedRung
from tasks.media.scan import Fields, ScanDecision, decide_scan, read_fields, scan_notice
from tasks.media.source import Source, VideoStream
from tasks.media.source_input import SOURCE_FILE
from tasks.media.timing import is_film, measured_rate
from tasks.pipeline import examine_part, uploaded
from tasks.pipeline.job import Job
from tasks.records.base import Notice

log: Final = structlog.get_logger()
NOTICES: Final = frozenset({"scan_corrected", "field_order_corrected", "dolby_vision_only"})
"""The codes of the notices that `examine` gives."""

_TIMEOUT_S: Final = 30.0
# Of the frames that a glance is to see; with fewer, its stretches were cut short or not found.
_MOST: Final = 0.9


def examine(job: Job, source: Source) -> tuple[Source, tuple[Notice, ...]]:
    """The source with its frame rate and scan as measured, if measuring is needed, and notices for the editor.

    So with a picture that has no other beside it, and how long it is held.

    Costs a fraction of a second, however long the clip; all of one that begins as flagged film is waited for. Where the
    measurement fails the flags' word stands: the encode that follows says better what is wrong.

    Raises:
        process.Stopped: the job was stopped.
        As `Arriving.whole`, where the upload can't be had.
    """
    video = source.video
    if not video.rate_is_sure or video.is_brief:
        uploaded.have_s(job, source, RATE_OF_S)
        probe = job.services.ffprobe

        def ask(name: str, stream: int) -> list[float]:
            return probe.packet_times_s(job.folder, name, stream, stop=job.stop)

        times_s = examine_part.of_pictures(job, source, ask, first_s=RATE_OF_S)
        if not video.rate_is_sure:
            later_s = _later_s(job, source) if is_film(times_s, video.nominal_rate) else []
            rate = measured_rate(times_s, video.frame_rate, video.nominal_rate, later_s)
            video = replace(video, frame_rate=rate)
        if len(times_s) == 1:
            video = _as_alone(job, source, video)
    if not sampling.may_be_interlaced(video):
        return replace(source, video=video), colour_notice(video.colour)
    try:
        decision = _decide(job, replace(source, video=video))
    except (SourceRejected, TemporarilyUnavailable) as error:
        log.info("scan not measured", code=error.code, detail=error.detail)
        return replace(source, video=video), colour_notice(video.colour)
    # Turned upside down, fields change their order with no fault of the file's.
    notices = scan_notice(video.scan, decision) if video.scan_is_told and not video.rotation else ()
    video = replace(video, scan=decision.scan, mixed=decision.mixed, telecined=decision.telecined)
    return replace(source, video=video), (*notices, *colour_notice(video.colour))


def _as_alone(job: Job, source: Source, video: VideoStream) -> VideoStream:
    """The video as a single picture, shown for as long as sound is heard; unchanged if another comes later."""
    job.upload.whole(job.stop)
    spans = job.services.ffprobe.spans(job.folder, SOURCE_FILE, stop=job.stop)
    own = spans.get(video.index)
    if own is not None and own.packets > 1:
        return video
    heard = [span for track in source.audio if (span := spans.get(track.index)) and math.isfinite(span.ends_s)]
    if own is None or not heard or not math.isfinite(own.ends_s):
        return replace(video, is_alone=True)
    begins_s = min(own.begins_s, *(each.begins_s for each in heard))
    shown_until_s = max(own.ends_s, begins_s + 1 / float(video.frame_rate))
    # A single packet of sound may claim to be heard at any time.
    ends_s = min(max(each.ends_s for each in heard), begins_s + job.services.settings.max_duration_s)
    missing_s = ends_s - shown_until_s
    return replace(video, is_alone=True, held=max(video.held, int(missing_s * video.frame_rate)))


def _later_s(job: Job, source: Source) -> list[list[float]]:
    """The times, in seconds, of packets of the middle and the end: what begins as film may go on as video."""
    job.upload.whole(job.stop)
    begins_s, index = source.start_s or 0.0, source.video.index
    places_s = {max(RATE_OF_S, source.duration_s * share - RATE_OF_S) for share in (0.5, 1)}
    return [
        job.services.ffprobe.packet_times_s(job.folder, SOURCE_FILE, index, from_s=begins_s + place_s, stop=job.stop)
        for place_s in places_s
        if place_s < source.duration_s
    ]


def _decide(job: Job, source: Source) -> ScanDecision:
    """How the picture is to be treated, decided on as little of the upload as is enough."""
    video = source.video
    begun = sampling.beginning(source)
    if video.is_interlaced and begun != source and not job.upload.is_whole:
        uploaded.have_s(job, source, sampling.looked_at_s(begun))
        fields = _look(job, begun)
        decision = decide_scan(video.scan, video.frame_rate, fields)
        # Behind anything but such fields as the file tells of, others may follow: left alone, they would show as combs.
        if fields.are_clear and decision == ScanDecision(scan=video.scan):
            return decision
    return decide_scan(video.scan, video.frame_rate, _fields(job, source))


def _fields(job: Job, source: Source) -> Fields:
    """What idet finds in a few stretches; waits for the part of the upload in which they are."""
    end_s = sampling.looked_at_s(source)
    if sampling.glances_through(source):
        with suppress(SourceRejected, TemporarilyUnavailable):
            fields = _look(job, source, feed=job.upload.part(uploaded.share_of(source, end_s)))
            is_whole = fields.frames >= _MOST * sampling.glanced_frames(source)
            if is_whole and fields.are_telling and not fields.are_doubtful:
                return fields
        log.info("scan measured by seeking", reason="too little was seen on the way")
    uploaded.have_s(job, source, end_s)
    fields = _look(job, source)
    if not fields.determined and not job.upload.is_whole:
        # The places that were to be looked at may lie later in the file than most films have them.
        job.upload.whole(job.stop)
        fields = _look(job, source)
    return fields


def _look(job: Job, source: Source, *, feed: Part | None = None) -> Fields:
    arguments = sampling.plan_fields(source, max_pixels=job.max_pixels, seeks=feed is None)
    finished = job.services.ffmpeg.run(job.folder, arguments, timeout_s=_TIMEOUT_S, stop=job.stop, feed=feed)
    return read_fields(finished.stdout)


def recall(job: Job, source: Source) -> Source:
    """The source with its scan as measured: by another task, if the version's record has it already, else here.

    A still needs no more; the frame rate may be what the file claims.

    Raises:
        process.Stopped: the job was stopped.
    """
    record = job.services.clips.get(job.name)
    work = record.work_of(job.work.version) if record is not None else None
    known = work.source.video if work is not None else None
    if known is None:
        return examine(job, source)[0]
    video = replace(source.video, scan=known.scan, mixed=known.mixed, telecined=known.telecined)
    return replace(source, video=video)


def look(folder: Path, rung: PlannedRung, encoded_s: float) -> tuple[Notice, ...]:
    """What was detected in that rung while it was encoded: black, frozen, bars."""
    try:
        # Line by line: of hours there may be more than is to be held at once.
        with (folder / faults.FOUND_FILE).open(encoding="utf-8") as found:
            return faults.judge(found, rung, encoded_s)
    except OSError as error:
        # Whether the rendition is whole is verified elsewhere; this look is a courtesy.
        log.info("not looked at", reason=str(error))
        return ()
