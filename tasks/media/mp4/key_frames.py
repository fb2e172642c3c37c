"""The distance of key frames, from an MP4's index, without reading the media (ISO/IEC 14496-12, 8.6.2)."""

from __future__ import annotations

from typing import Final

import numpy as np

from tasks.media.mp4 import sample_tables
from tasks.media.mp4.boxes import ticks_per_s
from tasks.media.mp4.sample_tables import only, parts
from tasks.media.unsuited import UnsuitedError

# Further samples that decoding can begin at: QuickTime's partial sync samples, and groups of random access points.
_OTHER_KEYS: Final = frozenset({"stps", "sgpd"})


def widest_gap_s(movie: memoryview) -> float | None:
    """The longest time, in seconds, from one key frame to the next or the end, out of the body of ``moov``.

    None where there is no picture at all.

    Times are those of decoding, from which those of presentation differ by a few frames.

    Raises:
        UnsuitedError: the index does not tell: the film is fragmented, has several pictures or other marks.
        struct.error, ValueError, LookupError, TemporarilyUnavailable: it is damaged.
    """
    inside = parts(movie)
    tracks = [only(body, "mdia") for kind, body in inside if kind == "trak"]
    pictures = [media for media in tracks if bytes(only(media, "hdlr")[8:12]) == b"vide"]
    if len(pictures) != 1 or any(kind == "mvex" for kind, _ in inside):
        raise UnsuitedError
    tables = only(only(pictures[0], "minf"), "stbl")
    ticks = ticks_per_s(only(pictures[0], "mdhd"))
    marks = {kind: body for kind, body in parts(tables) if kind == "stss" or kind in _OTHER_KEYS}
    if not ticks or not _OTHER_KEYS.isdisjoint(marks):
        raise UnsuitedError
    if "stss" not in marks:
        # Every sample is one.
        lengths = sample_tables.table(only(tables, "stts"), columns=2)[:, 1]
        return float(lengths.max() / ticks) if len(lengths) else None
    numbers = sample_tables.table(marks["stss"], columns=1)[:, 0] - 1
    end = np.iinfo(np.int64).max
    apart = np.diff(np.sort(sample_tables.times(tables, np.append(numbers, end))))
    return float(apart.max() / ticks) if len(apart) else None
