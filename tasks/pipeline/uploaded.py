"""The upload in the workspace: work begins with the part that has been downloaded while the rest arrives."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from tasks.adapters import avi_index, film_index, mending
from tasks.adapters.arriving import Arriving
from tasks.adapters.ffprobe import KEY_FRAMES_OF_S
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media import parameter_sets, protection, stream_reading, timing
from tasks.media.decoders import DECODERS_OF_ALPHA
from tasks.media.mp4 import key_frames
from tasks.media.parameter_sets import Told, read_record
from tasks.media.sound.programmes import candidates, published
from tasks.media.source import AudioStream, Recording, SoundSource, Source, VideoStream
from tasks.media.source_input import SOURCE_FILE
from tasks.media.stream_reading import WITHOUT_ALPHA
from tasks.media.transport import left_out
from tasks.media.transport.aspects import Aspects
from tasks.media.transport.packets import NO_PROGRAMME
from tasks.media.unsuited import UnsuitedError
from tasks.pipeline import examine, examine_ends, examine_part
from tasks.pipeline.job import Job
from tasks.pipeline.services import Services
from tasks.records.base import Notice
from tasks.records.clip_record import Work

log: Final = structlog.get_logger()
# A second at the beginning may take more bytes than one later on.
_UNEVENNESS: Final = 1.25
_MP4: Final = "mov"
_AVI: Final = "avi"
_OGG: Final = "ogg"
_UNREADABLE: Final = frozenset({"unreadable", "not_media", "no_video"})


def bring(
    services: Services, folder: Path, work: Work, *, waits_for_all: bool = False, should_stop: Callable[[], bool]
) -> Arriving:
    """Download the version's upload to `SOURCE_FILE` in the folder; the caller closes what is returned.

    Its beginning is there, from which probing tells everything; all of it, where it can't be read from front to back,
    or with ``waits_for_all``.

    Raises:
        As `Sources.begin`.
    """
    return services.sources.begin(
        services.settings.incoming_bucket,
        work.source.key,
        folder / SOURCE_FILE,
        etag=work.source.etag,
        size_bytes=work.source.size_bytes,
        waits_for_all=waits_for_all,
        should_stop=should_stop,
    )


def probe(job: Job) -> Source | SoundSource:
    """Ask ffprobe what the upload is, by its beginning or else by all of it.

    Raises:
        As `examine.probe` and `Arriving.whole`; OSError: the disk failed.
    """
    try:
        probed = _probed(job)
    except SourceRejected as error:
        # What is encrypted looks as if it were damaged.
        if error.code in _UNREADABLE and _is_protected(
            job, film_index.read(_path(job), job.upload.there), is_read=False
        ):
            raise protection.encrypted() from error
        raise
    changes: frozenset[str] = frozenset()
    index = _index(job, probed)
    if _is_protected(job, index):
        raise protection.encrypted()
    if index is not None:
        with suppress(UnsuitedError, TemporarilyUnavailable, struct.error, ValueError):
            changes = parameter_sets.change(memoryview(index))
    if "soun" in changes:
        probed = replace(probed, audio=tuple(replace(track, may_change=True) for track in probed.audio))
    if "vide" in changes and isinstance(probed, Source):
        probed = replace(probed, video=replace(probed.video, changes_coding=True))
    if isinstance(probed, Source):
        probed = replace(probed, video=_with_sure_alpha(job, probed.video))
    if isinstance(probed, Source) and (held := _held(job, probed.video, probed.container)):
        # Dropped pictures at the end look like a file that is cut off.
        probed = replace(probed, video=replace(probed.video, held=held))
    return probed


def _is_protected(job: Job, index: bytes | None, *, is_read: bool = True) -> bool:
    if index is not None:
        return protection.is_film_protected(memoryview(index))
    with _path(job).open("rb") as file:
        head = file.read(min(protection.HEAD_BYTES, job.upload.there))
    return protection.is_protected(head) or (not is_read and protection.is_scrambled(head))


def _with_sure_alpha(job: Job, video: VideoStream) -> VideoStream:
    """The picture without transparency that WebM keeps beside only some of its packets.

    After one packet with it, ffmpeg's libvpx decoders silently give no picture for a packet without.
    """
    if not video.colour.has_alpha or video.codec not in DECODERS_OF_ALPHA:
        return video
    job.upload.whole(job.stop)
    if job.services.ffprobe.is_transparent_throughout(job.folder, SOURCE_FILE, video.index, stop=job.stop):
        return video
    log.info("transparent in part, shown as opaque")
    return replace(video, colour=video.colour.evolve(has_alpha=False), pixel_format=WITHOUT_ALPHA)


def _held(job: Job, video: VideoStream, container: str) -> int:
    if container == _AVI:
        held = avi_index.dropped_at_end(job.folder / SOURCE_FILE, video.index)
    elif container == _OGG:
        held = job.services.ffprobe.empty_at_end(job.folder, SOURCE_FILE, video.index, stop=job.stop)
    else:
        return 0
    return held if held < (video.duration_s or 0) * video.frame_rate else 0


def _probed(job: Job) -> Source | SoundSource:
    if not job.upload.is_whole:
        try:
            probed = _probed_by_a_part(job)
        except SourceRejected as error:
            log.info("not told by its beginning", code=error.code)
        else:
            # Where no picture could be decoded yet, neither its colours nor its scan are known.
            if isinstance(probed, Source) and probed.video.pixel_format and not probed.unreadable_audio:
                return probed
        job.upload.whole(job.stop)
    return examine.probe(job.services, job.folder, stop=job.stop)


def _probed_by_a_part(job: Job) -> Source | SoundSource | None:
    packets = examine_ends.packets_of(job)
    if packets is not None:
        return examine_ends.probe(job, packets)
    answer = examine.ask(job.services, job.folder, is_whole=False, measures_length=False, stop=job.stop)
    # Else it is measured, by the packets of the whole.
    is_told = timing.is_length_told(answer.get("format")) and stream_reading.have_pictures_begun(answer)
    return examine.read(job.services, answer) if is_told else None


def have_s(job: Job, source: Recording, end_s: float) -> None:
    """Wait until the part of the file before ``end_s`` is there; the rest may look like a file's early end.

    Raises:
        As `Arriving.whole`.
    """
    share = share_of(source, end_s)
    if share >= 1:
        job.upload.whole(job.stop)
    elif not job.upload.is_whole:
        job.upload.wait_for_share(share, job.stop)


def key_frame_gap_s(job: Job, source: Source) -> float | None:
    """The longest time, in seconds, between two key frames; None if it is unknown.

    A film's index tells it of all of the film, its end being one of them; of what has none, the first half minute is
    looked at.

    Raises:
        As `Ffprobe.key_frame_gap_s` and `Arriving.whole`; OSError: the disk failed.
    """
    if index := _index(job, source):
        try:
            return key_frames.widest_gap_s(memoryview(index))
        except (UnsuitedError, TemporarilyUnavailable, struct.error, ValueError, LookupError):
            log.info("key frames not told by the index")
    have_s(job, source, KEY_FRAMES_OF_S)
    probe = job.services.ffprobe

    def ask(name: str, stream: int) -> float | None:
        return probe.key_frame_gap_s(job.folder, name, stream, stop=job.stop)

    return examine_part.of_pictures(job, source, ask, first_s=KEY_FRAMES_OF_S)


def parameter_sets_of(job: Job, source: Source) -> tuple[Told, ...]:
    """The H.264 parameter sets in the file's index; none if it has no index.

    Raises:
        OSError: the disk failed.
    """
    index = _index(job, source)
    if not index:
        return ()
    try:
        return tuple(told for each in parameter_sets.records(memoryview(index)) for told in read_record(each))
    except (UnsuitedError, TemporarilyUnavailable, struct.error, ValueError):
        return ()


def joint_notices(job: Job, source: Recording) -> tuple[Notice, ...]:
    """Notices of what of the upload, all of which is there, is not shown, or in the shape of what it begins with.

    Reading a transport stream for that takes half a second for each gigabyte; other files are not read.

    Raises:
        process.Stopped: the job was stopped; OSError: the disk failed.
    """
    if source.container != "mpegts":
        return ()
    shown = source.video.pid if isinstance(source, Source) else None
    if isinstance(source, Source) and shown is None:
        return ()
    pictures, sound = left_out.pictures(), left_out.sound()
    shapes = Aspects(pid=NO_PROGRAMME if shown is None else shown)
    if not mending.watch(job.folder / SOURCE_FILE, pictures, sound, shapes, is_stopped=job.stop.is_set):
        return ()
    unseen_s = pictures.missed_s(set() if shown is None else {shown})
    # What takes turns with the main sound is a track of its own, if it is seen in time, but is not published for that.
    heard = [_pids(each.tracks) for each in published(candidates(source), job.ladder.audio.languages)]
    own = _pids(each for each in source.audio if each.index in source.companions)
    unheard_s = sound.missed_s(heard[0], others=set().union(*heard[1:]), own=own) if heard and heard[0] else 0
    return (*left_out.left_out_notice(unseen_s, unheard_s), *shapes.notice())


def _pids(tracks: Iterable[AudioStream]) -> set[int]:
    return {each.pid for each in tracks if each.pid is not None}


def _index(job: Job, source: Recording) -> bytes | None:
    if source.container != _MP4:
        return None
    return film_index.read(_path(job), job.upload.there)


def _path(job: Job) -> Path:
    return job.folder / SOURCE_FILE


def share_of(source: Recording, end_s: float) -> float:
    """The share of the file, from its beginning, that contains everything before ``end_s``; at most 1."""
    return min(1.0, end_s * _UNEVENNESS / source.duration_s) if source.duration_s else 1.0
