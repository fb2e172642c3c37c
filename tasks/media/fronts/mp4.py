"""Reading MP4 and MOV from front to back: which files allow it, and how the index of the others is moved to the front.

ISO base media files (ISO/IEC 14496-12) and their elder, QuickTime's, keep an index of all samples, ``moov``, often
behind the media. Put in front, with its chunk offsets moved, it lets a program begin while the rest is still arriving.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tasks.media.fronts.index import FrontIndex, Looking, Window
from tasks.media.mp4 import sample_tables
from tasks.media.mp4.boxes import box_at
from tasks.media.unsuited import UnsuitedError

_PLAIN: Final = frozenset({b"free", b"skip", b"wide", b"uuid", b"pdin", b"udta"})
_MOST_BOXES: Final = 1000
_MOST_INDEX_BYTES: Final = 32 * 1024**2
_MOST_OTHER_BYTES: Final = 64 * 1024
# Boxes with further places in the file: of items (still pictures), and of what encryption adds to samples.
_OTHER_PLACES: Final = (b"iloc", b"saio")


@dataclass(kw_only=True)
class _Found:
    """The object's outermost boxes: ``ftyp``, the index with the size of its head and its place, and the media's."""

    brand: bytes = b""
    index: bytes = b""
    index_head: int = 0
    index_at: tuple[int, int] = (0, 0)
    media: list[tuple[int, int]] = field(default_factory=list)
    media_at: int = 0


def laid(window: Window) -> Looking[FrontIndex]:
    """The layout of the MP4 or MOV file behind ``window``.

    Raises:
        UnsuitedError: it has another format, is fragmented, damaged or refers to other files, or its sound and picture
            lie far apart.
        TemporarilyUnavailable, struct.error, ValueError, OverflowError: it can't be understood.
    """
    size_bytes = window.size_bytes
    found, place = _Found(), 0
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
        return FrontIndex(prefix=b"", pieces=((0, size_bytes),), lead_bytes=found.media_at)
    sample_tables.move(tracks, before=first, by=len(index))
    if not int.from_bytes(index[:4]):
        # "To the end of the file", where it is no more.
        index[:4] = len(index).to_bytes(4)
    brand = len(found.brand)
    pieces = ((brand, first), (end, size_bytes))
    return FrontIndex(
        prefix=found.brand + index,
        pieces=tuple(piece for piece in pieces if piece[0] < piece[1]),
        lead_bytes=found.media_at + len(index),
    )


def _has_other_places(body: bytes) -> bool:
    # Wherever they are in it. Four bytes that look so by chance only cost time.
    return any(word in body for word in _OTHER_PLACES)
