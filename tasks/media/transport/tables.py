"""Tables in an MPEG-2 transport stream (ISO/IEC 13818-1, 2.4.4): which programmes there are, and of which streams."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from tasks.media.transport.packets import Bytes2D, Packets, Starts

Kind: TypeAlias = tuple[int, ...]
"""What a stream is: its type (2.4.4.10), and the tags of descriptors that tell more of private data."""

TABLE_OF_MAPS: Final = 0

# A map has 1024 bytes at most (2.4.4.9), and its packets are sent together, or nearly.
_MOST_FURTHER: Final = 6
_NEAR: Final = 1000
_CRC_BYTES: Final = 4
# Their checksum takes the highest bit of each byte first, zlib the lowest: of reversed bytes it is the same. A section
# and its own checksum leave `_INTACT`.
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_INTACT: Final = 0xFFFFFFFF
_IN_FORCE: Final = 2
_MAP: Final = 2
# Descriptors that tell what is in private data (type 6): AC-3, E-AC-3, DTS, AAC, teletext, subtitles, codecs by name.
_TELLING: Final = frozenset({0x05, 0x56, 0x59, 0x6A, 0x7A, 0x7B, 0x7C})
_PRIVATE: Final = 6
# MPEG-1 and -2, MPEG-4, H.264, JPEG 2000, HEVC, VVC, AVS, VC-1.
_PICTURES: Final = frozenset({0x01, 0x02, 0x10, 0x1B, 0x21, 0x24, 0x33, 0x42, 0xD1, 0xD2, 0xD4, 0xEA})
# MPEG-1 and -2, AAC in its two forms, AC-3, and what a descriptor in private data tells.
_AC3, _DTS = 0x81, -1
_SOUND: Final = frozenset({0x03, 0x0F, 0x11, _AC3, _DTS})
# Who decodes MPEG-2 decodes MPEG-1, and who E-AC-3, AC-3.
_CODECS: Final = {0x01: 0x02, 0x04: 0x03, 0x87: _AC3}
# In Europe these are private data (ETSI EN 300 468, annex D).
_TOLD: Final = {0x6A: _AC3, 0x7A: _AC3, 0x7B: _DTS}


def tables_in(packets: Packets, begun: Starts, streams: Set[int]) -> Iterator[tuple[int, int, bytes]]:
    """The tables that begin in these packets of these streams: the stream's number, the place, and the bytes.

    One that goes on in packets close by is told whole: a broadcaster's map, that names many streams, fills some.
    """
    pids, places = packets.pids, packets.places
    chosen = np.isin(pids[begun.numbers], [*streams])
    for number, column in zip(begun.numbers[chosen].tolist(), begun.columns[chosen].tolist(), strict=True):
        table = packets.rows[number, column:].tobytes()
        if _extent(table).stop > len(table):
            further = np.flatnonzero(pids[number + 1 : number + 1 + _NEAR] == pids[number])[:_MOST_FURTHER]
            table += _continued(packets.rows[number + 1 + further])
        yield int(pids[number]), int(places[number]), table


def read_maps(section: bytes) -> tuple[int, ...]:
    """The numbers of the streams with program maps, from a PAT; none if it is another table, or damaged."""
    return tuple(pid for pid, _ in read_list(section))


def read_list(section: bytes) -> tuple[tuple[int, int], ...]:
    """The same, each with the number of its programme."""
    body = _section(section, TABLE_OF_MAPS)
    entries = (body[place : place + 4] for place in range(5, len(body) - 3, 4))
    return tuple((int.from_bytes(each[2:]) & 0x1FFF, int.from_bytes(each[:2])) for each in entries if any(each[:2]))


def read_part(section: bytes) -> tuple[int, int]:
    """Which part of a list of maps a PAT is, and which is the last, both counted from 0; read as `read_maps` does."""
    body = _section(section, TABLE_OF_MAPS)
    return (body[3], body[4]) if len(body) > 4 else (0, 0)


@dataclass(frozen=True, kw_only=True)
class Programme:
    """A programme by its map: its number, and what kind each of its streams is."""

    number: int
    kinds: Mapping[int, Kind]

    @property
    def is_seen(self) -> bool:
        """Whether it has a picture."""
        return are_seen(self.kinds)

    def recoded(self, earlier: Mapping[int, Kind]) -> list[int]:
        """The streams in both that have another codec: of a picture, there or now, or of sound, there and now."""
        codecs = {pid: {codec_of(kind), codec_of(earlier[pid])} for pid, kind in self.kinds.items() if pid in earlier}
        return [pid for pid, both in codecs.items() if len(both) > 1 and (both & _PICTURES or both <= _SOUND)]


def are_seen(kinds: Mapping[int, Kind]) -> bool:
    """Whether any of these streams is a picture."""
    return any(kind in _PICTURES for kind, *_ in kinds.values())


def read_programme(section: bytes) -> Programme | None:
    """A programme's map; None if it is another table, or damaged."""
    body = _section(section, _MAP)
    if len(body) < 9:
        return None
    place, kinds = 9 + (int.from_bytes(body[7:9]) & 0xFFF), dict[int, Kind]()
    while place + 5 <= len(body):
        end = place + 5 + (int.from_bytes(body[place + 3 : place + 5]) & 0xFFF)
        tags, at = [], place + 5
        while body[place] == _PRIVATE and at + 2 <= end <= len(body):
            tags.append(body[at])
            at += 2 + body[at + 1]
        telling = sorted(_TELLING.intersection(tags))
        kinds.setdefault(int.from_bytes(body[place + 1 : place + 3]) & 0x1FFF, (body[place], *telling))
        place = end
    return Programme(number=int.from_bytes(body[:2]), kinds=kinds)


def codec_of(kind: Kind) -> int:
    """The type of such a stream, of several for one codec always the same."""
    told = [_TOLD[tag] for tag in kind[1:] if tag in _TOLD]
    return told[0] if told else _CODECS.get(kind[0], kind[0])


def _section(payload: bytes, table: int) -> bytes:
    """The body of a table that is complete: what follows its length, without the checksum.

    Nothing if the checksum (ISO/IEC 13818-1, Annex A) shows that it is damaged, or if it is to come into force later.
    """
    extent = _extent(payload)
    section = payload[extent.start : extent.stop]
    if section[:1] != bytes([table]):
        return b""
    is_intact = len(section) == len(extent) and zlib.crc32(section.translate(_REVERSED)) == _INTACT
    body = section[3:-_CRC_BYTES] if is_intact else b""
    # Multiplexers may announce the next one beforehand (``current_next_indicator``).
    return body if len(body) > _IN_FORCE and body[_IN_FORCE] & 1 else b""


def _extent(payload: bytes) -> range:
    """From where to where the table goes that begins there, by what it says itself."""
    begin = 1 + payload[0] if payload else 0
    return range(begin, begin + 3 + (int.from_bytes(payload[begin + 1 : begin + 3]) & 0xFFF))


def _continued(rows: Bytes2D) -> bytes:
    """What these packets of one stream hold, up to where something else begins in it or one is damaged."""
    found = b""
    for row in rows:
        if row[1] & 0xC0:
            break
        if row[3] & 0x10:
            found += row[4 + (1 + int(row[4]) if row[3] & 0x20 else 0) :].tobytes()
    return found
