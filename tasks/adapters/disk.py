"""Writing to files on disk."""

from __future__ import annotations

import os


def write_at(file: int, data: bytes | bytearray | memoryview, place: int) -> None:
    """Write all of the data at that place of the open file.

    Raises:
        OSError: the disk failed, or is full.
    """
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, place)
        rest, place = rest[written:], place + written
