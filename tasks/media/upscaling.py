"""Upscaling: whether a picture's lines were interpolated from fewer, which leaves a trace at one frequency.

Where h lines were stretched to H, neighbouring lines differ more and less in turn, h times over the picture's height,
whatever it shows (A. C. Gallagher, "Detection of Linear and Cubic Interpolation in JPEG Compressed Images", CRV 2005).
A soft lens leaves no such line in the spectrum, and neither does a low bit rate: that may wipe it out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.records.base import Notice

Lines = NDArray[np.uint8]

# What pictures are enlarged from: NTSC, PAL, 720p. 540 and 1080 lines can't be told: a period of two, and any other
# that divides sixteen lines, is that of a codec's blocks.
_HEIGHTS: Final = (480, 486, 576, 720)
_BLOCK: Final = 16
_APART: Final = 0.05
# A spectral line is compared with so many on either side, its own foot left out.
_FOOT: Final = 3
_NEIGHBOURS: Final = 30
# The envelope of the picture's own detail is what this many lines have on average.
_SMOOTHED_OVER: Final = 33
_FEWEST_LOOKS: Final = 4
# Of noise, the root mean square over four pictures comes to 1.2. Looks at one place are less apart than that supposes;
# bars come to 3.
_STANDS_OUT: Final = 4.0
# The finest detail beside that of middle size: a picture made smaller, which leaves traces as well, keeps 0.3 of it.
_FINE: Final = (0.8, 0.98)
_MIDDLE: Final = (0.3, 0.5)
_TOO_FINE: Final = 0.2
_EACH_COLUMN: Final = 4
_PGM: Final = re.compile(rb"P5\s+(\d+)\s+(\d+)\s+255\s")


def read_lines(pgm: bytes) -> list[Lines]:
    """The pictures of a stream of PGM files: luma, height × width; an incomplete one at the end is left out."""
    pictures, place = [], 0
    while (head := _PGM.match(pgm, place)) is not None:
        width, height = int(head[1]), int(head[2])
        body = np.frombuffer(pgm, np.uint8, offset=head.end())[: width * height]
        if body.size < width * height:
            break
        pictures.append(body.reshape(height, width))
        place = head.end() + width * height
    return pictures


def notice(pictures: Sequence[Lines]) -> tuple[Notice, ...]:
    """The notice that a clip was enlarged, by pictures of different moments."""
    profiles = [profile for lines in pictures if (profile := _profile(lines)) is not None]
    if len(profiles) < _FEWEST_LOOKS:
        return ()
    height = pictures[0].shape[0]
    if np.median([_fineness(lines) for lines in pictures]) > _TOO_FINE:
        return ()
    # From how many lines is not told: after a low bit rate the trace of one height may look like another's.
    if all(_trace(profiles, lines, height) < _STANDS_OUT for lines in _HEIGHTS if _can_be_told(lines, height)):
        return ()
    message = (
        f"The picture has {height} lines, but was enlarged from fewer; an original of the smaller size would look as "
        f"good and take fewer bits."
    )
    return (Notice(code="upscaled", message=message),)


def _can_be_told(lines: int, height: int) -> bool:
    return lines < height and _is_apart(lines, height)


def _is_apart(lines: float, height: int) -> bool:
    beats = lines * _BLOCK / height
    return abs(beats - round(beats)) > _APART


def _profile(lines: Lines) -> NDArray[np.float64] | None:
    """How far each line is from its neighbours' mean, beside what lines around it are; None for a plain picture."""
    luma = lines.astype(np.int16)
    bent = np.abs(luma[:-2] - 2 * luma[1:-1] + luma[2:]).mean(axis=1)
    if len(bent) < 2 * _SMOOTHED_OVER or bent.max() == 0:
        return None
    padded = np.pad(bent, _SMOOTHED_OVER // 2, mode="reflect")
    usual = np.convolve(padded, np.full(_SMOOTHED_OVER, 1 / _SMOOTHED_OVER), "valid")
    profile: NDArray[np.float64] = np.clip(bent / (usual + 0.25) - 1, -1, 2)
    return profile


def _fineness(lines: Lines) -> float:
    """The power of the highest vertical frequencies beside that of the middle ones."""
    # Neighbouring columns tell the same, and transforming all of them is the dearest of these measures.
    columns = lines[:, ::_EACH_COLUMN].astype(np.float32)
    swing = (columns - columns.mean(axis=0)) * np.hanning(len(lines)).astype(np.float32)[:, None]
    power = (np.abs(np.fft.rfft(swing, axis=0)) ** 2).mean(axis=1)
    fine, middle = (power[int(low * len(power)) : int(high * len(power))].mean() for low, high in (_FINE, _MIDDLE))
    return float(fine / (middle + 1e-9))


def _trace(profiles: Sequence[NDArray[np.float64]], lines: int, height: int) -> float:
    """How far that frequency stands out of those around it: root mean square over the pictures."""
    offsets = [*range(-_NEIGHBOURS, -_FOOT), *range(_FOOT + 1, _NEIGHBOURS + 1)]
    beside = [lines + offset for offset in offsets if _is_apart(lines + offset, height)]
    places = np.arange(len(profiles[0]))
    waves = np.exp(-2j * np.pi * np.outer([lines, *beside], places) / height)
    strengths = np.abs(waves @ np.stack(profiles, axis=1))
    return float(np.sqrt(np.mean((strengths[0] / (np.median(strengths[1:], axis=0) + 1e-9)) ** 2)))
