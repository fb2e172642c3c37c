"""Pictures: the poster and the storyboard of one version, made from its downloaded source and added to the record."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

import structlog

from config import queues
from tasks.adapters.clock import utc_now
from tasks.adapters.ffmpeg import is_of_the_upload
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media import storyboard
from tasks.media.source import SoundSource, Source
from tasks.pipeline import finish, poster_making, sound_poster, storyboard_making
from tasks.pipeline.job import Job
from tasks.pipeline.poster_making import Taken
from tasks.pipeline.services import Services
from tasks.records import picture_steps
from tasks.records.base import Notice
from tasks.records.clip_facts import Poster
from tasks.records.clip_record import NO_POSTER, Work

log: Final = structlog.get_logger()
_PATIENCE_S: Final = 10.0
_TICK_S: Final = 0.1


def await_or_make(job: Job, source: Source | SoundSource) -> None:
    """Wait for, or make, the pictures of a version that is about to be published.

    While their own task is at work on them it is given a few seconds; one that still waits in its queue is not.

    Raises:
        process.Stopped: the job was stopped.
    """
    services, name = job.services, job.name
    deadline = time.monotonic() + _PATIENCE_S
    while (work := missing(services, name, job.work.version)) is not None and not job.stop.is_set():
        if services.doorbell.is_waiting(queues.THUMBNAILS_TASK, name) or time.monotonic() > deadline:
            try:
                make(replace(job, work=work), source)
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


def make(job: Job, source: Source | SoundSource) -> None:
    """Make what the version lacks, the poster first; if no picture can be decoded, its record says so.

    What is only heard has no storyboard.

    Raises:
        process.Stopped: the job was stopped.
    """
    services, name, work = job.services, job.name, job.work
    (job.output / storyboard.FOLDER).mkdir(parents=True, exist_ok=True)
    try:
        if work.poster is None or not work.poster.sources or work.poster.chosen_s != work.poster_wish_s:
            taken = _take(job, source)
            if work.poster is None:
                # Readers have a picture at once; one that takes another's place does so in all its forms.
                _add_poster(services, name, work.version, taken.poster, taken.notices)
                finish.announce(services, name)
            varied = poster_making.vary(job, taken)
            _add_poster(services, name, work.version, varied, taken.notices)
        if work.storyboard is None and isinstance(source, Source):
            sheets = storyboard_making.make(job, source)
            services.clips.update(
                name,
                lambda current: picture_steps.add_picture(
                    current, version=work.version, now=utc_now(), storyboard=sheets
                ),
            )
    except (SourceRejected, TemporarilyUnavailable) as error:
        if not is_of_the_upload(error):
            raise
        give_up(services, name, work.version, error)


def give_up(services: Services, name: str, version: str, error: SourceRejected | TemporarilyUnavailable) -> None:
    """Record that the version will have no poster or no storyboard, and why."""
    log.info("no picture", clip=name, code=error.code, detail=error.detail)
    message = "The poster or the storyboard is missing: too few of the clip's pictures could be decoded."
    notice = Notice(code=NO_POSTER, message=message)
    services.clips.update(
        name, lambda current: picture_steps.lack_picture(current, version=version, now=utc_now(), notice=notice)
    )


def _take(job: Job, source: Source | SoundSource) -> Taken:
    return sound_poster.take(job, source) if isinstance(source, SoundSource) else poster_making.take(job, source)


def _add_poster(services: Services, name: str, version: str, poster: Poster, notices: tuple[Notice, ...]) -> None:
    services.clips.update(
        name,
        lambda current: picture_steps.add_picture(
            current, version=version, now=utc_now(), poster=poster, warnings=notices
        ),
    )
