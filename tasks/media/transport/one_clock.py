"""Whether the time stamps of a transport stream go on as those of one clock, so far as has been seen of them.

Times are ticks of 90 kHz, of 33 bits. All of another clock that `clock_steps.find_steps` would carry on is told here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.media.transport.clock_steps import BACK, apart
from tasks.media.transport.packets import CLOCK, WRAP
from tasks.media.transport.restarts import MOST_STEP_S

_AHEAD: Final = round(MOST_STEP_S * CLOCK)
_MOST_TRACKS: Final = 64
# One that is damaged stands alone. Of another clock are two in succession, after which `clock_steps` moves them, too.
_BELIEVED: Final = 2
# The next one of a track mostly comes within a tenth of a second; nobody reads on for longer than this without it.
_DOUBTED_BYTES: Final = 4 * 1024**2


class OtherClockError(Exception):
    """The time stamps are of another clock, or of too many tracks."""


@dataclass(kw_only=True)
class _Doubt:
    """Time stamps of a track that don't fit those before: where in the file the first is, and how many there are."""

    place: int
    count: int = 0


@dataclass(kw_only=True)
class OneClock:
    """The last time stamps of each track, and how far it has come."""

    _last: dict[int, int] = field(default_factory=dict)
    _ticks: Counter[int] = field(default_factory=Counter)
    _doubts: dict[int, _Doubt] = field(default_factory=dict)

    @property
    def is_told(self) -> bool:
        """Whether there was any time stamp."""
        return bool(self._last)

    @property
    def lasts_s(self) -> float:
        """How far the longest track has come since its first time stamp, in seconds."""
        return max(self._ticks.values(), default=0) / CLOCK

    def add(
        self, places: NDArray[np.int64], pids: NDArray[np.int64], times: NDArray[np.int64], *, is_next: bool
    ) -> None:
        """Take in time stamps in their order, with their places and streams: the next ones, or unless ``is_next`` later
        ones.

        Raises:
            OtherClockError: they are of another clock.
        """
        if not is_next:
            # What follows it was not seen.
            self._doubts.clear()
        if not self._doubts and self._is_plain(pids, times, is_next=is_next):
            return
        skipped = set() if is_next else set(self._last)
        for place, pid, time in zip(places.tolist(), pids.tolist(), times.tolist(), strict=True):
            self._add_one(place, pid, time, is_skipped=pid in skipped)
            skipped.discard(pid)
            if any(place - doubt.place > _DOUBTED_BYTES for doubt in self._doubts.values()):
                raise OtherClockError
        self._check_tracks()

    def _is_plain(self, pids: NDArray[np.int64], times: NDArray[np.int64], *, is_next: bool) -> bool:
        """Take them in if all fit at first sight, as nearly always."""
        came = dict[int, tuple[int, int]]()
        for pid in np.unique(pids).tolist():
            own = times[pids == pid]
            steps = apart(own[:-1], own[1:])
            first = int(apart(np.array([self._last[pid]]), own[:1])[0]) if pid in self._last else 0
            if (steps < -BACK).any() or (steps > _AHEAD).any() or first < -BACK or (is_next and first > _AHEAD):
                return False
            came[pid] = (first + int(steps.sum()), int(own[-1]))
        for pid, (ticks, last) in came.items():
            self._ticks[pid] += ticks
            self._last[pid] = last
        self._check_tracks()
        return True

    def _add_one(self, place: int, pid: int, time: int, *, is_skipped: bool) -> None:
        step = _step(self._last.get(pid, time), time)
        if step < -BACK or (step > _AHEAD and not (is_skipped or self._is_gap(pid, time))):
            doubt = self._doubts.setdefault(pid, _Doubt(place=place))
            doubt.count += 1
            if doubt.count >= _BELIEVED:
                raise OtherClockError
            return
        self._doubts.pop(pid, None)
        self._ticks[pid] += step
        self._last[pid] = time

    def _is_gap(self, pid: int, time: int) -> bool:
        """Whether another track has gone on to that time by itself: then this one was only silent until then."""
        return any(
            abs(_step(last, time)) <= _AHEAD and self._ticks[other] > _AHEAD
            for other, last in self._last.items()
            if other != pid
        )

    def _check_tracks(self) -> None:
        if len(self._last) > _MOST_TRACKS:
            raise OtherClockError


def _step(earlier: int, later: int) -> int:
    return (later - earlier + WRAP // 2) % WRAP - WRAP // 2
