"""The scan: whether frames hold two fields, in which order, or film; measured by ffmpeg's idet, as flags may be wrong.

idet looks at each frame and its neighbours and says, of the picture itself, which order of the fields makes the
smoother movement, and whether a field repeats the one before it.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final, Literal

from tasks.records.base import Notice, Value

Scan = Literal["progressive", "interlaced_tff", "interlaced_bff"]
FILM_RATE: Final = Fraction(24000, 1001)

_TELECINED_RATE: Final = Fraction(30000, 1001)
_ENOUGH_FRAMES: Final = 5
# Fine patterns fool idet now and then; what is flagged progressive must be interlaced in earnest to be treated so.
_TRUE_MIX: Final = 0.05
_UNFLAGGED_MIX: Final = 0.25
_NEARLY_ALL: Final = 0.75
_ONE_ORDER: Final = 0.75
# In 3:2 pulldown each fifth frame repeats a top field, and each fifth a bottom field.
_PULLDOWN: Final = (0.13, 0.27)
# A slate with a little motion in it says nothing of what follows.
_CLEARLY: Final = 0.75
_LINE: Final = re.compile(rb"lavfi\.idet\.(single|repeated)\.current_frame=(\w+)")


class Fields(Value):
    """What idet counted: frames whose fields move in either order, still or moving whole, and repeated fields."""

    top_first: int = 0
    bottom_first: int = 0
    progressive: int = 0
    undetermined: int = 0
    repeated_top: int = 0
    repeated_bottom: int = 0

    @property
    def determined(self) -> int:
        """The frames that idet could classify."""
        return self.top_first + self.bottom_first + self.progressive

    @property
    def are_telling(self) -> bool:
        """Whether these are enough to decide."""
        return self.determined >= _ENOUGH_FRAMES

    @property
    def are_clear(self) -> bool:
        """Whether these are most of all frames, so that more would hardly change the result."""
        return self.are_telling and self.determined >= _CLEARLY * self.frames

    @property
    def are_doubtful(self) -> bool:
        """Whether much of what little was told is of fields: more movement may show that they are no pattern."""
        combed = self.top_first + self.bottom_first
        return combed < _ENOUGH_FRAMES and combed >= _UNFLAGGED_MIX * max(1, self.determined)

    @property
    def frames(self) -> int:
        """All frames that were seen."""
        return self.determined + self.undetermined


class ScanDecision(Value):
    """How the picture is to be treated.

    ``mixed``: some frames are progressive, so each is judged before its fields are parted. ``telecined``: 3:2 pulldown
    made this of film at 23.976 frames per second, and is taken out again.
    """

    scan: Scan
    mixed: bool = False
    telecined: bool = False


def read_fields(printed: bytes) -> Fields:
    """Count what the filters ``idet,metadata=print`` printed."""
    names = {
        (b"single", b"tff"): "top_first",
        (b"single", b"bff"): "bottom_first",
        (b"single", b"progressive"): "progressive",
        (b"single", b"undetermined"): "undetermined",
        (b"repeated", b"top"): "repeated_top",
        (b"repeated", b"bottom"): "repeated_bottom",
    }
    counts: dict[str, int] = {}
    for found in _LINE.findall(printed):
        if found in names:
            counts[names[found]] = counts.get(names[found], 0) + 1
    return Fields(**counts)


def may_be_pulldown(rate: Fraction) -> bool:
    """Whether film may have been brought to that rate by repeating fields, 3:2."""
    return abs(rate - _TELECINED_RATE) < Fraction(1, 20)


def decide_scan(flagged: Scan, rate: Fraction, fields: Fields) -> ScanDecision:
    """What the picture is, by the flags and by idet's counts; with too few counts, by the flags alone."""
    if not fields.are_telling:
        return ScanDecision(scan=flagged)
    combed = fields.top_first + fields.bottom_first
    share = combed / fields.determined
    order = _order(flagged, fields)
    if may_be_pulldown(rate) and _is_pulldown(fields):
        return ScanDecision(scan=order, telecined=True)
    if share < (_TRUE_MIX if flagged != "progressive" else _UNFLAGGED_MIX) or combed < _ENOUGH_FRAMES:
        return ScanDecision(scan="progressive")
    if flagged == "progressive" and max(fields.top_first, fields.bottom_first) < _ONE_ORDER * combed:
        # Fields have one order; what looks like both is a pattern, not fields.
        return ScanDecision(scan="progressive")
    return ScanDecision(scan=order, mixed=share < _NEARLY_ALL)


def scan_notice(flagged: Scan, decision: ScanDecision) -> tuple[Notice, ...]:
    """Notices of wrong flags; progressive pictures in an interlaced stream are not wrong."""
    if decision.scan in (flagged, "progressive") or decision.telecined:
        return ()
    if flagged == "progressive":
        message = "The file says its pictures are progressive, but they are interlaced; they were deinterlaced."
        return (Notice(code="scan_corrected", message=message),)
    words = {"interlaced_tff": "top field first", "interlaced_bff": "bottom field first"}
    message = f"The file says {words[flagged]}, but its pictures are {words[decision.scan]}; this was corrected."
    return (Notice(code="field_order_corrected", message=message),)


def _order(flagged: Scan, fields: Fields) -> Scan:
    measured: Scan = "interlaced_tff" if fields.top_first >= fields.bottom_first else "interlaced_bff"
    clear = max(fields.top_first, fields.bottom_first) >= _ONE_ORDER * (fields.top_first + fields.bottom_first)
    return measured if clear or flagged == "progressive" else flagged


def _is_pulldown(fields: Fields) -> bool:
    frames = fields.frames
    low, high = _PULLDOWN
    return frames >= 5 * _ENOUGH_FRAMES and all(
        low <= repeated / frames <= high for repeated in (fields.repeated_top, fields.repeated_bottom)
    )
