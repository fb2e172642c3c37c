"""The picture's way: the source's own pictures published by copy where players take them, and every rung encoded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from tasks.adapters.arriving import Arriving
from tasks.adapters.ffmpeg import Urgency
from tasks.adapters.ffprobe import KEY_FRAMES_OF_S
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media import direct, encode
from tasks.media.encode import EncodePlan, Run
from tasks.media.ladder import Ladder, PlannedRung
from tasks.media.progress import Progress
from tasks.media.source import Source
from tasks.pipeline import packaging, uploaded
from tasks.pipeline.lease import Lease
from tasks.pipeline.services import Services
from tasks.pipeline.streaming import ENCODE_SHARE, Stream
from tasks.records.clip_record import Work

log: Final = structlog.get_logger()


def copy(
    services: Services,
    folder: Path,
    upload: Arriving,
    source: Source,
    ladder: Ladder,
    work: Work,
    stream: Stream,
    *,
    stop: threading.Event,
) -> PlannedRung | None:
    """Publish the source's own pictures where players take them; returns the rung, if it can stand for the ladder's."""
    max_pixels = services.settings.max_pixels
    planned = direct.plan_direct(source, ladder, size_bytes=work.source.size_bytes, max_pixels=max_pixels)
    if planned is None:
        return None
    try:
        if source.duration_s > direct.SHORT_S:
            index = source.video.index
            uploaded.have_s(upload, source, KEY_FRAMES_OF_S, stop)
            gap_s = services.ffprobe.key_frame_gap_s(folder, encode.SOURCE_FILE, index, stop=stop)
            if not direct.is_cut_finely(gap_s):
                log.info("not copied", key_frame_gap_s=gap_s)
                return None
        stream.follow(planned.run)
        longest_s = source.longest_s(services.settings.max_duration_s)
        timeout_s = _timeout_s(services, source)
        _run(services, folder, upload, planned.run, Urgency.FIRST, timeout_s=timeout_s, longest_s=longest_s, stop=stop)
        return planned.rung if packaging.complies(folder / encode.OUTPUT / encode.HLS, planned, ladder) else None
    except (SourceRejected, TemporarilyUnavailable) as error:
        # The encode will tell what is wrong with it, if anything is.
        log.info("not copied", code=error.code, detail=error.detail)
        stream.forget_original()
        return None


def encode_all(
    services: Services,
    folder: Path,
    upload: Arriving,
    plan: EncodePlan,
    source: Source,
    stream: Stream,
    lease: Lease,
    *,
    stop: threading.Event,
) -> Progress:
    """Run the plan; returns how the first run ended, which has seen every picture."""
    frames = source.duration_s * float(plan.rungs[0].frame_rate)
    first = Progress()
    for number, run in enumerate(plan.runs):
        done, share = number / len(plan.runs), 1 / len(plan.runs)

        def on_progress(progress: Progress, done: float = done, share: float = share) -> None:
            if frames:
                lease.report(ENCODE_SHARE * (done + share * min(1.0, progress.frames / frames)), progress.speed)

        stream.follow(run)
        ended = _run(
            services,
            folder,
            upload,
            run,
            Urgency.ENCODE,
            timeout_s=_timeout_s(services, source),
            longest_s=source.longest_s(services.settings.max_duration_s),
            stop=stop,
            on_progress=on_progress,
        )
        first = ended if number == 0 else first
    return first


def _run(
    services: Services,
    folder: Path,
    upload: Arriving,
    run: Run,
    urgency: Urgency,
    *,
    timeout_s: float,
    longest_s: float,
    stop: threading.Event,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    for track in run.tracks:
        (folder / encode.OUTPUT / encode.HLS / track).mkdir(parents=True)
    last = Progress()

    def note(progress: Progress) -> None:
        nonlocal last
        last = progress
        on_progress(progress)

    services.ffmpeg.run(
        folder,
        run.arguments,
        timeout_s=timeout_s,
        on_progress=note,
        urgency=urgency,
        longest_s=longest_s,
        stop=stop,
        feed=upload,
    )
    return last


def _timeout_s(services: Services, source: Source) -> float:
    return 600 + 60 * (source.duration_s or services.settings.max_duration_s)
