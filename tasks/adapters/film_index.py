"""Reading the index (``moov``) of an MP4 or MOV file on disk, the end of which may not have been downloaded yet."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from tasks.media.mp4.boxes import box_at

_MOST_BOXES: Final = 1000
_MOST_BYTES: Final = 32 * 1024**2
_HEAD_BYTES: Final = 16


@dataclass(frozen=True, kw_only=True)
class Box:
    """A box on disk: its type, where it begins, how many bytes its head and all of it take (0: to the file's end)."""

    kind: bytes
    place: int
    head: int
    size: int


def read(path: Path, there: int) -> bytes | None:
    """The index's body, if it lies whole within the first ``there`` bytes; None as well for any other file.

    Raises:
        OSError: the disk failed.
    """
    with path.open("rb") as file:
        index = next((box for box in boxes(file, there) if box.kind == b"moov"), None)
        if index is None:
            return None
        return read_body(file, index, there)


def read_body(file: IO[bytes], index: Box, there: int) -> bytes | None:
    """The body of an index that was found; None if it is not whole, or larger than any is.

    Raises:
        OSError: the disk failed.
    """
    if index.place + index.size > there or not index.head <= index.size <= _MOST_BYTES:
        return None
    file.seek(index.place + index.head)
    return file.read(index.size - index.head)


def boxes(file: IO[bytes], there: int) -> Iterator[Box]:
    """The top-level boxes that begin within the first ``there`` bytes, as far as they can be parsed.

    Raises:
        OSError: the disk failed.
    """
    place = 0
    for _ in range(_MOST_BOXES):
        # Sizes are whatever a file claims, and no disk can seek to all of them.
        if place >= there:
            return
        file.seek(place)
        try:
            size, kind, head = box_at(file.read(min(_HEAD_BYTES, there - place)), 0)
        except struct.error:
            return
        yield Box(kind=kind, place=place, head=head, size=size)
        if size < head:
            return
        place += size
