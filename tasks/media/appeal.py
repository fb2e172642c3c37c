"""Rating frames as posters, as an editor would: measured on small pictures, and pure.

Kept away are colour bars, slates and countdowns, black, flashes, fades, blur, and the middle of a dissolve.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.records.base import Value

_STEADY: Final = 12.0
_BAR_EDGE: Final = 24
_EMPTY: Final = 0.02
_WORTHY: Final = 0.1


class Look(Value):
    """A small picture of the clip at ``time_s``: three bytes a pixel, row by row."""

    time_s: float
    width: int
    height: int
    rgb: bytes


def best(bursts: Sequence[Sequence[Look]], *, at_s: Collection[float] = ()) -> Look | None:
    """The most appealing look; those of a burst are neighbours in time, and only a steady one is a good poster.

    Where ``at_s`` names times, only one of these is taken.
    """
    rated = [
        (appeal(look) * _steadiness(burst, number), -look.time_s, look)
        for burst in bursts
        for number, look in enumerate(burst)
        if not at_s or look.time_s in at_s
    ]
    return max(rated, key=lambda each: each[:2], default=(0.0, 0.0, None))[2]


def ranked(bursts: Sequence[Sequence[Look]]) -> list[Look]:
    """All looks, the most appealing first, each by itself."""
    return sorted((look for burst in bursts for look in burst), key=appeal, reverse=True)


def is_worthy(bursts: Sequence[Sequence[Look]]) -> bool:
    """Whether one of the looks would do: bars, slates, leaders and black have less than half of that appeal."""
    return any(appeal(look) >= _WORTHY for burst in bursts for look in burst)


def appeal(look: Look) -> float:
    """How much a still has to show, from 0 (nothing, or a test picture) to about 1."""
    if not look.rgb or look.width < 8 or look.height < 8:
        return 0.0
    light = _light(look)
    mean, contrast = float(light.mean()), float(light.std())
    across, down = np.abs(np.diff(light, axis=1)), np.abs(np.diff(light, axis=0))
    detail = float(across.mean() + down.mean())
    if _is_bars(light):
        return _EMPTY * min(1.0, contrast / 50)
    exposure = max(0.0, 1 - (abs(mean - 115) / 115) ** 2)
    # Clipped to black or white over much of the picture: a fade, a flash, a night without light.
    lost = float(np.mean((light < 16) | (light > 244)))
    flat = float(np.mean(np.concatenate((across, down), axis=None) < 3))
    return (
        exposure
        * math.sqrt(1 - lost)
        * min(1.0, contrast / 50)
        * math.sqrt(min(1.0, detail / 24))
        * (0.6 + 0.4 * min(1.0, _colourfulness(look) / 45))
        * _drawn(flat, _largest_area(look))
    )


def _drawn(flat: float, area: float) -> float:
    """1 for camera pictures, near 0 for lettering or a clock on a plain ground."""
    return 1.0 if area < 0.5 or flat < 0.6 else max(_EMPTY, 1 - 2 * (area - 0.5) - 2 * (flat - 0.6))


def _is_bars(light: NDArray[np.int32]) -> bool:
    """SMPTE and EBU bars: in the upper half each line is like the next, and made of a few plateaus with sharp edges."""
    upper = light[len(light) // 8 : len(light) // 2]
    between = float(np.abs(np.diff(upper, axis=0)).mean()) if len(upper) > 1 else 0.0
    steps = np.abs(np.diff(upper[len(upper) // 2]))
    plateaus = float(np.mean(steps < 6))
    # An edge may fall on two samples.
    edges = int(np.sum((steps[1:] >= _BAR_EDGE) | (steps[:-1] + steps[1:] >= _BAR_EDGE)))
    return between < 2 and plateaus > 0.75 and edges >= 3


def _steadiness(burst: Sequence[Look], number: int) -> float:
    """1 where the next or the last look is the same; a flash or a dissolve differs from both."""
    beside = [burst[place] for place in (number - 1, number + 1) if 0 <= place < len(burst)]
    if not beside:
        return 1.0
    here = _light(burst[number])
    apart = min(float(np.abs(here - _light(look)).mean()) for look in beside)
    return 1 / (1 + (apart / _STEADY) ** 2)


def _pixels(look: Look) -> NDArray[np.int32]:
    """Height × width × 3."""
    return np.frombuffer(look.rgb, np.uint8).reshape(look.height, look.width, 3).astype(np.int32)


def _light(look: Look) -> NDArray[np.int32]:
    """Luma after BT.709, 0 to 255, height × width."""
    red, green, blue = np.moveaxis(_pixels(look), 2, 0)
    light: NDArray[np.int32] = (54 * red + 183 * green + 19 * blue) >> 8
    return light


def _largest_area(look: Look) -> float:
    """The share of the picture that has its most common colour, of 512."""
    red, green, blue = np.moveaxis(_pixels(look) >> 5, 2, 0)
    return int(np.bincount((red << 6 | green << 3 | blue).ravel()).max()) / (look.width * look.height)


def _colourfulness(look: Look) -> float:
    """Hasler and Süsstrunk's measure: 0 for grey, 45 for quite colourful, beyond 80 for garish."""
    red, green, blue = np.moveaxis(_pixels(look), 2, 0)
    opponents = (red - green, (red + green) / 2 - blue)
    spread = sum(float(values.var()) for values in opponents)
    offset = sum(float(values.mean()) ** 2 for values in opponents)
    return math.sqrt(spread) + 0.3 * math.sqrt(offset)
