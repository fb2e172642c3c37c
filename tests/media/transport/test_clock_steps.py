"""Steps of a transport stream's clock: which of them are its own, and how far what follows is moved."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.media.transport.clock_steps import find_steps
from tasks.media.transport.packets import CLOCK, WRAP

FRAME = CLOCK // 25
ONE = [number * FRAME for number in range(100)]
LATER = [time + 40 * FRAME for time in ONE]


def steps(**tracks: list[int]) -> list[tuple[int, int]]:
    """Place and ticks of each; the tracks' packets take turns in the file."""
    told = [
        (number * 10 + pid, pid, time % WRAP)
        for pid, times in enumerate(tracks.values())
        for number, time in enumerate(times)
    ]
    places, pids, times = (np.array(column, np.int64) for column in zip(*sorted(told), strict=True))
    return [(each.place, each.ticks) for each in find_steps(places, pids, times)]


def test_a_clock_that_begins_again_is_carried_on() -> None:
    assert steps(picture=ONE + ONE, sound=ONE + ONE) == [(1000, 100 * FRAME)]


def test_a_clock_that_runs_full_goes_on_by_itself() -> None:
    assert not steps(picture=[WRAP - 50 * FRAME + time for time in ONE])


@pytest.mark.parametrize("apart", [-30 * FRAME, 30 * FRAME, 5 * 3600 * CLOCK])
@pytest.mark.parametrize("place", [0, 1, 50, 98, 99])
def test_a_single_time_that_is_damaged_moves_nothing(place: int, apart: int) -> None:
    damaged = [*LATER[:place], LATER[place] + apart, *LATER[place + 1 :]]
    assert not steps(picture=damaged)
    assert not steps(picture=damaged, sound=LATER)


def test_a_damaged_time_hides_no_step() -> None:
    damaged = [*ONE[:50], ONE[50] + CLOCK * 60, *ONE[51:]]
    assert steps(picture=damaged + ONE, sound=ONE + ONE) == [(1000, 100 * FRAME)]


def test_one_track_alone_is_not_moved() -> None:
    assert not steps(picture=ONE + ONE, sound=ONE + [time + 100 * FRAME for time in ONE])
