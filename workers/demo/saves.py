"""Detecting saves of a file, however an editor makes them: in place, by renaming another file over it, in pieces."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from tasks.errors import NewsreelError

# Some editors take the old file away a moment before they put the new one there.
_MAY_BE_AWAY_S: Final = 3.0
_Signature = tuple[int, ...]


class NotUsable(NewsreelError):  # noqa: N818 # as in tasks.errors
    """A save left nothing that could be uploaded; the message says why, in words for the person who saved."""


class Saves:
    """Asked about twice a second, it returns each save once, and complete.

    What `path` holds at the beginning is no save. A change is read when it was the same at two looks in a row, so
    that nothing half-written is taken.
    """

    def __init__(self, path: Path, content: bytes, may_be_away_s: float = _MAY_BE_AWAY_S) -> None:
        self._path = path
        self._content = content
        self._may_be_away_s = may_be_away_s
        # Never equal to what the file system says: whatever was saved since `content` was read is found.
        self._handled: _Signature | None = ()
        self._seen: _Signature | None = ()
        self._seen_at = time.monotonic()

    def look(self) -> bytes | None:
        """The file's content, if it was saved since the last time and is not the same again; else None.

        Raises:
            NotUsable: it was saved empty, can't be read, or is gone; raised once for each such change.
        """
        now = _signature(self._path)
        if now != self._seen:
            self._seen, self._seen_at = now, time.monotonic()
            return None
        if now == self._handled or (now is None and time.monotonic() - self._seen_at < self._may_be_away_s):
            return None
        if now is None:
            self._handled = now
            raise NotUsable(f"{self._path} is gone; saved there again, it is followed again.")
        try:
            content = self._path.read_bytes()
        except OSError as error:
            self._handled = now
            raise NotUsable(f"{self._path} can't be read: {error.strerror}.") from error
        if _signature(self._path) != now:
            return None
        self._handled = now
        if not content:
            raise NotUsable(f"{self._path} is empty (0 bytes).")
        if content == self._content:
            return None
        self._content = content
        return content


def _signature(path: Path) -> _Signature | None:
    try:
        found = path.stat()
    except OSError:
        return None
    # The inode tells a file that was renamed to this place, the time of change one whose permissions were.
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
