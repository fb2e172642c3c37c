"""Examine the ends of an upload that is arriving and has no index: its beginning, and its end, which tells its length.

ffprobe reads a transport stream's length off its last time stamps. So it is given a file of the upload's first and last
bytes: it reads the same as it would of the whole, and says the same, down to the digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from tasks.adapters.disk import write_at
from tasks.adapters.object_store import RangeNotSatisfiable
from tasks.errors import TemporarilyUnavailable
from tasks.media.fronts.ts import PROBED_BYTES
from tasks.media.opening import LATE_S
from tasks.media.probed import items, number, text
from tasks.media.source import SoundSource, Source
from tasks.media.source_input import SOURCE_FILE
from tasks.media.transport.one_recording import Course, JoinedError
from tasks.media.transport.packets import UnclearError, form_of, found_in, starts
from tasks.media.transport.restarts import is_doubtful
from tasks.pipeline import examine
from tasks.pipeline.job import Job

_ENDS: Final = f"{SOURCE_FILE}-ends"
_HEAD_BYTES: Final = 1024
# 250 kB, which ffmpeg looks at first, doubled three times, as it does where a stream is not among them.
_END_BYTES: Final = 2_000_000


def packets_of(job: Job) -> tuple[int, int] | None:
    """The form of the upload's packets, by `tasks.media.transport.packets.form_of`; None if it is no transport stream.

    Raises:
        OSError: the disk failed.
    """
    with (job.folder / SOURCE_FILE).open("rb") as file:
        return form_of(file.read(_HEAD_BYTES))


def probe(job: Job, packets: tuple[int, int]) -> Source | SoundSource | None:
    """Ask ffprobe what the upload is, by its ends; None if they don't tell.

    Raises:
        SourceRejected: it is nothing we take, or will only tell when all of it is there.
        OSError: the disk failed.
        As `ObjectStore.exactly`, but for an unavailable store; process.Stopped: the job was stopped.
    """
    ends = job.folder / _ENDS
    try:
        first, last = _lay(job, ends)
        answer = examine.ask(job.services, job.folder, name=_ENDS, is_whole=False, measures_length=False, stop=job.stop)
    except (TemporarilyUnavailable, RangeNotSatisfiable):
        return None
    finally:
        ends.unlink(missing_ok=True)
    try:
        lasting_s = _lasting_s(first, packets)
        is_told = _tracks(answer) <= _timed(last, packets) and not _is_any_late(answer, lasting_s)
        # What is doubtful is measured, by the packets of the whole.
        is_believed = is_told and not is_doubtful(
            [(0.0, 0.0), (lasting_s, len(first))], job.upload.size_bytes, _claimed_s(answer)
        )
    except (UnclearError, JoinedError):
        return None
    return examine.read(job.services, answer) if is_believed else None


def _lay(job: Job, ends: Path) -> tuple[bytearray, bytearray]:
    """Write the file; returns the upload's first and last bytes."""
    size_bytes, source = job.upload.size_bytes, job.work.source
    part = range(max(0, size_bytes - _END_BYTES), size_bytes)
    bucket = job.services.settings.incoming_bucket
    with closing(job.services.store.exactly(bucket, source.key, etag=source.etag, part=part)) as stream:
        last = bytearray().join(stream.chunks)
    # Each copy of so much takes longer than all that is done with it.
    first = bytearray(min(PROBED_BYTES, job.upload.there))
    with (job.folder / SOURCE_FILE).open("rb", buffering=0) as begun:
        read = begun.readinto(first)
    del first[read:]
    with ends.open("xb", buffering=0) as file:
        write_at(file.fileno(), first, 0)
        write_at(file.fileno(), last, len(first))
    return first, last


def _tracks(answer: Mapping[str, object]) -> set[int]:
    """The numbers of the streams (PIDs) that are seen or heard."""
    streams = (each for each in items(answer.get("streams")) if each.get("codec_type") in ("audio", "video"))
    return {int(text(each, "id") or "-1", 16) for each in streams}


def _timed(last: bytearray, packets: tuple[int, int]) -> set[int]:
    """The numbers of the streams whose times the last bytes tell: another's length would be an estimate."""
    parts = [(part.pids, starts(part)) for part in found_in(last, 0, packets)]
    return {int(pid) for pids, begun in parts for pid in pids[begun.numbers[begun.is_media]]}


def _is_any_late(answer: Mapping[str, object], lasting_s: float) -> bool:
    """Whether a stream begins behind the upload's beginning, or a picture so late that ffprobe looked for it all over.

    It would be found among the last bytes, and be said to begin there, and to be as short as what is there of it.
    """
    begin_s = number(answer.get("format"), "start_time") or 0.0
    for each in items(answer.get("streams")):
        kind, late_s = each.get("codec_type"), number(each, "start_time")
        most_s = min(lasting_s, LATE_S) if kind == "video" else lasting_s
        if kind in ("audio", "video") and (late_s is None or late_s - begin_s >= most_s):
            return True
    return False


def _lasting_s(first: bytearray, packets: tuple[int, int]) -> float:
    course = Course()
    for part in found_in(first, 0, packets):
        course.add(part)
    return course.lasts_s


def _claimed_s(answer: Mapping[str, object]) -> float:
    return number(answer.get("format"), "duration") or 0.0
