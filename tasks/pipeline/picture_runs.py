"""The video runs: every rung of the ladder encoded, and the source's own video copied, by ffmpeg."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tasks.adapters.ffmpeg import Urgency
from tasks.media import encode
from tasks.media.encode import EncodePlan, Run
from tasks.media.progress import Progress
from tasks.media.source import Source
from tasks.pipeline.job import Job
from tasks.pipeline.lease import Lease
from tasks.pipeline.streaming import Stream
from tasks.pipeline.version_files import ENCODE_SHARE


def encode_all(job: Job, plan: EncodePlan, source: Source, stream: Stream, lease: Lease, urgency: Urgency) -> Progress:
    """Run the plan; returns the last progress of the first run, which has every frame.

    Raises:
        As `run`.
    """
    frames = source.duration_s * float(plan.rungs[0].frame_rate)
    first = Progress()
    for number, each in enumerate(plan.runs):
        done, share = number / len(plan.runs), 1 / len(plan.runs)

        def on_progress(progress: Progress, done: float = done, share: float = share) -> None:
            if frames:
                lease.report(ENCODE_SHARE * (done + share * min(1.0, progress.frames / frames)), progress.speed)

        stream.follow(each)
        ended = run(job, source, each, urgency, on_progress=on_progress)
        first = ended if number == 0 else first
    return first


def run(
    job: Job,
    source: Source,
    planned: Run,
    urgency: Urgency,
    *,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Run what is planned of the source's video into ``out/hls/``; returns the last progress.

    Raises:
        As `Ffmpeg.run`.
    """
    for track in planned.tracks:
        (job.output / encode.HLS / track).mkdir(parents=True)
    last = Progress()

    def note(progress: Progress) -> None:
        nonlocal last
        last = progress
        on_progress(progress)

    limit_s = job.services.settings.max_duration_s
    finished = job.services.ffmpeg.run(
        job.folder,
        planned.arguments,
        timeout_s=600 + 60 * (source.duration_s or limit_s),
        on_progress=note,
        urgency=urgency,
        longest_s=source.longest_s(limit_s),
        stop=job.stop,
        feed=job.upload.part(),
    )
    return replace(last, damaged=finished.counted)
