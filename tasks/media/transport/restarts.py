"""Clocks that restart within a file, where recordings were joined or the encoder was restarted.

Such a file's duration is told by its first and last time stamps, which may be of different clocks: anything between
nothing and 26 hours (33 bits at 90 kHz). ffmpeg plays the parts one after the other, and so lengths are counted here.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

# How far the pace of a whole recording may be from that of its beginning before its length is measured. To measure
# one that merely begins with a still picture costs a second for each gigabyte, in each task that probes it.
_UNLIKE: Final = 1.5
MOST_STEP_S: Final = 10.0
"""A step of more is another clock: ffmpeg's own bound (-dts_delta_threshold), below which it fills gaps."""


def is_doubtful(begun: Sequence[tuple[float, float]], size_bytes: float, claimed_s: float) -> bool:
    """Whether the claimed length contradicts the bit rate of the first packets: (time in seconds, bytes) of each."""
    if not begun or claimed_s <= 0:
        return False
    span_s = max(time_s for time_s, _ in begun) - min(time_s for time_s, _ in begun)
    if span_s <= 0 or claimed_s <= 2 * span_s:
        # So little of it is read in no time.
        return True
    expected_s = size_bytes * span_s / sum(size for _, size in begun)
    return not claimed_s / _UNLIKE <= expected_s <= claimed_s * _UNLIKE


def played_s(tracks: Sequence[Sequence[tuple[float, float]]]) -> float:
    """How many seconds a file plays, by each track's packets in its order: (decoding time, duration) of each.

    On one clock that is from the first track's begin to the last one's end; with several, what the longest track has.
    """
    # A last packet of Vorbis that is cut off before it begins lasts minus a little, which is told as 27 hours.
    known = [
        [(time_s, length_s if _is_of_one_clock(length_s) else 0.0) for time_s, length_s in packets]
        for packets in tracks
        if packets
    ]
    if not known:
        return 0.0
    steps = [[later - earlier for (earlier, _), (later, _) in itertools.pairwise(packets)] for packets in known]
    if all(_is_of_one_clock(step) for each in steps for step in each):
        return max(packets[-1][0] + packets[-1][1] for packets in known) - min(packets[0][0] for packets in known)
    return max(
        packets[-1][1]
        + sum(step if _is_of_one_clock(step) else length for step, (_, length) in zip(each, packets, strict=False))
        for packets, each in zip(known, steps, strict=True)
    )


def _is_of_one_clock(step_s: float) -> bool:
    return 0 <= step_s <= MOST_STEP_S
