"""Packets of an MPEG-2 transport stream (ISO/IEC 13818-1): whose they are, and when what begins in them is due.

Times are ticks of 90 kHz, of 33 bits. All work on packets is done on many at once: ordinary streams are only looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

CLOCK: Final = 90_000
WRAP: Final = 1 << 33
NO_PROGRAMME: Final = 0x1FFF

_PACKET_BYTES: Final = 188
_SYNC: Final = 0x47
# Plain packets; those of Blu-ray and AVCHD, which begin with four bytes of arrival time; and those of tuners, which end
# with sixteen bytes for the correction of errors.
_FORMS: Final = ((188, 0), (192, 4), (204, 0))
_TOLD_BY: Final = 5
_HEAD_BYTES: Final = 19
_MOST_GAPS: Final = 64
_SOUGHT_BYTES: Final = 64 * 1024

Bytes2D = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Packets:
    """Consecutive packets in a file, the first one at ``place``: one in each row, its sync byte at column 0.

    They lie ``stride`` bytes apart. ``rows`` is a view: what is written to it is written to the file's bytes.
    """

    place: int
    stride: int
    rows: Bytes2D

    @property
    def end(self) -> int:
        """Where the last one ends in the file."""
        return self.place + self.stride * len(self.rows)

    @property
    def places(self) -> NDArray[np.int64]:
        """Where each lies in the file."""
        return self.place + self.stride * np.arange(len(self.rows), dtype=np.int64)

    @property
    def pids(self) -> NDArray[np.int64]:
        """The number of the stream that each belongs to."""
        return (self.rows[:, 1].astype(np.int64) & 0x1F) << 8 | self.rows[:, 2]

    def rename(self, pids: NDArray[np.int64]) -> None:
        """Give each packet that stream number; nothing begins in those of `NO_PROGRAMME`."""
        # ffmpeg takes whatever begins for a stream, whether a map names it or not.
        kept = np.where(pids == NO_PROGRAMME, 0xA0, 0xE0).astype(np.uint8)
        self.rows[:, 1] = (self.rows[:, 1] & kept) | (pids >> 8).astype(np.uint8)
        self.rows[:, 2] = (pids & 0xFF).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class Starts:
    """Of those packets in which something begins: their numbers, and the column where it does."""

    numbers: NDArray[np.int64]
    columns: NDArray[np.int64]
    heads: Bytes2D

    @property
    def is_media(self) -> NDArray[np.bool_]:
        """Whether it is media with a time stamp; else it is a table, or nothing that is known."""
        heads = self.heads
        begins = (heads[:, 0] == 0) & (heads[:, 1] == 0) & (heads[:, 2] == 1) & (heads[:, 3] >= 0xBD)
        return np.asarray(begins & (heads[:, 6] >> 6 == 2) & (heads[:, 7] & 0x80 > 0))

    @property
    def is_heard_or_seen(self) -> NDArray[np.bool_]:
        """Whether it is marked as sound or picture; some sound is private data, and not recognised here."""
        return np.asarray(self.is_media & (self.heads[:, 3] >= 0xC0) & (self.heads[:, 3] < 0xF0))

    @property
    def times(self) -> NDArray[np.int64]:
        """The decoding times of the media."""
        has_both = self.heads[:, 7] & 0x40 > 0
        return np.where(has_both, read_times(self.heads[:, 14:19]), read_times(self.heads[:, 9:14]))


def form_of(beginning: bytes) -> tuple[int, int] | None:
    """How far packets lie apart, and at which byte of each its sync byte is; None if these are no packets.

    The first may be cut off at its beginning.
    """
    for stride, lead in _FORMS:
        if _are_packets(beginning[lead:], stride):
            return stride, lead
    for stride, lead in _FORMS:
        if any(_are_packets(beginning[cut:], stride) for cut in range(stride)):
            return stride, lead
    return None


def _are_packets(data: bytes, stride: int) -> bool:
    return data[: (_TOLD_BY - 1) * stride + 1 : stride] == bytes([_SYNC] * _TOLD_BY)


class UnclearError(Exception):
    """There is too much to remember, or it is inconsistent; the stream stays as it is."""


def found_in(data: bytearray, place: int, form: tuple[int, int]) -> Iterator[Packets]:
    """All whole packets in ``data``, which is at ``place`` of the file; anything else is skipped.

    Raises:
        UnclearError: there is very much that is none.
    """
    stride, lead = form
    begin = 0
    for _ in range(_MOST_GAPS):
        if begin + stride > len(data):
            return
        rows = np.frombuffer(data, np.uint8, (len(data) - begin) // stride * stride, begin).reshape(-1, stride)
        is_packet = rows[:, lead] == _SYNC
        count = len(rows) if is_packet.all() else int(is_packet.argmin())
        if count:
            yield Packets(place=place + begin, stride=stride, rows=rows[:count, lead : lead + _PACKET_BYTES])
        begin += count * stride
        if count < len(rows):
            begin = _next(data, begin + 1, form)
    raise UnclearError


def starts(packets: Packets) -> Starts:
    """Where something begins in these packets."""
    rows = packets.rows
    numbers = np.flatnonzero((rows[:, 1] & 0x40 > 0) & (rows[:, 3] & 0x10 > 0) & (rows[:, 1] & 0x80 == 0))
    some = rows[numbers]
    columns = 4 + np.where(some[:, 3] & 0x20 > 0, 1 + some[:, 4].astype(np.int64), 0)
    fits = columns <= _PACKET_BYTES - _HEAD_BYTES
    numbers, columns, some = numbers[fits], columns[fits], some[fits]
    heads = np.take_along_axis(some, columns[:, None] + np.arange(_HEAD_BYTES), axis=1)
    return Starts(numbers=numbers, columns=columns, heads=heads)


def read_times(fields: Bytes2D) -> NDArray[np.int64]:
    """Time stamps out of their five bytes."""
    part = fields.astype(np.int64)
    return (part[:, 0] >> 1 & 7) << 30 | part[:, 1] << 22 | part[:, 2] >> 1 << 15 | part[:, 3] << 7 | part[:, 4] >> 1


def write_times(fields: Bytes2D, times: NDArray[np.int64]) -> None:
    """Write time stamps into their five bytes; the marker bits stay."""
    fields[:, 0] = (fields[:, 0] & 0xF1) | (times >> 29 & 0x0E)
    fields[:, 1] = times >> 22 & 0xFF
    fields[:, 2] = (times >> 14 & 0xFE) | 1
    fields[:, 3] = times >> 7 & 0xFF
    fields[:, 4] = (times << 1 & 0xFE) | 1


def shift_clocks(packets: Packets, ticks: NDArray[np.int64]) -> None:
    """Shift the programme's clock (PCR) by so many ticks, in each packet that has it."""
    rows = packets.rows
    numbers = np.flatnonzero((rows[:, 3] & 0x20 > 0) & (rows[:, 4] >= 7) & (rows[:, 5] & 0x10 > 0) & (ticks != 0))
    clock = rows[numbers, 6:11].astype(np.int64)
    base = clock[:, 0] << 25 | clock[:, 1] << 17 | clock[:, 2] << 9 | clock[:, 3] << 1 | clock[:, 4] >> 7
    base = (base + ticks[numbers]) % WRAP
    for column, shift in enumerate((25, 17, 9, 1)):
        rows[numbers, 6 + column] = base >> shift & 0xFF
    rows[numbers, 10] = (base << 7 & 0x80) | (clock[:, 4] & 0x7F)


def _next(data: bytearray, begin: int, form: tuple[int, int]) -> int:
    """Where the next packet begins that another follows."""
    stride, lead = form
    bytes_left = np.frombuffer(data, np.uint8)[begin + lead :]
    # Most are close by.
    for first in range(0, len(bytes_left) - stride, _SOUGHT_BYTES):
        marks = bytes_left[first : first + _SOUGHT_BYTES + stride] == _SYNC
        followed = marks[:-stride] & marks[stride:]
        if followed.any():
            return begin + first + int(followed.argmax())
    return len(data)
