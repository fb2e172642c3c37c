"""Sources: the uploads that jobs on this machine work on, each fetched from the store once, however many want it.

A clip's picture and its encode begin at the same moment, in two processes. The first one fetches the upload into its
own workspace, the other waits and takes a second name (a hard link) of the same file, so each may remove its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tasks.adapters.object_store import ObjectStore
from tasks.adapters.process import Stopped

_FOLDER: Final = "sources"
_DIGEST: Final = "[0-9a-f]" * 64
_TICK_S: Final = 0.02
# Whoever has the turn may be frozen: nobody waits for longer than a slow store would take.
_PATIENCE_S: Final = 2.0
_SLOW_BYTES_PER_S: Final = 40 * 1024**2


class Sources:
    """Fetches from ``store``; what jobs share is named in a folder below ``root``, where their workspaces are."""

    def __init__(self, store: ObjectStore, root: Path) -> None:
        self._store = store
        self._folder = root / _FOLDER

    def fetch(
        self,
        bucket: str,
        key: str,
        path: Path,
        *,
        etag: str,
        size_bytes: int,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> str:
        """Put the object at ``path``, which is new, and return its SHA-256 in hex. The file is not to be written to.

        Raises:
            As `ObjectStore.download`; waiting for another job's download can be stopped as well.
        """
        name = hashlib.sha256(f"{bucket}/{key}/{etag}".encode()).hexdigest()[:32]
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        patience_s = _PATIENCE_S + size_bytes / _SLOW_BYTES_PER_S
        with self._turn(name, patience_s, should_stop) as is_ours:
            for shared in self._folder.glob(f"{name}.{_DIGEST}"):
                with contextlib.suppress(OSError):  # its last job has just ended
                    os.link(shared, path)
                    return shared.suffix.removeprefix(".")
            digest = self._store.download(bucket, key, path, etag=etag, should_stop=should_stop)
            if is_ours:
                # A disk that knows no second names does without: the other job fetches its own.
                with contextlib.suppress(OSError):
                    os.link(path, self._folder / f"{name}.{digest}")
            return digest

    @contextmanager
    def _turn(self, name: str, patience_s: float, should_stop: Callable[[], bool]) -> Iterator[bool]:
        """One job of this machine at a time; False where that took too long. The kernel ends the turn of the dead."""
        give_up_at = time.monotonic() + patience_s
        with (self._folder / f"{name}.lock").open("w") as lock:
            while not (is_ours := _took(lock.fileno())) and time.monotonic() < give_up_at:
                if should_stop():
                    raise Stopped("the wait for another job's download was stopped")
                time.sleep(_TICK_S)
            yield is_ours


def forget_unused(root: Path) -> None:
    """Let go of what no job has any more."""
    with contextlib.suppress(OSError):
        for entry in (root / _FOLDER).iterdir():
            # A job that takes it between the look and the removal has its own name for it by then.
            with contextlib.suppress(OSError):
                if entry.stat().st_nlink == 1 and _is_free(entry):
                    entry.unlink()


def _took(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(path: Path) -> bool:
    with path.open("rb") as file:
        return _took(file.fileno())
