"""Reading a film from front to back: which MP4 and MOV files allow it, and how the others can be laid for it.

ISO base media files (ISO/IEC 14496-12) and their elder, QuickTime's, keep an index of all samples, ``moov``, often
behind the media. Put in front, with its chunk offsets moved, it lets a program begin while the rest is still arriving.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final

from tasks.errors import TemporarilyUnavailable
from tasks.media import sample_tables
from tasks.media.boxes import box_at
from tasks.media.sample_tables import UnsuitedError
from tasks.records.base import Value

_PLAIN: Final = frozenset({b"free", b"skip", b"wide", b"uuid", b"pdin", b"udta"})
# An index of that size is that of an hour; longer ones are asked for once more.
_LOOK_BYTES: Final = 1024**2
_MOST_LOOKS: Final = 8
_MOST_BOXES: Final = 1000
_MOST_INDEX_BYTES: Final = 32 * 1024**2
_MOST_OTHER_BYTES: Final = 64 * 1024
# Boxes with further places in the file: of items (still pictures), and of what encryption adds to samples.
_OTHER_PLACES: Final = (b"iloc", b"saio")


class FrontIndex(Value):
    """A file that can be read from front to back: ``prefix``, then these byte ranges of the object, as (first, end).

    It is as long as the object. ``media_at`` is the place in it where the first box of media begins.
    """

    prefix: bytes
    pieces: tuple[tuple[int, int], ...]
    media_at: int

    @property
    def is_as_uploaded(self) -> bool:
        """Whether the file is the object, byte for byte."""
        return not self.prefix


Looks = Generator[range, bytes, FrontIndex | None]
"""Yields the byte range of the object that it is to be sent next; returns what came out of it."""


def look(size_bytes: int) -> Looks:
    """Find out whether an object of that size can be read so, by parts of it, of which the first begins at its front.

    Each part is to be answered with just its bytes; there are 8 at most, and 40 MiB in all. The outcome is None for all
    other formats, for files that are fragmented, damaged or refer to others, and where sound and picture lie far apart.
    """
    try:
        return (yield from _looked(size_bytes))
    # Nothing is promised of a file that can't be understood; whoever reads it whole will say what is wrong.
    except (UnsuitedError, TemporarilyUnavailable, struct.error, ValueError, OverflowError):
        return None


@dataclass(kw_only=True)
class _Window:
    """The part of an object that is known at the moment."""

    size_bytes: int
    start: int = 0
    data: bytes = b""
    looks: int = 0

    def read(self, first: int, end: int) -> Generator[range, bytes, bytes]:
        if not self.start <= first <= end <= self.start + len(self.data):
            self.looks += 1
            if self.looks > _MOST_LOOKS:
                raise UnsuitedError
            wanted = range(first, min(max(end, first + _LOOK_BYTES), self.size_bytes))
            self.start, self.data = first, b""  # not both at once
            self.data = yield wanted
        return self.data[first - self.start : end - self.start]


@dataclass(kw_only=True)
class _Found:
    """The object's outermost boxes: ``ftyp``, the index with the size of its head and its place, and the media's."""

    brand: bytes = b""
    index: bytes = b""
    index_head: int = 0
    index_at: tuple[int, int] = (0, 0)
    media: list[tuple[int, int]] = field(default_factory=list)
    media_at: int = 0


def _looked(size_bytes: int) -> Looks:
    window, found, place = _Window(size_bytes=size_bytes), _Found(), 0
    for _ in range(_MOST_BOXES):
        if place + 8 > size_bytes:
            return _laid(found, size_bytes)
        data = yield from window.read(place, min(place + 16, size_bytes))
        size, kind, head = box_at(data, 0)
        size = size or size_bytes - place
        end = place + size
        if size < head or end > size_bytes:
            raise UnsuitedError
        if kind == b"mdat":
            found.media_at = found.media_at if found.media else place
            found.media.append((place + head, end))
        elif kind == b"moov" and not found.index and size <= _MOST_INDEX_BYTES:
            found.index = yield from window.read(place, end)
            found.index_head, found.index_at = head, (place, end)
        elif kind == b"ftyp" and place == 0 and size <= _MOST_OTHER_BYTES:
            found.brand = yield from window.read(place, end)
        elif kind == b"meta" and size <= _MOST_OTHER_BYTES:
            if _has_other_places((yield from window.read(place, end))):
                raise UnsuitedError
        elif kind not in _PLAIN:
            raise UnsuitedError
        place = end
    raise UnsuitedError


def _laid(found: _Found, size_bytes: int) -> FrontIndex:
    if not found.index or not found.media or _has_other_places(found.index):
        raise UnsuitedError
    index = bytearray(found.index)
    tracks = sample_tables.read(memoryview(index)[found.index_head :])
    sample_tables.check(tracks, found.media)
    first, end = found.index_at
    if first < found.media_at:
        return FrontIndex(prefix=b"", pieces=((0, size_bytes),), media_at=found.media_at)
    sample_tables.move(tracks, before=first, by=len(index))
    if not int.from_bytes(index[:4]):
        # "To the end of the file", where it is no more.
        index[:4] = len(index).to_bytes(4)
    brand = len(found.brand)
    pieces = ((brand, first), (end, size_bytes))
    return FrontIndex(
        prefix=found.brand + index,
        pieces=tuple(piece for piece in pieces if piece[0] < piece[1]),
        media_at=found.media_at + len(index),
    )


def _has_other_places(body: bytes) -> bool:
    # Wherever they are in it. Four bytes that look so by chance only cost time.
    return any(word in body for word in _OTHER_PLACES)
