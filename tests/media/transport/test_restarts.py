"""Clocks that start anew: when a claimed length is doubted, and how the true one is counted."""

from __future__ import annotations

import pytest

from tasks.media.transport.restarts import is_doubtful, played_s

BEGUN = [(0.04 * number, 1000.0) for number in range(126)]
"""Five seconds at 25 kB a second."""


@pytest.mark.parametrize(
    ("size_bytes", "claimed_s", "doubted"),
    [
        (1_500_000, 60, False),
        (1_500_000, 80, False),
        # As long again, on the same clock; after a jump ahead; after one back.
        (3_000_000, 60, True),
        (1_500_000, 20_000, True),
        (1_500_000, 75_000, True),
        # What is hardly longer than what was read costs nothing to count.
        (200_000, 8, True),
        (200_000, 0, False),
    ],
)
def test_a_length_that_does_not_go_with_the_pace_of_the_beginning_is_doubted(
    size_bytes: int, claimed_s: float, doubted: bool
) -> None:
    assert is_doubtful(BEGUN, size_bytes, claimed_s) is doubted


def test_nothing_is_doubted_where_nothing_could_be_read() -> None:
    assert not is_doubtful([], 1000, 60)


@pytest.mark.parametrize(
    ("times_s", "length_s"),
    [
        ((0, 1, 2, 3), 4),
        ((0, 1, 20_000, 20_001), 4),
        ((20_000, 20_001, 0, 1), 4),
        ((0, 1, 0, 1), 4),
        # A gap that ffmpeg fills.
        ((0, 1, 8, 9), 10),
        ((), 0),
    ],
)
def test_parts_are_counted_one_after_the_other(times_s: tuple[float, ...], length_s: float) -> None:
    assert played_s([[(time_s, 1.0) for time_s in times_s], []]) == pytest.approx(length_s)


def test_on_one_clock_a_track_that_begins_later_counts_to_its_end() -> None:
    picture, sound = [(0.0, 1.0), (9.0, 1.0)], [(4.0, 1.0), (13.0, 1.0)]
    assert played_s([picture, sound]) == 14
    assert played_s([[*picture, (0.0, 1.0), (9.0, 1.0)], sound]) == 20


def test_a_last_packet_that_ends_before_it_begins_adds_nothing() -> None:
    # Vorbis trims its end by what the container says; less than nothing comes as 2^32 samples.
    assert played_s([[(0.0, 1.0), (1.0, 2**32 / 44100)]]) == 1
