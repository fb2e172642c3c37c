"""Programmes that follow each other: which streams go on under which number."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.media.renamings import SeenMap, find_renamings
from tasks.media.transport import Programme

VIDEO, OTHER_VIDEO, SOUND = (0x1B,), (0x02,), (0x03,)


def seen(first: int, last: int, kinds: dict[int, tuple[int, ...]], *, number: int = 1, pid: int = 0x1000) -> SeenMap:
    return SeenMap(pid=pid, programme=Programme(number=number, kinds=kinds), first=first, last=last)


def media(**streams: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Each stream, by its number in hexadecimal behind an x, with something at every place from one to another."""
    told = [(place, int(name[1:], 16)) for name, (first, last) in streams.items() for place in range(first, last, 5)]
    return np.array([place for place, _ in told]), np.array([pid for _, pid in told])


ONE = seen(0, 100, {1: VIDEO, 2: SOUND})


@pytest.mark.parametrize(
    ("later", "streams", "renamed"),
    [
        (seen(110, 200, {3: VIDEO, 4: SOUND}), {"x3": (111, 200), "x4": (112, 200)}, {3: 1, 4: 2}),
        (seen(110, 200, {1: VIDEO, 4: SOUND}), {"x1": (111, 200), "x4": (112, 200)}, {1: 1, 4: 2}),
        (seen(110, 200, {2: VIDEO, 1: SOUND, 3: SOUND}), {"x2": (111, 200), "x3": (111, 200)}, {2: 1, 1: 2}),
        (seen(110, 200, {3: OTHER_VIDEO, 4: SOUND}), {"x3": (111, 200), "x4": (112, 200)}, {4: 2}),
        (seen(110, 200, {3: VIDEO, 4: SOUND}, number=7), {"x3": (111, 200), "x4": (112, 200)}, {3: 1, 4: 2}),
        # A track more, even if it is named first; and a programme beside the first.
        (seen(110, 200, {1: VIDEO, 5: SOUND, 2: SOUND}), {"x1": (111, 200), "x5": (111, 200)}, None),
        (seen(50, 200, {3: VIDEO, 4: SOUND}, number=2), {"x3": (51, 200), "x4": (51, 200)}, None),
        (seen(110, 200, {3: VIDEO, 4: SOUND}), {"x1": (101, 200), "x3": (111, 200)}, None),
    ],
)
def test_streams_of_the_same_kind_go_on(
    later: SeenMap, streams: dict[str, tuple[int, int]], renamed: dict[int, int] | None
) -> None:
    begun, follow = media(x1=(1, 100), x2=(1, 100)), media(**streams)
    places, pids = (np.concatenate(pair) for pair in zip(begun, follow, strict=True))
    found = find_renamings([ONE, later], places, pids)
    assert [each.renamed for each in found] == ([] if renamed is None else [renamed])


def test_a_third_recording_goes_on_as_the_first() -> None:
    second, third = seen(110, 200, {3: VIDEO, 4: SOUND}), seen(210, 300, {5: VIDEO, 6: SOUND})
    places, pids = media(x1=(1, 100), x2=(1, 100), x3=(111, 200), x4=(111, 200), x5=(211, 300), x6=(211, 300))
    found = find_renamings([ONE, second, third], places, pids)
    assert [each.renamed for each in found] == [{3: 1, 4: 2}, {5: 1, 6: 2}]
