"""Making the poster: take the best frame as a JPEG, then make its further sizes and formats."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from tasks.adapters.ffmpeg import Urgency
from tasks.errors import SourceRejected
from tasks.media import poster
from tasks.media.poster import Still
from tasks.media.source import Source
from tasks.media.thumbhash import thumbhash
from tasks.pipeline import examine_picture, picture_files, poster_search
from tasks.pipeline.job import Job
from tasks.pipeline.poster_search import Moment
from tasks.records.base import Notice
from tasks.records.clip_facts import Poster, PosterSource

_TIMEOUT_S: Final = 60.0
_UPLOADS_AT_A_TIME: Final = 6


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A poster whose JPEG is uploaded, and the still in the workspace."""

    poster: Poster
    still: Still
    notices: tuple[Notice, ...] = ()


def take(job: Job, source: Source) -> Taken:
    """Find the frame, or take the one that an editor chose, and upload the JPEG.

    Raises:
        SourceRejected: no frame can be decoded (``undecodable``).
        process.Stopped: the job was stopped.
    """
    wish_s = job.work.poster_wish_s
    notices: tuple[Notice, ...] = ()
    if wish_s is None:
        found, notices = poster_search.find(job, source)
        moments: tuple[Moment, ...] = (found, Moment(time_s=found.time_s))
    else:
        job.upload.whole(job.stop)
        # At the very end of a clip there may be no picture any more, but one a moment before.
        moments = (Moment(time_s=wish_s), Moment(time_s=max(0.0, wish_s - 0.5)))
    # Only now: while this task looked for the frame another may have measured the scan.
    source = examine_picture.recall(job, source)
    job.output.mkdir(exist_ok=True)
    made_at = job.output / poster.POSTER
    # A file with odd time stamps may have nothing where it was looked at; its first frame will do.
    for moment in dict.fromkeys((*moments, Moment(time_s=0.0))):
        # What was kept before its fields were known of is no still.
        kept = None if source.video.is_interlaced else moment.kept
        still = poster.plan_poster(source, job.ladder, moment.time_s, max_pixels=job.max_pixels, kept=kept)
        try:
            _run(job, still.arguments)
        except SourceRejected:
            # The look that kept it may have ended half-way; the upload itself still has it.
            if kept is None:
                raise
            continue
        if made_at.is_file() and made_at.stat().st_size:
            break
    else:
        times = ", ".join(f"{moment.time_s:g}" for moment in moments)
        raise SourceRejected("undecodable", "No picture in this file could be decoded.", f"nothing at {times} s")
    return replace(publish_still(job, still, moment.time_s), notices=notices)


def publish_still(job: Job, still: Still, time_s: float) -> Taken:
    """Upload the JPEG that the still's run has made; ``time_s`` is the frame's time in the clip."""
    wish_s = job.work.poster_wish_s
    picture_files.upload(job, poster.POSTER, to=_placed(poster.POSTER, wish_s))
    gist = thumbhash(still.thumb_width, still.thumb_height, (job.folder / poster.THUMB).read_bytes())
    made = Poster(
        url=f"{job.work.version}/{_placed(poster.POSTER, wish_s)}",
        width=still.width,
        height=still.height,
        time_s=time_s,
        thumbhash=base64.b64encode(gist).decode("ascii"),
        chosen_s=wish_s,
    )
    return Taken(poster=made, still=still)


def vary(job: Job, taken: Taken) -> Poster:
    """Make and upload the poster's other sizes and formats; returns the poster that names them.

    Raises:
        process.Stopped: the job was stopped.
    """
    arguments, variants = poster.plan_variants(job.ladder, taken.still)
    _run(job, arguments)
    made = [each.path for each in variants if each.path != poster.POSTER]
    to = {each.path: _placed(each.path, taken.poster.chosen_s) for each in variants}
    with ThreadPoolExecutor(_UPLOADS_AT_A_TIME) as pool:
        list(pool.map(lambda path: picture_files.upload(job, path, to=to[path]), made))
    return taken.poster.evolve(
        sources=tuple(
            PosterSource(
                url=f"{job.work.version}/{to[each.path]}", type=each.type, width=each.width, height=each.height
            )
            for each in variants
        )
    )


def _run(job: Job, arguments: Sequence[str]) -> None:
    job.services.ffmpeg.run(job.folder, arguments, timeout_s=_TIMEOUT_S, urgency=Urgency.PICTURE, stop=job.stop)


def _placed(path: str, wish_s: float | None) -> str:
    """Where a poster's file lies below its version: what was put there once never changes, so each choice has a name
    of its own, ``poster-at-<milliseconds>…``.
    """
    return path if wish_s is None else path.replace("poster", f"poster-at-{round(wish_s * 1000)}", 1)
