"""The services of line 21, parted pair by pair."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.media.captions.line21 import RCWT_HEADER
from tasks.media.captions.line21_channels import parted
from tests.captioned import Pair

FIRST, SECOND, TEXT, ERASE = (0x14, 0x20), (0x1C, 0x20), (0x14, 0x2B), (0x14, 0x2C)
A, B, C = (0x41, 0x41), (0x42, 0x42), (0x43, 0x43)
PROGRAMME, PROGRAMME_END = (0x01, 0x03), (0x0F, 0x1D)


def odd(byte: int) -> int:
    return byte if byte.bit_count() % 2 else byte | 0x80


def written(pairs: list[Pair], *, field: int = 1) -> bytes:
    """RCWT of one pair in each millisecond."""
    blocks = (
        struct.pack("<qH", time, 1) + bytes((0xFB + field, odd(one), odd(two))) for time, (one, two) in enumerate(pairs)
    )
    return RCWT_HEADER + b"".join(blocks)


def read(rcwt: bytes) -> list[tuple[int, Pair]]:
    """Times and pairs, their parity checked; those that say nothing are passed over."""
    found = []
    for at in range(len(RCWT_HEADER), len(rcwt), 13):
        time, count, _, one, two = struct.unpack_from("<qHBBB", rcwt, at)
        assert (count, one, two) == (1, odd(one & 0x7F), odd(two & 0x7F))
        if one & 0x7F:
            found.append((time, (one & 0x7F, two & 0x7F)))
    return found


@pytest.mark.parametrize("field", [1, 2])
@pytest.mark.parametrize(
    ("pairs", "first", "second"),
    [
        # What nobody announced is the first channel's.
        ([A, FIRST, B], [(0, A), (1, FIRST), (2, B)], []),
        ([FIRST, A, SECOND, B, FIRST, C], [(0, FIRST), (1, A), (4, FIRST), (5, C)], [(2, FIRST), (3, B)]),
        # Text is left out, until captions go on; what erases them holds meanwhile.
        ([FIRST, A, TEXT, B, ERASE, B, FIRST, C], [(0, FIRST), (1, A), (4, ERASE), (6, FIRST), (7, C)], []),
    ],
)
def test_each_pair_goes_to_the_service_that_speaks(
    field: int, pairs: list[Pair], first: list[tuple[int, Pair]], second: list[tuple[int, Pair]]
) -> None:
    made = parted(written(pairs, field=field))
    assert [read(each) for each in made] == [first, second]


@pytest.mark.parametrize(
    ("field", "first"),
    [
        # Data on the programme break in, and end, or are broken into.
        (2, [(0, FIRST), (4, A), (7, FIRST), (8, A)]),
        # There the other field has none: those bytes came wrong.
        (1, [(0, FIRST), (2, B), (4, A), (6, B), (7, FIRST), (8, A)]),
    ],
)
def test_data_on_the_programme_are_left_out(field: int, first: list[tuple[int, Pair]]) -> None:
    pairs = [FIRST, PROGRAMME, B, PROGRAMME_END, A, PROGRAMME, B, FIRST, A]
    assert [read(each) if each else [] for each in parted(written(pairs, field=field))] == [first, []]


def test_between_two_commands_what_was_taken_out_leaves_a_gap() -> None:
    _, second = parted(written([SECOND, FIRST, SECOND, (0, 0), SECOND]))
    pairs = [second[at + 11 : at + 13] for at in range(len(RCWT_HEADER), len(second), 13)]
    assert [bool(pair[0] & 0x7F) for pair in pairs] == [True, False, True, False, True]


def test_the_fields_do_not_mind_each_other() -> None:
    both = struct.pack("<qH", 0, 2) + bytes((0xFC, odd(0x1C), odd(0x20), 0xFD, odd(0x41), odd(0x41)))
    first, second = parted(RCWT_HEADER + both)
    assert first[len(RCWT_HEADER) + 10 :] == bytes((0xFC, 0x80, 0x80, 0xFD, odd(0x41), odd(0x41)))
    assert second[len(RCWT_HEADER) + 10 :] == bytes((0xFC, odd(0x14), odd(0x20), 0xFD, 0x80, 0x80))


@given(st.binary(max_size=200))
def test_no_input_breaks_it(data: bytes) -> None:
    parted(RCWT_HEADER + data)
