"""Channel layouts: what each channel of a sound track holds, by ffmpeg's names of channels and layouts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

LEFT: Final = ("FL", "BL", "SL", "TFL", "TBL", "FLC")
RIGHT: Final = ("FR", "BR", "SR", "TFR", "TBR", "FRC")
"""The channels of a side: in front, then the surrounds, at last that between the front and the centre."""

# Channel layouts, by ffmpeg's names, that say what each channel holds. All others are taken as discrete channels, of
# which broadcasters keep the first two for the main stereo programme; so are those that ffmpeg itself writes for 8 and
# 16 channels of which nobody knows what they hold.
SURROUND: Final[dict[str, str]] = {
    "2.1": "FL FR LFE",
    "3.0": "FL FR FC",
    "3.1": "FL FR FC LFE",
    "4.0": "FL FR FC BC",
    "4.1": "FL FR FC LFE BC",
    "quad": "FL FR BL BR",
    "quad(side)": "FL FR SL SR",
    "5.0": "FL FR FC BL BR",
    "5.0(side)": "FL FR FC SL SR",
    "5.1": "FL FR FC LFE BL BR",
    "5.1(side)": "FL FR FC LFE SL SR",
    "6.1": "FL FR FC LFE BC SL SR",
    "7.0": "FL FR FC BL BR SL SR",
    "7.1": "FL FR FC LFE BL BR SL SR",
    "3.0(back)": "FL FR BC",
    "6.0": "FL FR FC BC SL SR",
    "6.0(front)": "FL FR FLC FRC SL SR",
    "hexagonal": "FL FR FC BL BR BC",
    "6.1(back)": "FL FR FC LFE BL BR BC",
    "6.1(front)": "FL FR LFE FLC FRC SL SR",
    "7.0(front)": "FL FR FC FLC FRC SL SR",
    "7.1(wide)": "FL FR FC LFE BL BR FLC FRC",
    "7.1(wide-side)": "FL FR FC LFE FLC FRC SL SR",
    "3.1.2": "FL FR FC LFE TFL TFR",
    "5.1.2": "FL FR FC LFE SL SR TFL TFR",
    "5.1.2(back)": "FL FR FC LFE BL BR TFL TFR",
    "5.1.4": "FL FR FC LFE SL SR TFL TFR TBL TBR",
    "7.1.2": "FL FR FC LFE BL BR SL SR TFL TFR",
    "7.1.4": "FL FR FC LFE BL BR SL SR TFL TFR TBL TBR",
    "9.1.4": "FL FR FC LFE BL BR FLC FRC SL SR TFL TFR TBL TBR",
}
KNOWN: Final = {frozenset(channels.split()) for channels in SURROUND.values()}
"""The channels of each of them, in whatever order."""

_LAYOUTS: Final = {"mono": "FC", "stereo": "FL FR", **SURROUND}
# A layout without a name is spelt out: "4 channels (FL+FR+LFE+BC)".
_SPELT_OUT: Final = re.compile(r"\d+ channels \(([A-Z]{2,3}(?:\+[A-Z]{2,3})*)\)")


def channels_of(layout: str) -> list[str]:
    """The channels of a layout, in order; none if they are unknown."""
    spelt = _SPELT_OUT.fullmatch(layout)
    return spelt.group(1).split("+") if spelt else _LAYOUTS.get(layout, "").split()


def is_surround(channels: Sequence[str]) -> bool:
    """Whether it is known what they hold, and at least both front sides are there."""
    return {"FL", "FR"}.issubset(channels) and len(set(channels)) == len(channels)
