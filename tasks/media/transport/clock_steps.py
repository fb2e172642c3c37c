"""Steps of a transport stream's clock: where it goes back, and by how much the following times have to be shifted.

Times are ticks of 90 kHz, of 33 bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.media.transport.packets import CLOCK, WRAP, UnclearError

BACK: Final = CLOCK // 2
"""Decoding times of one stream never go back; where only some pictures tell them, those of presentation do by less."""

# All streams of a programme change over within so many bytes: what a multiplexer holds back.
_APART_BYTES: Final = 8 * 1024**2
_MOST_STEPS: Final = 64
_MOST_TRACKS: Final = 64
_MEASURED: Final = 50


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is added to all times from ``place`` on: the least that any stream needs to continue where it was.

    Streams in ``own_places`` change over there.
    """

    place: int
    own_places: Mapping[int, int]
    ticks: int


def find_steps(places: NDArray[np.int64], pids: NDArray[np.int64], times: NDArray[np.int64]) -> tuple[Step, ...]:
    """Where the clock goes back for all streams together; shifting one alone would put picture and sound out of sync.

    Told are, of all media in their order in the file, the place, the stream's number and the time.

    Raises:
        UnclearError: there are too many.
    """
    numbers = np.unique(pids)
    if len(numbers) > _MOST_TRACKS:
        raise UnclearError
    tracks = {int(pid): np.flatnonzero(pids == pid) for pid in numbers}
    back = sorted(
        (int(places[track[number + 1]]), pid, number)
        for pid, track in tracks.items()
        for number in _backs(times[track])
    )
    if len(back) > _MOST_STEPS * len(tracks):
        raise UnclearError
    steps: list[Step] = []
    while back:
        first = back[0][0]
        together: dict[int, tuple[int, int]] = {}
        while back and back[0][0] <= first + _APART_BYTES and back[0][1] not in together:
            place, pid, number = back.pop(0)
            together[pid] = (place, number)
        ended = min(int(places[tracks[pid][number]]) for pid, (_, number) in together.items())
        others = (track for pid, track in tracks.items() if pid not in together)
        if any(places[track[0]] < ended and places[track[-1]] >= first for track in others):
            break
        ticks = _ticks([(times[tracks[pid]], number) for pid, (_, number) in together.items()])
        own = {pid: place for pid, (place, _) in together.items()}
        steps.append(Step(place=first, own_places=own, ticks=ticks))
    return tuple(steps)


def apart(earlier: NDArray[np.int64], later: NDArray[np.int64]) -> NDArray[np.int64]:
    """How far the later ones are from the earlier; the clock may have wrapped around in between."""
    return np.asarray((later - earlier + WRAP // 2) % WRAP - WRAP // 2)


def _backs(times: NDArray[np.int64]) -> list[int]:
    """After which of a track's times its clock goes back and stays there; a single odd time is damage."""
    numbers = np.flatnonzero(_since(times) < -BACK)
    numbers = numbers[(numbers > 0) & (numbers < len(times) - 2)]
    before, behind = (times[numbers - 1], times[numbers]), (times[numbers + 1], times[numbers + 2])
    stays = (apart(before[0], behind[0]) < -BACK) & (apart(before[1], behind[1]) < -BACK)
    return [int(number) for number in numbers[stays]]


def _ticks(tracks: Sequence[tuple[NDArray[np.int64], int]]) -> int:
    """How far to shift what follows, by each track's times and the number of its last one before the step."""
    found = []
    for track, number in tracks:
        lengths = _since(track[max(0, number - _MEASURED) : number + 1])
        length = int(np.median(np.clip(lengths, 0, CLOCK))) if len(lengths) else 0
        found.append((length, int(track[number] - track[number + 1]) % WRAP))
    # Where little comes at a time it is known best when the last of it ends; of sound often much does.
    finest, back = min(found)
    return max(back + finest, *(each for _, each in found))


def _since(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """How far each time is from the one before."""
    return apart(times[:-1], times[1:])
