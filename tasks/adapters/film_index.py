"""The index (``moov``) of an MP4 or MOV file on disk, of which the end may be missing yet."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

from tasks.media.boxes import box_at

_MOST_BOXES: Final = 1000
_MOST_BYTES: Final = 32 * 1024**2
_HEAD_BYTES: Final = 16


def read(path: Path, there: int) -> bytes | None:
    """The index's body, if it lies whole within the first ``there`` bytes; None as well for any other file.

    Raises:
        OSError: the disk failed.
    """
    place = 0
    with path.open("rb") as file:
        for _ in range(_MOST_BOXES):
            # Sizes are whatever a file claims, and no disk can seek to all of them.
            if place >= there:
                return None
            file.seek(place)
            try:
                size, kind, head = box_at(file.read(min(_HEAD_BYTES, there - place)), 0)
            except struct.error:
                return None
            if kind == b"moov" and place + size <= there and head <= size <= _MOST_BYTES:
                file.seek(place + head)
                return file.read(size - head)
            if size < head:
                return None
            place += size
    return None
