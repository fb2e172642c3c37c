"""Embedded time code (SMPTE ST 12-1): what the recorder's clock showed at the first frame, as the container tells it.

It stands in QuickTime's time code track, MXF's material package, DV's frames, and tags of Matroska and AVI.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from tasks.media.probed import text

_TIMECODE: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d[:;.]\d{2,3}")


def read_timecode(streams: Iterable[Mapping[str, object]], form: object) -> str | None:
    """The first frame's time code, "HH:MM:SS:FF", of ffprobe's streams and format; None where there is none.

    The streams are asked in their order. Where frames are dropped from the count the last separator is ";".
    """
    for told in (*streams, form):
        tags = told.get("tags") if isinstance(told, Mapping) else None
        for name in tags if isinstance(tags, Mapping) else ():
            found = text(tags, name)
            if name.lower() == "timecode" and _TIMECODE.fullmatch(found):
                return found.replace(".", ";")
    return None
