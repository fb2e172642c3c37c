"""Which of some frames an editor would take for the poster: measured on small pictures, and pure.

Kept away are colour bars, slates and countdowns, black, flashes, fades, blur, and the middle of a dissolve.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final

from tasks.records.base import Value

_STEADY: Final = 12.0
_BAR_EDGE: Final = 24
_EMPTY: Final = 0.02


class Look(Value):
    """A small picture of the clip at ``time_s``: three bytes a pixel, row by row."""

    time_s: float
    width: int
    height: int
    rgb: bytes


def best(bursts: Sequence[Sequence[Look]]) -> Look | None:
    """The most appealing look; those of a burst are neighbours in time, and only a steady one is a good poster."""
    rated = [
        (appeal(look) * _steadiness(burst, number), -look.time_s, look)
        for burst in bursts
        for number, look in enumerate(burst)
    ]
    return max(rated, key=lambda each: each[:2], default=(0.0, 0.0, None))[2]


def appeal(look: Look) -> float:
    """How much a still has to show, from 0 (nothing, or a test picture) to about 1."""
    light = _light(look)
    if not light or look.width < 8 or look.height < 8:
        return 0.0
    rows = [light[start : start + look.width] for start in range(0, len(light), look.width)]
    mean = sum(light) / len(light)
    contrast = math.sqrt(sum((value - mean) ** 2 for value in light) / len(light))
    across = [abs(right - left) for row in rows for left, right in itertools.pairwise(row)]
    down = [
        abs(below - above)
        for upper, lower in itertools.pairwise(rows)
        for above, below in zip(upper, lower, strict=True)
    ]
    detail = sum(across) / len(across) + sum(down) / len(down)
    if _is_bars(rows):
        return _EMPTY * min(1.0, contrast / 50)
    exposure: float = max(0.0, 1 - (abs(mean - 115) / 115) ** 2)
    # Clipped to black or white over much of the picture: a fade, a flash, a night without light.
    lost = sum(value < 16 or value > 244 for value in light) / len(light)
    flat = (sum(step < 3 for step in across) + sum(step < 3 for step in down)) / (len(across) + len(down))
    return (
        exposure
        * math.sqrt(1 - lost)
        * min(1.0, contrast / 50)
        * math.sqrt(min(1.0, detail / 24))
        * (0.6 + 0.4 * min(1.0, _colourfulness(look) / 45))
        * _drawn(flat, _largest_area(look))
    )


def _drawn(flat: float, area: float) -> float:
    """1 for what a camera saw, near 0 for lettering or a clock on a plain ground."""
    return 1.0 if area < 0.5 or flat < 0.6 else max(_EMPTY, 1 - 2 * (area - 0.5) - 2 * (flat - 0.6))


def _is_bars(rows: Sequence[Sequence[int]]) -> bool:
    """SMPTE and EBU bars: in the upper half each line is like the next, and made of a few plateaus with sharp edges."""
    upper = rows[len(rows) // 8 : len(rows) // 2]
    pairs = [pair for one, other in itertools.pairwise(upper) for pair in zip(one, other, strict=True)]
    between = sum(abs(above - below) for above, below in pairs) / max(1, len(pairs))
    line = upper[len(upper) // 2]
    steps = [abs(right - left) for left, right in itertools.pairwise(line)]
    plateaus = sum(step < 6 for step in steps) / len(steps)
    # An edge may fall on two samples.
    edges = sum(later >= _BAR_EDGE or earlier + later >= _BAR_EDGE for earlier, later in itertools.pairwise(steps))
    return between < 2 and plateaus > 0.75 and edges >= 3


def _steadiness(burst: Sequence[Look], number: int) -> float:
    """1 where the next or the last look is the same; a flash or a dissolve differs from both."""
    beside = [burst[place] for place in (number - 1, number + 1) if 0 <= place < len(burst)]
    if not beside:
        return 1.0
    here = _light(burst[number])
    apart = min(
        sum(abs(one - other) for one, other in zip(here, _light(look), strict=True)) / len(here) for look in beside
    )
    return 1 / (1 + (apart / _STEADY) ** 2)


def _light(look: Look) -> list[int]:
    """Luma after BT.709, 0 to 255."""
    red, green, blue = look.rgb[::3], look.rgb[1::3], look.rgb[2::3]
    return [(54 * r + 183 * g + 19 * b) >> 8 for r, g, b in zip(red, green, blue, strict=True)]


def _largest_area(look: Look) -> float:
    """The share of the picture that has its commonest colour, out of 512."""
    counts: dict[tuple[int, int, int], int] = {}
    red, green, blue = look.rgb[::3], look.rgb[1::3], look.rgb[2::3]
    for colour in zip((v >> 5 for v in red), (v >> 5 for v in green), (v >> 5 for v in blue), strict=True):
        counts[colour] = counts.get(colour, 0) + 1
    return max(counts.values()) / (look.width * look.height)


def _colourfulness(look: Look) -> float:
    """Hasler and Süsstrunk's measure: 0 for grey, 45 for quite colourful, beyond 80 for garish."""
    red, green, blue = look.rgb[::3], look.rgb[1::3], look.rgb[2::3]
    first = [r - g for r, g in zip(red, green, strict=True)]
    second = [(r + g) / 2 - b for r, g, b in zip(red, green, blue, strict=True)]
    spread, offset = 0.0, 0.0
    for values in (first, second):
        mean = sum(values) / len(values)
        spread += sum((value - mean) ** 2 for value in values) / len(values)
        offset += mean**2
    return math.sqrt(spread) + 0.3 * math.sqrt(offset)
