"""Faults of the picture that an editor should know of: black and frozen stretches, bars; detected in the smallest rung.

There everything is seen that a viewer gets, and no decode is needed: some of the frames that go to the encoder are
looked at. All of them would take a twenty-fifth of the whole encode, and no fault that is told of is that short.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final

import ffmpeg

from tasks.media.ladder import PlannedRung
from tasks.records.base import Notice

FOUND_FILE: Final = "found.txt"
_BLACK_S: Final = 2.0
_FROZEN_S: Final = 5.0
# A still that was encoded before breathes a little from one key frame to the next.
_FROZEN_NOISE: Final = 0.003
_LOOKS_PER_S: Final = 5
# Bars stay for long; to look at some of these is enough.
_BARS_EVERY: Final = 3
_BAR: Final = 0.04
_LEAST_PICTURE: Final = 0.25
_TOLD: Final = 3
_VALUE: Final = re.compile(r"^lavfi\.(?:freezedetect\.|cropdetect\.)?(\w+)=(-?[\d.]+)$")


def watched(
    stream: ffmpeg.nodes.FilterableStream, rate: Fraction
) -> tuple[ffmpeg.nodes.FilterableStream, ffmpeg.nodes.OutputStream]:
    """The stream unchanged, of ``rate`` frames per second, and an output that checks a few of its frames.

    What the look finds is written into `FOUND_FILE`.
    """
    split = stream.split()
    look = split[1].filter("select", f"not(mod(n,{max(1, round(rate / _LOOKS_PER_S))}))")
    look = look.filter("blackdetect", d=f"{_BLACK_S:g}", pix_th="0.08")
    look = look.filter("freezedetect", n=f"{_FROZEN_NOISE:g}", d=f"{_FROZEN_S:g}")
    look = look.filter("cropdetect", limit=24, round=2, skip=0, reset=0, enable=f"not(mod(n,{_BARS_EVERY}))")
    look = look.filter("metadata", "print", file=FOUND_FILE)
    return split[0], look.output("-", format="null", fps_mode="passthrough")


def judge(found: Iterable[str], rung: PlannedRung, duration_s: float) -> tuple[Notice, ...]:
    """The notices for `watched`'s lines: ``black_stretch``, ``frozen_stretch``, ``letterboxed``, ``pillarboxed``."""
    # Edges come twice a second for hours, and of them only the last ones count.
    values: list[tuple[str, str]] = []
    last: dict[str, str] = {}
    for match in filter(None, map(_VALUE.match, found)):
        key, value = match.groups()
        last[key] = value
        if key.startswith(("black_", "freeze_")):
            values.append((key, value))
    black = _pairs(values, "black_start", "black_end", duration_s)
    frozen = [
        (start, end)
        for start, end in _pairs(values, "freeze_start", "freeze_end", duration_s)
        if not any(start < dark_end and dark_start < end for dark_start, dark_end in black)
    ]
    notices = []
    if black:
        notices.append(Notice(code="black_stretch", message=f"The picture is black {_told(black)}."))
    if frozen:
        notices.append(Notice(code="frozen_stretch", message=f"The picture is frozen {_told(frozen)}."))
    return (*notices, *_bars(last, rung))


def _bars(values: Mapping[str, str], rung: PlannedRung) -> tuple[Notice, ...]:
    # The outermost edges of all frames so far stand at the last one.
    last = {key: float(value) for key, value in values.items()}
    if not {"x1", "x2", "y1", "y2"} <= last.keys():
        return ()
    left, right = last["x1"] / rung.width, 1 - (last["x2"] + 1) / rung.width
    above, below = last["y1"] / rung.height, 1 - (last["y2"] + 1) / rung.height
    if left + right > 1 - _LEAST_PICTURE or above + below > 1 - _LEAST_PICTURE:
        return ()  # a point of light in the dark, no picture with bars
    notices = []
    if min(above, below) >= _BAR:
        share = f"{above + below:.0%}".replace("%", " %")
        message = f"Black bars above and below take {share} of the picture's height."
        notices.append(Notice(code="letterboxed", message=message))
    if min(left, right) >= _BAR:
        share = f"{left + right:.0%}".replace("%", " %")
        message = f"Black bars at the sides take {share} of the picture's width."
        notices.append(Notice(code="pillarboxed", message=message))
    return tuple(notices)


def _pairs(values: list[tuple[str, str]], first: str, last: str, duration_s: float) -> list[tuple[float, float]]:
    pairs: list[tuple[float, float]] = []
    start_s: float | None = None
    for key, value in values:
        if key == first:
            start_s = float(value)
        elif key == last and start_s is not None:
            pairs.append((start_s, float(value)))
            start_s = None
    if start_s is not None and start_s < duration_s:
        pairs.append((start_s, duration_s))
    return pairs


def _told(stretches: list[tuple[float, float]]) -> str:
    words = [f"from {clock(start)} to {clock(end)}" for start, end in stretches[:_TOLD]]
    more = len(stretches) - _TOLD
    return ", ".join(words) + (f", and {more} more times" if more > 1 else ", and once more" if more == 1 else "")


def clock(time_s: float) -> str:
    """A time as a player shows it, in minutes and seconds."""
    minutes, seconds = divmod(round(time_s), 60)
    return f"{minutes}:{seconds:02d}"
