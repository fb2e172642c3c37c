"""Scratch folders of running jobs: refused if the disk can't hold the job, removed after crashes."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tasks.adapters import sources
from tasks.errors import TemporarilyUnavailable

_LOCK: Final = ".lock"
_MAKING_S: Final = 60.0
_RESERVE_BYTES: Final = 256 * 1024**2
# The source itself, its renditions and one progressive copy, by the measure of common clips; the reserve is for small
# ones of high efficiency.
_ROOM_FACTOR: Final = 3


def _remove_if_old(folder: Path) -> int:
    try:
        if time.time() - folder.stat().st_mtime < _MAKING_S:
            return 0
    except OSError:
        return 0
    shutil.rmtree(folder, ignore_errors=True)
    return 1


class Workspaces:
    """Folders under one root. Each is locked by the process that uses it, so a lock that is free marks a dead one."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def root(self) -> Path:
        """Where the folders are made."""
        return self._root

    @contextmanager
    def open(self, *, source_bytes: int) -> Iterator[Path]:
        """A new empty folder with room for a source of that size; gone when the block ends.

        Raises:
            TemporarilyUnavailable: the disk has not enough room now (``disk_full``).
        """
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        needed = source_bytes * _ROOM_FACTOR + _RESERVE_BYTES
        free = shutil.disk_usage(self._root).free
        if free < needed:
            raise TemporarilyUnavailable(
                "disk_full",
                "The worker's disk has no room for this clip just now.",
                f"{self._root}: {free} bytes free, {needed} needed",
            )
        folder = Path(tempfile.mkdtemp(prefix="job-", dir=self._root))
        try:
            with (folder / _LOCK).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            sources.forget_unused(self._root)

    def sweep(self) -> int:
        """Remove the folders whose process is gone; returns how many there were."""
        removed = 0
        for folder in self._root.glob("job-*"):
            try:
                with (folder / _LOCK).open("r") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
                    removed += 1
            except FileNotFoundError:
                removed += _remove_if_old(folder)  # just being made or removed, or its maker died at that moment
            except OSError:
                continue  # in use
        sources.forget_unused(self._root)
        return removed
