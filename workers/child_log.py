"""The output of one supervised child: a file of limited size, whose end explains why the child died."""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

_LIMIT_BYTES: Final = 20 * 1024**2
_TAIL_LINES: Final = 15
_TAIL_BYTES: Final = 16 * 1024
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class ChildLog:
    """``path`` holds the newest output, ``path.1`` what came before it."""

    path: Path

    def open(self) -> BinaryIO:
        """The file to give to a child, opened for appending."""
        # A child is worth more than the bounds of its log, which are looked after again later.
        with contextlib.suppress(OSError):
            self.trim()
        return self.path.open("ab")

    def trim(self) -> None:
        """Move output past 20 MB to ``path.1``; the child goes on writing to the same, emptied file.

        Lines written in the instant between the copy and the cut are lost.

        Raises:
            OSError: it can't be done; where the disk has no room for a copy, the output is gone, and the file emptied.
        """
        try:
            if self.path.stat().st_size <= _LIMIT_BYTES:
                return
        except FileNotFoundError:
            return
        before = self.path.with_name(f"{self.path.name}.1")
        try:
            before.write_bytes(self._end(_LIMIT_BYTES))
        except OSError as error:
            if error.errno in _NO_ROOM:
                # Kept, it would go on to fill the disk that everybody needs.
                os.truncate(self.path, 0)
                before.unlink(missing_ok=True)
            raise
        os.truncate(self.path, 0)

    def ending(self) -> str:
        """The last 15 lines, with the log's path; for people."""
        try:
            lines = self._end(_TAIL_BYTES).decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
        except OSError as error:
            return f"Its log can't be read: {error}."
        if not lines:
            return f"Its log, {self.path}, is empty."
        return "\n  | ".join((f"The end of its log, {self.path}:", *lines))

    def _end(self, size_bytes: int) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, self.path.stat().st_size - size_bytes))
                return file.read(size_bytes)
        except FileNotFoundError:
            return b""
