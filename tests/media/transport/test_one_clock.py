"""One clock or another, by the time stamps as they come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.media.transport.clock_steps import find_steps
from tasks.media.transport.one_clock import OneClock, OtherClockError
from tasks.media.transport.packets import CLOCK, WRAP

FRAME = CLOCK // 25
PICTURE, SOUND = 1, 2
APART_BYTES = 10_000

Told = list[tuple[int, int]]


def both(begin: int, count: int, *, from_ticks: int = 0) -> Told:
    """The time stamps of pictures and sound, which take turns."""
    times = [from_ticks + number * FRAME for number in range(begin, begin + count)]
    return [(pid, time) for time in times for pid in (PICTURE, SOUND)]


def taken(told: Told, *, at_a_time: int = 7) -> int:
    """How many time stamps pass before another clock is noticed."""
    clock = OneClock()
    for first in range(0, len(told), at_a_time):
        part = told[first : first + at_a_time]
        places = np.arange(first, first + len(part), dtype=np.int64) * APART_BYTES
        pids, times = (np.array(column, np.int64) for column in zip(*part, strict=True))
        try:
            clock.add(places, pids, times % WRAP, is_next=True)
        except OtherClockError:
            return first
    return len(told)


@pytest.mark.parametrize("at_a_time", [1, 7, 10_000])
@pytest.mark.parametrize("ticks", [-30 * FRAME, -5 * 3600 * CLOCK, 11 * CLOCK, WRAP // 2, 1 << 20])
def test_a_single_time_that_is_damaged_is_no_other_clock(ticks: int, at_a_time: int) -> None:
    told = both(0, 600)
    for place in (3, 500, 501):
        told[place] = (told[place][0], told[place][1] + ticks)
    assert taken(told, at_a_time=at_a_time) == len(told)


@pytest.mark.parametrize("at_a_time", [1, 7, 10_000])
@pytest.mark.parametrize("silent", [PICTURE, SOUND])
def test_a_track_that_is_silent_while_another_goes_on_is_of_its_clock(silent: int, at_a_time: int) -> None:
    told = [(pid, time) for pid, time in both(0, 2000) if pid != silent or not 300 < time // FRAME < 1000]
    assert taken(told, at_a_time=at_a_time) == len(told)


@pytest.mark.parametrize("from_ticks", [-20 * FRAME, 11 * CLOCK, 3600 * CLOCK, -3600 * CLOCK])
def test_another_clock_is_noticed_by_its_second_time(from_ticks: int) -> None:
    begun = both(0, 600)
    told = begun + both(600, 600, from_ticks=from_ticks)
    assert len(begun) <= taken(told, at_a_time=1) <= len(begun) + 3


def test_a_clock_that_jumps_while_new_tracks_come_is_another() -> None:
    begun = both(0, 600)
    follow = [(pid, time) for _, time in both(600, 600, from_ticks=60 * CLOCK) for pid in (3, SOUND)]
    assert len(begun) <= taken(begun + follow, at_a_time=1) <= len(begun) + 4


def test_what_is_in_doubt_is_not_read_past_for_long() -> None:
    told = both(0, 600)
    told[400] = (3, 0)
    told[402] = (3, -CLOCK)
    assert 402 < taken(told, at_a_time=1) <= 402 + 4 * 1024**2 / APART_BYTES + 1


@given(
    st.lists(st.tuples(st.integers(1, 8), st.sampled_from([1, 1, 1, -30, 20, 300, -300])), min_size=1, max_size=8),
    st.integers(1, 9),
)
def test_whatever_is_to_be_carried_on_is_noticed(runs: list[tuple[int, int]], at_a_time: int) -> None:
    times = [0]
    for count, frames in runs:
        times += [times[-1] + frames * FRAME + number * FRAME for number in range(count)]
    told = [(PICTURE, time) for time in times]
    places, pids = np.arange(len(told), dtype=np.int64), np.full(len(told), PICTURE)
    moved = find_steps(places, pids, np.array(times, np.int64) % WRAP)
    assert not moved or taken(told, at_a_time=at_a_time) < len(told)
