"""Clocks that start anew within a file, as where recordings were joined or an encoder was restarted while one was made.

Such a file's duration is told by its first and last time stamps, which may be of different clocks: anything between
nothing and 26 hours (33 bits at 90 kHz). ffmpeg plays the parts one after the other, and so lengths are counted here.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

# How far the pace of a whole recording may be from that of its beginning before its length is measured. To measure
# one that merely begins with a still picture costs a second for each gigabyte.
_UNLIKE: Final = 1.5
# A step of more is another clock: ffmpeg's own bound (-dts_delta_threshold), below which it fills gaps.
_MOST_STEP_S: Final = 10.0


def is_doubtful(begun: Sequence[tuple[float, float]], size_bytes: float, claimed_s: float) -> bool:
    """Whether the claimed length doesn't go with the pace of the first packets: (time in seconds, bytes) of each."""
    if not begun or claimed_s <= 0:
        return False
    span_s = max(time_s for time_s, _ in begun) - min(time_s for time_s, _ in begun)
    if span_s <= 0 or claimed_s <= 2 * span_s:
        # So little of it is read in no time.
        return True
    expected_s = size_bytes * span_s / sum(size for _, size in begun)
    return not claimed_s / _UNLIKE <= expected_s <= claimed_s * _UNLIKE


def played_s(packets: Sequence[tuple[float, float]]) -> float:
    """How many seconds a stream plays, by its packets in the file's order: (decoding time, duration) of each."""
    if not packets:
        return 0.0
    steps = (
        step if 0 <= (step := later - earlier) <= _MOST_STEP_S else length
        for (earlier, length), (later, _) in itertools.pairwise(packets)
    )
    return sum(steps) + packets[-1][1]
