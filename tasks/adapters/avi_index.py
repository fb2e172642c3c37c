"""Reading the index (``idx1``) of an AVI file on disk: how many pictures were dropped at its end.

A recorder that finds no new picture writes an empty chunk: the last one is shown on. Demuxers pass over those.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import numpy as np

_MOST_CHUNKS: Final = 100
# The index may take 4 GiB, but only its end counts: that of hours.
_READ_BYTES: Final = 4 * 1024**2
# One entry: the chunk's name, flags, its place, and its length.
_ENTRY: Final = np.dtype([("stream", "S2"), ("kind", "S2"), ("flags", "<u4"), ("place", "<u4"), ("size", "<u4")])
_PICTURES: Final = (b"dc", b"db")


def dropped_at_end(path: Path, stream: int) -> int:
    """How many of the stream's last pictures are empty; 0 for what has no such index, and for a file that is cut off.

    They are counted among the last quarter of a million chunks; 0 as well if none of these is shown. Nor is it told of
    files of several parts (OpenDML), of which the index describes the first alone.

    Raises:
        OSError: the disk failed.
    """
    with path.open("rb") as file:
        size_bytes = path.stat().st_size
        place = 12
        for _ in range(_MOST_CHUNKS):
            file.seek(place)
            head = file.read(8)
            if len(head) < 8:
                return 0
            name, length = struct.unpack("<4sI", head)
            end = place + 8 + length
            if name == b"idx1":
                # Behind it only a rounding byte may lie.
                if not size_bytes - 1 <= end <= size_bytes:
                    return 0
                read_bytes = min(length, _READ_BYTES)
                # At the beginning of an entry.
                file.seek(place + 8 + (length - read_bytes) // _ENTRY.itemsize * _ENTRY.itemsize)
                return _count(file.read(read_bytes), stream)
            place = end + (length & 1)
    return 0


def _count(index: bytes, stream: int) -> int:
    entries = np.frombuffer(index, _ENTRY, len(index) // _ENTRY.itemsize)
    is_picture = (entries["stream"] == f"{stream:02d}".encode()) & np.isin(entries["kind"], _PICTURES)
    sizes = entries["size"][is_picture]
    shown = np.flatnonzero(sizes)
    return len(sizes) - 1 - int(shown[-1]) if len(shown) else 0
