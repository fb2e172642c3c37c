"""MPEG-2's sequence headers tell where a broadcast changes its shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.media.transport.aspects import Aspects
from tasks.media.transport.packets import Packets

PID, OTHER = 0x100, 0x200
SD, HD, HD_1440 = (720, 576), (1920, 1080), (1440, 1080)
HD_960, SMALLER_HD, VGA, SIF = (960, 1080), (960, 720), (640, 480), (352, 288)
SQUARE, NARROW, WIDE, UNKNOWN = 1, 2, 3, 9


def headed(time_s: int, size: tuple[int, int], kind: int, *, pid: int = PID) -> bytes:
    """A packet in which a picture of that time begins with a sequence header."""
    ticks = time_s * 90_000
    stamp = bytes([0x21 | ticks >> 29 & 0x0E, ticks >> 22 & 0xFF, ticks >> 14 & 0xFE | 1, ticks >> 7 & 0xFF])
    pes = bytes([0, 0, 1, 0xE0, 0, 0, 0x80, 0x80, 5]) + stamp + bytes([ticks << 1 & 0xFE | 1])
    width, height = size
    header = b"\0\0\1\xb3" + bytes([width >> 4, width << 4 & 0xF0 | height >> 8, height & 0xFF, kind << 4 | 3])
    return (bytes([0x47, 0x40 | pid >> 8, pid & 0xFF, 0x10]) + pes + header).ljust(188, b"\xff")


def told(*made: bytes) -> Aspects:
    aspects = Aspects(pid=PID)
    for each in made:
        aspects.add(Packets(place=0, stride=188, rows=np.frombuffer(bytearray(each), np.uint8).reshape(-1, 188)))
    return aspects


@pytest.mark.parametrize(
    ("first", "second", "changes"),
    [
        ((SD, NARROW), (SD, WIDE), True),
        ((SD, WIDE), (SD, NARROW), True),
        ((SD, WIDE), (SD, WIDE), False),
        ((HD, WIDE), (SD, NARROW), True),
        ((HD, SQUARE), (SD, WIDE), False),
        # These are as large, but their pixels aren't square.
        ((HD, WIDE), (HD_960, WIDE), False),
        ((HD, WIDE), (SMALLER_HD, WIDE), True),
        ((HD, WIDE), (SIF, WIDE), True),
        # These get bars.
        ((HD, WIDE), (VGA, NARROW), False),
        ((HD, WIDE), (VGA, WIDE), True),
        ((SD, NARROW), (HD, WIDE), False),
        ((HD_1440, WIDE), (HD, SQUARE), False),
        ((SD, NARROW), (SD, UNKNOWN), False),
    ],
)
def test_a_shape_that_is_not_shown_as_it_is_is_told(
    first: tuple[tuple[int, int], int], second: tuple[tuple[int, int], int], changes: bool
) -> None:
    aspects = told(headed(10, *first), headed(12, *first), headed(15, *second))
    assert aspects.changed_s == (5 if changes else None)
    assert bool(aspects.notice()) == changes


def test_a_clock_that_jumps_is_no_time_that_is_shown() -> None:
    stream = [headed(time_s, SD, NARROW) for time_s in (10, 12, 5000, 5003, 3, 5)]
    assert told(*stream, headed(6, SD, WIDE)).changed_s == 2 + 3 + 2 + 1


def test_the_shape_of_another_stream_does_not_count() -> None:
    assert told(headed(10, SD, NARROW), headed(11, SD, WIDE, pid=OTHER)).changed_s is None


@given(st.binary(min_size=184, max_size=184), st.integers(0, 255))
def test_whatever_a_packet_holds_can_be_looked_at(content: bytes, flags: int) -> None:
    told(headed(0, SD, NARROW), bytes([0x47, 0x41, 0x00, flags]) + content)
