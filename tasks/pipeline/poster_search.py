"""The search for the poster's frame: a look at key frames all over the clip, then a closer one at the best of them."""

from __future__ import annotations

import shutil
from itertools import chain
from pathlib import Path
from typing import Final

import structlog

from tasks.adapters.arriving import Part
from tasks.adapters.ffmpeg import Urgency, is_of_the_upload
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media import appeal, looks, opening, storyboard, upscaling
from tasks.media.appeal import Look
from tasks.media.looks import LookPlan
from tasks.media.source import Source
from tasks.media.source_input import piped
from tasks.pipeline import picture_files, uploaded
from tasks.pipeline.job import Job
from tasks.records.base import Notice, Value

log: Final = structlog.get_logger()
_TIMEOUT_S: Final = 60.0
_AFTER_S: Final = 1.0


class Moment(Value):
    """A frame of the clip by its time, and by its number among those in `looks.KEPT`, if it is one of them."""

    time_s: float
    kept: int | None = None


def find(job: Job, source: Source) -> tuple[Moment, tuple[Notice, ...]]:
    """The frame to take, and what an editor should know of what was seen; where nothing can be decoded, the first.

    A look at all of a short clip leaves the storyboard's sheets as well, below the job's output.

    Raises:
        process.Stopped: the job was stopped.
        As `Arriving.whole`, where the upload can't be had.
    """
    board = storyboard.lay_out(source, job.ladder) if job.work.storyboard is None else None
    plan = looks.plan_looks(source, max_pixels=job.max_pixels, is_arriving=not job.upload.is_whole, board=board)
    if piped(plan.arguments) is not None:
        end_s = source.duration_s if plan.is_of_all else opening.THROUGH_S
        bursts = _look(job, plan, feed=job.upload.part(uploaded.share_of(source, end_s)))
    else:
        # What is sought is a key frame before that place; the closer look sees what moves after it.
        end_s = source.duration_s if plan.is_of_all else plan.starts[-1] + _AFTER_S
        uploaded.have_s(job, source, end_s)
        bursts = _look(job, plan)
    notices = _look_at_lines(job.folder, plan)
    if not plan.is_of_all and not appeal.is_worthy(bursts):
        # Bars, a slate, a leader: the programme begins later.
        job.upload.whole(job.stop)
        plan = looks.plan_sought(source, max_pixels=job.max_pixels)
        bursts = _look(job, plan)
    return _closer(job, source, bursts, plan) if plan.enough else _best(bursts), notices


def _closer(job: Job, source: Source, bursts: list[tuple[Look, ...]], first: LookPlan) -> Moment:
    """The best of the key frames that the first look has seen, by what moves after them; of few, of all frames."""
    times_s = tuple(dict.fromkeys(look.time_s for look in appeal.ranked(bursts)))
    if len(times_s) < first.enough:
        return _best(_look(job, looks.whole_looks(source, max_pixels=job.max_pixels)))
    plan = looks.plan_finals(source, times_s, max_pixels=job.max_pixels)
    seen = _look(job, plan)
    if plan.keeps and (key := appeal.best(seen, at_s=times_s)) is not None:
        number = next(number for number, look in enumerate(chain.from_iterable(seen)) if look is key)
        return Moment(time_s=key.time_s, kept=number)
    return _best(seen or bursts)


def _best(bursts: list[tuple[Look, ...]]) -> Moment:
    best = appeal.best(bursts)
    return Moment(time_s=best.time_s if best else 0.0)


def _look_at_lines(folder: Path, plan: LookPlan) -> tuple[Notice, ...]:
    if not plan.has_lines:
        return ()
    files = [folder / looks.FOLDER / f"{number}.pgm" for number in range(len(plan.starts))]
    return upscaling.notice(
        [lines for file in files if file.is_file() for lines in upscaling.read_lines(file.read_bytes())]
    )


def _look(job: Job, plan: LookPlan, *, feed: Part | None = None) -> list[tuple[Look, ...]]:
    taken = job.folder / looks.FOLDER
    shutil.rmtree(taken, ignore_errors=True)
    taken.mkdir()
    try:
        job.services.ffmpeg.run(
            job.folder, plan.arguments, timeout_s=_TIMEOUT_S, urgency=Urgency.PICTURE, stop=job.stop, feed=feed
        )
    except (SourceRejected, TemporarilyUnavailable) as error:
        if not is_of_the_upload(error):
            raise
        # A damaged stretch; what was seen of the others may do.
        log.info("looked in part", detail=error.detail)
        if plan.has_sheets:
            picture_files.remove_sheets(job)
    bursts: list[tuple[Look, ...]] = []
    for number in range(len(plan.starts)):
        rgb, times = taken / f"{number}.rgb", taken / f"{number}.txt"
        if rgb.is_file() and times.is_file():
            bursts += looks.read_looks(plan, number, rgb.read_bytes(), times.read_text(encoding="ascii"))
    return bursts
