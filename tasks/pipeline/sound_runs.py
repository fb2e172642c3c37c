"""The sound runs: measure the loudness, decide what is published, and encode it, all beside the video's encode.

A long clip is first encoded by what its beginning tells, so that it can be played soon. If the whole says otherwise,
the sound is made once more, which costs little, and that is what is published.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import structlog

from tasks.adapters.ffmpeg import Urgency
from tasks.adapters.machine import usable_cores
from tasks.media import encode
from tasks.media.sound.programmes import Programme
from tasks.media.source import Source
from tasks.media.source_input import RESTARTING_CLOCKS
from tasks.media.threads import sound_pace
from tasks.pipeline import packaging, uploaded
from tasks.pipeline.examine_sound import Heard, listen
from tasks.pipeline.job import Job
from tasks.pipeline.streaming import Stream
from tasks.records import keys

log: Final = structlog.get_logger()
_HEARD_WHOLE_S: Final = 60.0
_HEARD_FIRST_S: Final = 20.0
# EBU R 128 allows as much; less is not heard.
_SAME_GAIN_DB: Final = 0.5
_CORRECTED: Final = f"-{keys.HEARD_WHOLE}"


def make(job: Job, source: Source, stream: Stream, urgency: Urgency) -> Heard:
    """Encode the sound into ``out/hls/``, a folder for each of the programmes that are returned.

    ``urgency`` is that of its measuring, which comes first.

    Raises:
        SourceRejected: a track that could be heard can't be encoded.
        TemporarilyUnavailable: ffmpeg was killed, stalled, overran, ran out of disk or left a part out.
        process.Stopped: the job was stopped.
    """
    services, folder, rung = job.services, job.folder, job.ladder.audio
    is_long = not 0 < source.duration_s <= _HEARD_WHOLE_S
    first_s = _HEARD_FIRST_S if is_long else None
    if is_long:
        uploaded.have_s(job, source, _HEARD_FIRST_S)
    feed = None if is_long else job.upload.part()
    heard = listen(services, folder, source, rung, stop=job.stop, first_s=first_s, urgency=urgency, feed=feed)
    stream.follow_sound(heard.programmes)
    _encode(job, source, heard.programmes)
    if not is_long:
        _verify(folder, source, heard)
        return heard
    # It plays already.
    job.upload.whole(job.stop, is_patient=True)
    whole = listen(services, folder, source, rung, stop=job.stop, urgency=Urgency.UNHURRIED)
    if is_as_decided(heard.programmes, whole.programmes):
        whole = whole.with_gains_of(heard)
        _verify(folder, source, whole)
        return whole
    log.info("sound made once more", gains_db=[each.gain_db for each in whole.programmes])
    whole = whole.evolve(programmes=tuple(each.evolve(name=each.name + _CORRECTED) for each in whole.programmes))
    _encode(job, source, whole.programmes, is_paced=False)
    _verify(folder, source, whole)
    return whole


def _verify(folder: Path, source: Source, heard: Heard) -> None:
    # If clocks may restart, measuring the sound alone and encoding it beside the video count from different times.
    if source.container not in RESTARTING_CLOCKS:
        packaging.verify_sound(folder, heard.programmes, heard.lengths_s)


def is_as_decided(first: tuple[Programme, ...], whole: tuple[Programme, ...]) -> bool:
    """The same programmes were chosen by the beginning as by the whole, and at levels that sound the same."""
    return [each.tracks for each in first] == [each.tracks for each in whole] and all(
        abs(one.gain_db - other.gain_db) <= _SAME_GAIN_DB for one, other in zip(first, whole, strict=True)
    )


def _encode(job: Job, source: Source, programmes: tuple[Programme, ...], *, is_paced: bool = True) -> None:
    if not programmes:
        return
    settings = job.services.settings
    pace = sound_pace(settings.encode_cores or usable_cores(), source.video.pixels) if is_paced else None
    run = encode.plan_sound(source, job.ladder, programmes, max_pixels=job.max_pixels, pace=pace)
    for track in run.tracks:
        (job.output / encode.HLS / track).mkdir(parents=True)
    job.services.ffmpeg.run(
        job.folder,
        run.arguments,
        timeout_s=600 + (source.duration_s or settings.max_duration_s),
        on_progress=lambda _: None,
        longest_s=source.longest_s(settings.max_duration_s),
        # Its first segments take a tenth of what the picture's do, and are there in time all the same.
        urgency=Urgency.UNHURRIED,
        stop=job.stop,
        feed=job.upload.part(),
    )
