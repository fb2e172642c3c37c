"""Reading MXF from front to back: which files allow it, and how they are laid out for it.

MXF (SMPTE ST 377-1) has its essence in partitions, and behind these or at the end the tables that tell when each
picture is shown. A program that reads a pipe sees them too late, and takes pictures for a frame later than they are. So
all tables are put in front of the essence, which then lies there in one piece, as its own places count it. What stood
between its parts is made up for by a fill item: the file is as long as the object.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from tasks.media.fronts.index import FrontIndex, Looking, Window
from tasks.media.unsuited import UnsuitedError

UNIVERSAL_LABEL: Final = bytes.fromhex("060e2b34")
"""The first bytes of every key, and so of the file."""

_PACK: Final = bytes.fromhex("060e2b34020501010d01020101")
_HEADER, _BODY, _FOOTER, _RANDOM_INDEX = 0x02, 0x03, 0x04, 0x11
_PACKS: Final = frozenset({_HEADER, _BODY, _FOOTER, _RANDOM_INDEX})
# What an open or incomplete header tells, length and all, may be wrong.
_CLOSED_AND_COMPLETE: Final = 0x04
_TABLE: Final = bytes.fromhex("060e2b34025301010d01020101100100")
_FILL: Final = bytes.fromhex("060e2b34010101020301021001000000")
# The generic container's (ST 379): its elements, and the system items before them.
_ESSENCE: Final = bytes.fromhex("0d010301")
_KEY_BYTES: Final = 16
_MOST_HEAD_BYTES: Final = _KEY_BYTES + 9
_LONG_LENGTH: Final = 0x87
_FILL_HEAD_BYTES: Final = _KEY_BYTES + 8
# Version, alignment, three places, two sizes, the table's number, the essence's place and number; then the operational
# pattern and the labels of the essence.
_PARTITION: Final = struct.Struct(">HHIQQQQQIQI")
_FOOTER_AT, _TABLE_AT, _BODY_NUMBER_AT = 24, 40, 60
_PATTERN_AT: Final = 64
_OP1A: Final = b"\x01\x01"
_ENTRY: Final = struct.Struct(">IQ")

# Ten seconds to a partition, as XDCAM has it, are an hour and more; a store 25 ms away answers in two seconds.
_MOST_PARTITIONS: Final = 512
_MOST_LOOKS: Final = 3 * _MOST_PARTITIONS
_PARTITION_LOOK_BYTES: Final = 16 * 1024
_END_BYTES: Final = 64 * 1024
_MOST_HEADER_BYTES: Final = 8 * 1024**2
# Of a frame: what belongs to the system, its picture, its sound.
_FIRST_ITEMS: Final = 4
_MOST_PREFIX_BYTES: Final = 64 * 1024**2


@dataclass(frozen=True, kw_only=True)
class _Item:
    """A KLV item: its key, and where it, its value and what follows begin."""

    key: bytes
    place: int
    start: int
    end: int

    @property
    def is_essence(self) -> bool:
        return self.key[8:12] == _ESSENCE

    @property
    def pack(self) -> int | None:
        """The kind of a partition or of the random index; None for other items."""
        return self.key[13] if self.key.startswith(_PACK) and self.key[13] in _PACKS else None


@dataclass(kw_only=True)
class _Partition:
    """What a partition says of itself, and where in it are its metadata's end and its essence, if it has any."""

    value: bytes
    tables: list[bytes] = field(default_factory=list)
    metadata_end: int = 0
    essence_at: int | None = None

    @property
    def table_number(self) -> int:
        return int(_PARTITION.unpack_from(self.value)[8])

    @property
    def essence_offset(self) -> int:
        """The place of its first byte in the essence of all partitions."""
        return int(_PARTITION.unpack_from(self.value)[9])

    @property
    def essence_number(self) -> int:
        return int(_PARTITION.unpack_from(self.value)[10])


@dataclass(kw_only=True)
class _Essence:
    """The parts of the essence, as byte ranges of the object, and the number that all of them have."""

    number: int = 0
    pieces: list[tuple[int, int]] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, window: Window, partition: _Partition, end: int) -> Looking[None]:
        """Take that of the next partition, which ends there, if it has any."""
        first = partition.essence_at
        if first is None:
            return
        if not self.pieces:
            self.number = partition.essence_number
            yield from _check_frames(window, first, end)
        follows = (partition.essence_number, partition.essence_offset) == (self.number, self.size_bytes)
        if first >= end or not follows:
            raise UnsuitedError
        self.pieces.append((first, end))
        self.size_bytes += end - first


def laid(window: Window) -> Looking[FrontIndex]:
    """The layout of the MXF file behind ``window``.

    Raises:
        UnsuitedError: it is not OP1a with frames of sound and picture by turns, not closed, without tables of its
            pictures or without an index of its partitions, damaged or in too many parts.
        struct.error, ValueError, OverflowError: it can't be understood.
    """
    header = yield from _header(window)
    front = yield from window.read(0, header.metadata_end)
    window.ahead_bytes, window.most_looks = _PARTITION_LOOK_BYTES, _MOST_LOOKS
    places = yield from _places(window)
    essence = _Essence()
    yield from essence.add(window, header, places[1])
    parts = [header]
    yield from window.fetch(places[1:-1])
    for place, end in pairwise(places[1:]):
        parts.append((yield from _partition(window, place, end)))
        yield from essence.add(window, parts[-1], end)
    return _laid(front, parts, essence, window.size_bytes)


def _header(window: Window) -> Looking[_Partition]:
    item = yield from _item(window, 0)
    if item.pack != _HEADER or item.key[14] != _CLOSED_AND_COMPLETE:
        raise UnsuitedError
    header = yield from _partition(window, 0, window.size_bytes)
    if header.value[_PATTERN_AT + 12 : _PATTERN_AT + 14] != _OP1A:
        raise UnsuitedError
    return header


def _partition(window: Window, place: int, end: int) -> Looking[_Partition]:
    """The partition from ``place`` on, up to its essence or the next one, which begins at ``end`` at the latest."""
    pack = yield from _item(window, place)
    if pack.pack in {None, _RANDOM_INDEX}:
        raise UnsuitedError
    found = _Partition(value=(yield from window.read(pack.start, pack.end)))
    first = place = found.metadata_end = pack.end
    # Essence that is not known as such could be walked through for long.
    while place - first <= _MOST_HEADER_BYTES:
        if place >= end:
            return found
        item = yield from _item(window, place)
        if item.is_essence:
            found.essence_at = place
            return found
        if item.pack is not None:
            return found
        if item.key == _TABLE:
            found.tables.append((yield from window.read(item.place, item.end)))
        elif not found.tables:
            found.metadata_end = item.end
        place = item.end
    raise UnsuitedError


def _check_frames(window: Window, first: int, end: int) -> Looking[None]:
    """Check that the essence is frame-wrapped: no first item has the sound or picture of all the partition."""
    place = first
    for _ in range(_FIRST_ITEMS):
        if place >= end:
            return
        item = yield from _item(window, place)
        if item.end - place > (end - first) // 2:
            raise UnsuitedError
        place = item.end


def _places(window: Window) -> Looking[list[int]]:
    """Where all partitions begin, and the last one ends, by the random index pack at the file's end."""
    size_bytes = window.size_bytes
    tail = yield from window.read(max(0, size_bytes - _END_BYTES), size_bytes)
    length = int.from_bytes(tail[-4:])
    if length > _MOST_PARTITIONS * _ENTRY.size:
        raise UnsuitedError
    item = yield from _item(window, size_bytes - length)
    if item.pack != _RANDOM_INDEX or item.end != size_bytes:
        raise UnsuitedError
    entries = yield from window.read(item.start, size_bytes - 4)
    places = [*(place for _, place in _ENTRY.iter_unpack(entries)), item.place]
    if places[0] or any(one >= other for one, other in pairwise(places)):
        raise UnsuitedError
    return places


def _item(window: Window, place: int) -> Looking[_Item]:
    if place < 0:
        raise UnsuitedError
    head = yield from window.read(place, min(place + _MOST_HEAD_BYTES, window.size_bytes))
    if not head.startswith(UNIVERSAL_LABEL) or len(head) <= _KEY_BYTES:
        raise UnsuitedError
    length, start = head[_KEY_BYTES], place + _KEY_BYTES + 1
    # ISO/IEC 8825-1: a short length, or how many bytes the long one has.
    if length & 0x80:
        more = length & 0x7F
        length, start = int.from_bytes(head[_KEY_BYTES + 1 : _KEY_BYTES + 1 + more]), start + more
        if not 0 < more <= _MOST_HEAD_BYTES - _KEY_BYTES - 1:
            raise UnsuitedError
    if start + length > window.size_bytes:
        raise UnsuitedError
    return _Item(key=head[:_KEY_BYTES], place=place, start=start, end=start + length)


def _laid(front: bytes, parts: list[_Partition], essence: _Essence, size_bytes: int) -> FrontIndex:
    tables = b"".join(dict.fromkeys(table for part in parts for table in part.tables))
    if not (essence.number and tables):
        raise UnsuitedError
    header = parts[0].value
    front = _without_what_follows(front)
    table_number = next(part.table_number for part in parts if part.tables)
    pack_bytes = _KEY_BYTES + 4 + len(header)
    missing = size_bytes - essence.size_bytes - len(front) - pack_bytes - len(tables)
    if missing < _FILL_HEAD_BYTES or size_bytes - essence.size_bytes > _MOST_PREFIX_BYTES:
        raise UnsuitedError
    fill = _FILL + bytes([_LONG_LENGTH]) + (missing - _FILL_HEAD_BYTES).to_bytes(7) + bytes(missing - _FILL_HEAD_BYTES)
    version = _PARTITION.unpack_from(header)[:2]
    told = _PARTITION.pack(*version, 1, len(front), 0, 0, 0, len(tables) + missing, table_number, 0, essence.number)
    pack = _PACK + bytes([_BODY, _CLOSED_AND_COMPLETE, 0, 0x83]) + len(header).to_bytes(3) + told + header[_PATTERN_AT:]
    prefix = front + pack + tables + fill
    return FrontIndex(prefix=prefix, pieces=tuple(essence.pieces), lead_bytes=len(prefix))


def _without_what_follows(front: bytes) -> bytes:
    """The header partition, changed to have no footer, and no index tables or essence of its own."""
    changed = bytearray(front)
    # Its head is as long as its length is written.
    start = _KEY_BYTES + 1 + (front[_KEY_BYTES] & 0x7F if front[_KEY_BYTES] & 0x80 else 0)
    changed[start + _FOOTER_AT : start + _FOOTER_AT + 8] = bytes(8)
    changed[start + _TABLE_AT : start + _TABLE_AT + 12] = bytes(12)
    changed[start + _BODY_NUMBER_AT : start + _BODY_NUMBER_AT + 4] = bytes(4)
    return bytes(changed)
