"""The output of one supervised child: a file that can't grow for ever, and whose end explains a death."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

_LIMIT_BYTES: Final = 20 * 1024**2
_TAIL_LINES: Final = 15
_TAIL_BYTES: Final = 16 * 1024


@dataclass(frozen=True)
class ChildLog:
    """``path`` holds the newest output, ``path.1`` what came before it."""

    path: Path

    def open(self) -> BinaryIO:
        """The file to give to a child, opened for appending."""
        self.trim()
        return self.path.open("ab")

    def trim(self) -> None:
        """Move output past 20 MB to ``path.1``; the child goes on writing to the same, emptied file.

        Lines written in the instant between the copy and the cut are lost.
        """
        try:
            if self.path.stat().st_size <= _LIMIT_BYTES:
                return
        except FileNotFoundError:
            return
        self.path.with_name(f"{self.path.name}.1").write_bytes(self._end(_LIMIT_BYTES))
        os.truncate(self.path, 0)

    def ending(self) -> str:
        """The last 15 lines, headed by where the whole stands; for people."""
        lines = self._end(_TAIL_BYTES).decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
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
