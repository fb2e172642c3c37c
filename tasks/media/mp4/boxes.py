"""Reading boxes (ISO/IEC 14496-12), and of our own CMAF files (23000-19) the times in each part.

Only boxes that packaging needs are looked at; `boxes` and `box_at` walk through any. All times are in the track's own
timescale unless a name ends in ``_s``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from mmap import mmap
from typing import Final, TypeVar

from tasks.errors import TemporarilyUnavailable
from tasks.records.base import Value

_VISUAL: Final = ("avc1", "hvc1", "av01")
_VISUAL_ENTRY_BYTES: Final = 78
_SIZE_AT: Final = 24
_SOUND_ENTRY_BYTES: Final = 28
_NOT_SYNC: Final = 0x0001_0000
# A view of a larger buffer gives views.
_Data = TypeVar("_Data", bytes, memoryview)


class Header(Value):
    """An initialization section: ticks per second, how far the edit list moves media times, the sample entry.

    ``entry`` is its four-letter type, ``configuration`` the boxes in it (``avcC``, ``hvcC``, ``av1C``, ``esds``, …).
    ``edit_offset`` is added to a media time to give the time at which it is presented; priming makes it negative.
    ``width`` and ``height`` are a picture's, 0 those of sound.
    """

    timescale: int
    edit_offset: int
    entry: str
    configuration: bytes
    width: int = 0
    height: int = 0


class Fragment(Value):
    """A segment's one movie fragment.

    ``offset`` and ``size_bytes`` span the fragment's head and its first sample: what a player needs to show that one.
    That sample is the last ``first_bytes`` of the span.
    """

    decode_time: int
    start: int
    duration: int
    samples: int
    offset: int
    size_bytes: int
    begins_with_key_frame: bool
    first_bytes: int = 0


def read_header(init: bytes) -> Header:
    """Read an initialization section with one track.

    Raises:
        TemporarilyUnavailable: it is none (``encoder_output_damaged``).
    """
    try:
        movie = _one(init, "moov")
        track = _one(movie, "trak")
        media = _one(track, "mdia")
        timescale = ticks_per_s(_one(media, "mdhd"))
        descriptions = _one(_one(_one(media, "minf"), "stbl"), "stsd")
        entry, body = next(boxes(descriptions[8:]))
        width, height = struct.unpack_from(">HH", body, _SIZE_AT) if entry in _VISUAL else (0, 0)
        return Header(
            timescale=timescale,
            edit_offset=_edit_offset(track, timescale, ticks_per_s(_one(movie, "mvhd"))),
            entry=entry,
            configuration=body[_VISUAL_ENTRY_BYTES if entry in _VISUAL else _SOUND_ENTRY_BYTES :],
            width=width,
            height=height,
        )
    except (struct.error, StopIteration, ZeroDivisionError) as error:
        raise _damaged(f"the initialization section: {error!r}") from error


def bytes_before_media(segment: bytes | mmap, size_bytes: int) -> int | None:
    """How many bytes of a segment of that size `read_fragment` needs; ``segment`` is its beginning.

    None where that is too short to tell, or the media are not its last box.
    """
    offset = 0
    while offset + 16 <= len(segment):
        size, kind, head = box_at(segment, offset)
        if kind == b"mdat":
            return offset + head if not size or offset + size == size_bytes else None
        if size < head:
            return None
        offset += size
    return None


def read_fragment(segment: bytes, header: Header, size_bytes: int | None = None) -> Fragment:
    """Read a segment. ``start`` is when its first picture or sound is presented.

    With ``size_bytes``, the whole one's size, ``segment`` is what `bytes_before_media` asks for of it.

    Raises:
        TemporarilyUnavailable: it is not one fragment with its media behind it (``encoder_output_damaged``).
    """
    size_bytes = len(segment) if size_bytes is None else size_bytes
    try:
        heads = [(offset, body) for offset, kind, body in _placed(segment, size_bytes) if kind == "moof"]
        if len(heads) != 1:
            raise _damaged(f"{len(heads)} fragments in a segment")
        offset, fragment = heads[0]
        track = _one(fragment, "traf")
        default_duration, default_size, default_flags = _defaults(_one(track, "tfhd"))
        times = _one(track, "tfdt")
        (decode_time,) = struct.unpack_from(">Q" if times[0] else ">I", times, 4)
        run = _one(track, "trun")
        flags = int.from_bytes(run[1:4])
        (count, data_offset) = struct.unpack_from(">Ii", run, 4)
        place = 12
        first_flags = default_flags
        if flags & 0x4:
            (first_flags,) = struct.unpack_from(">I", run, place)
            place += 4
        elapsed, starts, first_size, all_bytes = 0, [], 0, 0
        for number in range(count):
            duration, size, composition = default_duration, default_size, 0
            if flags & 0x100:
                (duration,) = struct.unpack_from(">I", run, place)
                place += 4
            if flags & 0x200:
                (size,) = struct.unpack_from(">I", run, place)
                place += 4
            if flags & 0x400:
                (sample_flags,) = struct.unpack_from(">I", run, place)
                first_flags = sample_flags if number == 0 else first_flags
                place += 4
            if flags & 0x800:
                (composition,) = struct.unpack_from(">i" if run[0] else ">I", run, place)
                place += 4
            first_size = size if number == 0 else first_size
            all_bytes += size
            starts.append(decode_time + elapsed + composition)
            elapsed += duration
        # default-base-is-moof: the run's data offset counts from the fragment's first byte.
        shown_bytes = data_offset + first_size
        end = offset + data_offset + all_bytes
        if not count or end > size_bytes:
            raise _damaged(f"{count} samples that end at {end} of {size_bytes} bytes")
        return Fragment(
            decode_time=decode_time,
            start=min(starts) + header.edit_offset,
            duration=elapsed,
            samples=count,
            offset=offset,
            size_bytes=shown_bytes,
            begins_with_key_frame=not first_flags & _NOT_SYNC,
            first_bytes=first_size,
        )
    except struct.error as error:
        raise _damaged(f"a segment: {error}") from error


def boxes(data: _Data) -> Iterator[tuple[str, _Data]]:
    """The boxes in ``data``, one after the other: type and body.

    Raises:
        TemporarilyUnavailable: one is larger than what is there (``encoder_output_damaged``).
    """
    for _, kind, body in _placed(data, len(data)):
        yield kind, body


def find(data: bytes, kind: str) -> bytes | None:
    """The body of the first box of that type, or None."""
    return next((body for found, body in boxes(data) if found == kind), None)


def _placed(data: _Data, size_bytes: int) -> Iterator[tuple[int, str, _Data]]:
    offset = 0
    while offset + 8 <= len(data):
        size, kind, head = box_at(data, offset)
        if size == 0:
            size = size_bytes - offset
        if size < head or offset + size > size_bytes:
            raise _damaged(f"a box {kind!r} of {size} bytes at {offset} of {size_bytes}")
        yield offset, kind.decode("latin-1"), data[offset + head : offset + size]
        offset += size


def box_at(data: bytes | memoryview | mmap, offset: int) -> tuple[int, bytes, int]:
    """The size of the box (0: it goes on to the end), its type, and the size of its head.

    Raises:
        struct.error: ``data`` ends before its head does.
    """
    size, kind = struct.unpack_from(">I4s", data, offset)
    if size != 1:
        return size, kind, 8
    (size,) = struct.unpack_from(">Q", data, offset + 8)
    return size, kind, 16


def _one(data: bytes, kind: str) -> bytes:
    body = find(data, kind)
    if body is None:
        raise _damaged(f"no {kind} box")
    return body


def ticks_per_s(body: bytes | memoryview) -> int:
    """The timescale of an ``mvhd`` or ``mdhd``."""
    # Both begin alike: creation and modification time, then the timescale.
    (timescale,) = struct.unpack_from(">I", body, 20 if body[0] else 12)
    return int(timescale)


def _edit_offset(track: bytes, timescale: int, movie_timescale: int) -> int:
    edits = find(track, "edts")
    entries = edits and find(edits, "elst")
    if not entries:
        return 0
    (count,) = struct.unpack_from(">I", entries, 4)
    delay = 0
    for number in range(count):
        form, step = (">Qq", 20) if entries[0] else (">Ii", 12)
        duration, media_time = struct.unpack_from(form, entries, 8 + number * step)
        if media_time >= 0:
            return delay - int(media_time)
        delay += duration * timescale // movie_timescale
    return delay


def _defaults(body: bytes) -> tuple[int, int, int]:
    flags = int.from_bytes(body[1:4])
    place = 8
    for flag, width in ((0x1, 8), (0x2, 4)):
        place += width if flags & flag else 0
    values = []
    for flag in (0x8, 0x10, 0x20):
        value = 0
        if flags & flag:
            (value,) = struct.unpack_from(">I", body, place)
            place += 4
        values.append(value)
    return values[0], values[1], values[2]


def _damaged(detail: str) -> TemporarilyUnavailable:
    return TemporarilyUnavailable("encoder_output_damaged", "The encoder made a damaged file.", detail)
