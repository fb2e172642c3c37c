"""ThumbHash (https://evanw.github.io/thumbhash/): a picture's gist in two dozen bytes, shown until it is there."""

from __future__ import annotations

import math
from collections.abc import Sequence

MAX_SIDE = 100


def thumbhash(width: int, height: int, rgb: bytes) -> bytes:
    """The hash of an opaque picture of at most 100×100 pixels, three bytes each, row by row."""
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and len(rgb) == width * height * 3):
        raise ValueError(f"{len(rgb)} bytes for {width}×{height} pixels")
    red, green, blue = ([value / 255 for value in rgb[first::3]] for first in range(3))
    light = [(r + g + b) / 3 for r, g, b in zip(red, green, blue, strict=True)]
    yellow_blue = [(r + g) / 2 - b for r, g, b in zip(red, green, blue, strict=True)]
    red_green = [r - g for r, g in zip(red, green, strict=True)]
    across = max(1, _round(7 * width / max(width, height)))
    down = max(1, _round(7 * height / max(width, height)))
    l_dc, l_ac, l_scale = _channel(light, width, height, max(3, across), max(3, down))
    p_dc, p_ac, p_scale = _channel(yellow_blue, width, height, 3, 3)
    q_dc, q_ac, q_scale = _channel(red_green, width, height, 3, 3)
    is_landscape = width > height
    head = _round(63 * l_dc) | _round(31.5 + 31.5 * p_dc) << 6 | _round(31.5 + 31.5 * q_dc) << 12
    head |= _round(31 * l_scale) << 18
    rest = (down if is_landscape else across) | _round(63 * p_scale) << 3 | _round(63 * q_scale) << 9
    rest |= is_landscape << 15
    nibbles = [_round(15 * value) for value in (*l_ac, *p_ac, *q_ac)]
    nibbles += [0] * (len(nibbles) % 2)
    pairs = zip(nibbles[::2], nibbles[1::2], strict=True)
    return head.to_bytes(3, "little") + rest.to_bytes(2, "little") + bytes(low | high << 4 for low, high in pairs)


def _channel(
    channel: Sequence[float], width: int, height: int, across: int, down: int
) -> tuple[float, list[float], float]:
    """The discrete cosine transform's constant, its other terms between 0 and 1, and their scale."""
    dc, terms = 0.0, []
    for cy in range(down):
        fy = [math.cos(math.pi / height * cy * (y + 0.5)) for y in range(height)]
        cx = 0
        while cx * down < across * (down - cy):
            fx = [math.cos(math.pi / width * cx * (x + 0.5)) for x in range(width)]
            total = math.fsum(
                fy[y] * sum(map(float.__mul__, fx, channel[y * width : (y + 1) * width])) for y in range(height)
            )
            if cx or cy:
                terms.append(total / (width * height))
            else:
                dc = total / (width * height)
            cx += 1
    scale = max(map(abs, terms))
    return dc, [0.5 + 0.5 / scale * term for term in terms] if scale else terms, scale


def _round(value: float) -> int:
    return math.floor(value + 0.5)
