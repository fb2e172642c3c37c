"""The poster of an audio-only clip: its cover, else its waveform."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import structlog

from tasks.errors import SourceRejected
from tasks.media import poster
from tasks.media.ladder import Ladder
from tasks.media.poster import Still
from tasks.media.sound.programmes import candidates
from tasks.media.sound.waveform import plan_waveform
from tasks.media.source import SoundSource, Source
from tasks.pipeline.job import Job
from tasks.pipeline.poster_making import Taken, publish_still

log: Final = structlog.get_logger()
_SHORTEST_TIMEOUT_S: Final = 60.0


def take(job: Job, source: SoundSource) -> Taken:
    """Make the JPEG and upload it.

    Raises:
        SourceRejected: neither the cover nor any of the tracks can be decoded (``undecodable``).
        process.Stopped: the job was stopped.
    """
    job.output.mkdir(exist_ok=True)
    made_at = job.output / poster.POSTER
    for still in _stills(source, job.ladder, job.max_pixels):
        timeout_s = _SHORTEST_TIMEOUT_S + source.duration_s
        try:
            job.services.ffmpeg.run(job.folder, still.arguments, timeout_s=timeout_s, stop=job.stop)
        except SourceRejected as error:
            log.info("not drawn", clip=job.name, detail=error.detail)
            continue
        if made_at.is_file() and made_at.stat().st_size:
            return publish_still(job, still, 0.0)
    raise SourceRejected("undecodable", "Nothing in this file could be decoded.", "neither cover nor waveform")


def _stills(source: SoundSource, ladder: Ladder, max_pixels: int) -> Iterator[Still]:
    if source.cover is not None:
        shown = Source(container=source.container, duration_s=0.0, video=source.cover, audio=())
        yield poster.plan_poster(shown, ladder, 0.0, max_pixels=max_pixels)
    for programme in candidates(source):
        yield plan_waveform(programme, ladder, max_pixels=max_pixels)
