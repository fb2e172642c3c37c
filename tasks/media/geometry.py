"""The size of a picture: as it is coded, as the container crops and rotates it, and as it is displayed."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from tasks.media import probed

# Of the picture's width or height, at one side.
_OVERSCAN: Final = 0.03


def coded_size(stream: Mapping[str, object]) -> tuple[int, int]:
    """Width and height as they are coded, 0 if they are unknown."""
    return int(probed.number(stream, "width") or 0), int(probed.number(stream, "height") or 0)


def kept_size(stream: Mapping[str, object], width: int, height: int) -> tuple[int, int]:
    """The size after ffmpeg has cropped the picture as the container says (clean aperture, PixelCrop)."""
    for left, right, top, bottom in _crops(stream):
        if min(left, right, top, bottom) >= 0 and left + right < width and top + bottom < height:
            width, height = width - left - right, height - top - bottom
    return width, height


def is_overscan(stream: Mapping[str, object], width: int, height: int) -> bool:
    """Whether the container crops a narrow margin all around, as QuickTime's clean aperture does.

    That is what tubes once hid (SMPTE RP 187): there is picture in it, and without it 1080 lines would be 1062. A crop
    of the sides alone is another matter: lines of SD hold 702 pixels of picture among 720.
    """
    crops = [crop for crop in _crops(stream) if any(crop)]
    return bool(crops) and all(
        0 <= left <= width * _OVERSCAN
        and 0 <= right <= width * _OVERSCAN
        and 0 <= top <= height * _OVERSCAN
        and 0 <= bottom <= height * _OVERSCAN
        and left + right > 0
        and top + bottom > 0
        for left, right, top, bottom in crops
    )


def fitted(width: int, height: int, longest: int) -> tuple[int, int]:
    """The picture's shape with this longer side, at least 8 pixels high and wide."""
    scale = longest / max(width, height)
    return max(8, round(width * scale)), max(8, round(height * scale))


def _crops(stream: Mapping[str, object]) -> list[tuple[int, int, int, int]]:
    """Pixels that the container crops: left, right, top, bottom."""
    return [
        (
            int(probed.number(each, "crop_left") or 0),
            int(probed.number(each, "crop_right") or 0),
            int(probed.number(each, "crop_top") or 0),
            int(probed.number(each, "crop_bottom") or 0),
        )
        for each in probed.items(stream.get("side_data_list"))
    ]


def shown_size(width: int, height: int, pixel_aspect: Fraction | None) -> tuple[int, int]:
    """The size with square pixels."""
    # An absurd ratio is a damaged header, not a picture a kilometre wide.
    if pixel_aspect is None or not Fraction(1, 4) <= pixel_aspect <= 4:
        return width, height
    # The longer side grows, so no line or column is thrown away.
    if pixel_aspect >= 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def rotation_of(stream: Mapping[str, object]) -> int:
    """Degrees by which the container asks to turn the picture: 0, 90, 180 or 270."""
    for side_data in probed.items(stream.get("side_data_list")):
        degrees = probed.number(side_data, "rotation")
        # A degenerate matrix makes ffprobe print the smallest 64-bit integer.
        if degrees is not None and abs(degrees) <= 360:
            return round(degrees / 90) * 90 % 360
    return 0
