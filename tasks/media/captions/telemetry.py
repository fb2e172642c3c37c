"""Telemetry: each frame's exposure and position, which drones write into a subtitle track, is not a caption.

Their makers use a form each (``[iso: 110] [shutter: 1/800.0] [latitude: 10.77653]``, ``GPS(106.7,10.8,19) ISO:100``);
common to all is that names of measures stand before numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tasks.media.captions.webvtt import Cue

_MEASURE: Final = re.compile(
    r"\b(srtcnt|framecnt|difftime|iso|shutter|ss|ev|fnum|f|focal_len|dzoom|latitude|longt?itude|gps|home|barometer"
    r"|altitude|rel_alt|abs_alt)\s*[:(/]?\s*[(-]?\d",
    re.IGNORECASE,
)
# Somebody may speak of one or two of them.
_ENOUGH: Final = 3
_NEARLY_ALL: Final = 0.9


def is_telemetry(cues: Sequence[Cue]) -> bool:
    """Whether nearly all of a track's cues are rows of measurements."""
    rows = sum(len({each.lower() for each in _MEASURE.findall(cue.text)}) >= _ENOUGH for cue in cues)
    return bool(cues) and rows >= _NEARLY_ALL * len(cues)
