"""The uploads that jobs on this machine work on, each downloaded once, however many jobs use it.

A clip's picture and its encode begin at the same moment, in two processes. The first one downloads the upload into its
own workspace, the other makes a hard link to the same file, so each may remove its own. It does so as soon as there is
something to work on, and follows the file's growth. Should the first one fail, end or hang, it continues the download
itself, at the same places of the same file (`tasks.adapters.ordered_download`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from tasks.adapters import machine_faults, mending
from tasks.adapters.arriving import Arriving
from tasks.adapters.object_store import ObjectStore
from tasks.adapters.ordered_download import Upload, beginning_of, layout_of
from tasks.adapters.process import Stopped
from tasks.errors import TemporarilyUnavailable
from tasks.media.transport.one_recording import JoinedError

LARGE_BYTES: Final = 48 * 1024**2
"""From this size on an upload is processed while it arrives: with smaller ones nobody would notice."""

_FOLDER: Final = "sources"
_DIGEST: Final = "[0-9a-f]" * 64
_GROWING: Final = "growing-"
_TICK_S: Final = 0.02
# Whoever holds the lock may be frozen: nobody waits for longer than a slow store would take.
_PATIENCE_S: Final = 2.0
_SLOW_BYTES_PER_S: Final = 40 * 1024**2


class Sources:
    """Downloads from ``store``; files that jobs share have names in a folder of ``root``, beside the workspaces."""

    def __init__(self, store: ObjectStore, root: Path, *, large_bytes: int = LARGE_BYTES) -> None:
        self._store = store
        self._folder = root / _FOLDER
        self._large_bytes = large_bytes

    def begin(
        self,
        bucket: str,
        key: str,
        path: Path,
        *,
        etag: str,
        size_bytes: int,
        waits_for_all: bool = False,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Arriving:
        """Download the object to ``path``, a new file, and return when work on it can begin; the caller closes it.

        For a file of `LARGE_BYTES` or more that can be read from front to back (`tasks.media.fronts`) that is when its
        index and its first seconds are there; the index is moved to the front, if need be. All other uploads are
        complete by then, as they are in the store but for what is mended (`tasks.adapters.mending`), and so are all
        with ``waits_for_all``. Nobody may write to the file.

        Raises:
            JoinedError: it can't be read from front to back after all. Later that is told to whoever waits for more of
                it. It takes a beginning that ``waits_for_all``.
            As `ObjectStore.download`; waiting for another job's download can be stopped as well.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        arriving = Arriving(path, size_bytes)
        fetch = _Fetch(
            upload=Upload(store=self._store, bucket=bucket, key=key, etag=etag, size_bytes=size_bytes),
            is_large=size_bytes >= self._large_bytes and not waits_for_all,
            shared=self._folder / hashlib.sha256(f"{bucket}/{key}/{etag}".encode()).hexdigest()[:32],
            arriving=arriving,
            is_stopped=lambda: arriving.is_closing or should_stop(),
        )
        if fetch.is_large:
            arriving.start(fetch.run)
        else:
            arriving.end(fetch.run())
        return arriving


@dataclass(frozen=True, kw_only=True)
class _Fetch:
    """Getting an upload for one job. File names that begin with ``shared`` are seen by all jobs."""

    upload: Upload
    is_large: bool
    shared: Path
    arriving: Arriving
    is_stopped: Callable[[], bool]

    def run(self) -> str:
        """Get the upload to the job's path, from another job or from the store; returns its digest."""
        with self.shared.with_suffix(".lock").open("w") as lock:
            growing, digest = self._wait(lock)
            if digest is None:
                digest, growing = self._download(growing)
                # On a disk without hard links the other job downloads its own.
                with contextlib.suppress(OSError):
                    os.link(self.arriving.path, self.shared.with_suffix(f".{digest}"))
                if growing is not None:
                    growing.unlink(missing_ok=True)
            return digest

    def _wait(self, lock: IO[str]) -> tuple[Path | None, str | None]:
        """Wait for the lock, for another job's file to be complete, or until that makes no progress for too long.

        Returns the shared name of the growing file, if there is one, to which this job has a link by then; and the
        digest if the upload is complete.
        """
        patience_s = _PATIENCE_S + self.upload.size_bytes / _SLOW_BYTES_PER_S
        path, growing, there = self.arriving.path, None, 0
        heard_at = time.monotonic()
        while True:
            is_ours = _locked(lock.fileno())
            if growing is None and self.is_large:
                growing = next((name for name in self._shared(f"{_GROWING}*") if _linked(name, path)), None)
            if growing is not None:
                size_bytes = path.stat().st_size
                heard_at = time.monotonic() if size_bytes > there else heard_at
                there = max(there, size_bytes)
                self.arriving.grow(there)
            for whole in self._shared(_DIGEST):
                if there == self.upload.size_bytes or (growing is None and _linked(whole, path)):
                    return growing, whole.suffix.removeprefix(".")
            if is_ours or time.monotonic() - heard_at > patience_s:
                return growing, None
            if self.is_stopped():
                raise Stopped("the wait for another job's download was stopped")
            time.sleep(_TICK_S)

    def _shared(self, suffix: str) -> Iterator[Path]:
        return self.shared.parent.glob(f"{self.shared.name}.{suffix}")

    def _download(self, growing: Path | None) -> tuple[str, Path | None]:
        """Download it, or continue ``growing``; returns the digest and the shared name under which it grew."""
        upload, path = self.upload, self.arriving.path
        front = upload.look(is_begun=growing is not None, is_stopped=self.is_stopped) if self.is_large else None
        name = self.shared.with_suffix(f".{_GROWING}{layout_of(front)}") if front is not None else None
        if growing is not None and growing != name:
            if name is not None:
                growing.unlink(missing_ok=True)
            raise TemporarilyUnavailable(
                "store_unavailable",
                "The upload could not be read whole from the object store.",
                f"{upload.key}: the download that another job began can't be continued",
            )
        if front is None:
            digest = upload.store.download(
                upload.bucket, upload.key, path, etag=upload.etag, should_stop=self.is_stopped
            )
            try:
                mending.mend(path, is_stopped=self.is_stopped)
            except OSError as error:
                raise machine_faults.of_disk(error) from error
            return digest, None
        begun = beginning_of(front, upload.size_bytes)

        def on_growth(there: int) -> None:
            if there < begun:
                return
            if name is not None and not self.arriving.is_begun:
                with contextlib.suppress(OSError):
                    os.link(path, name)
            grown_bytes = there - self.arriving.there
            self.arriving.grow(there)
            self.arriving.linger(grown_bytes)

        is_new = growing is None
        try:
            return upload.bring(path, front, is_new=is_new, on_growth=on_growth, is_stopped=self.is_stopped), name
        except JoinedError:
            if name is not None:
                name.unlink(missing_ok=True)
            raise


def forget_unused(root: Path) -> None:
    """Remove shared files that no job has any more."""
    with contextlib.suppress(OSError):
        for entry in (root / _FOLDER).iterdir():
            # A job that links it between the check and the removal has its own name for it by then.
            with contextlib.suppress(OSError):
                if entry.stat().st_nlink == 1 and _is_free(entry):
                    entry.unlink()


def _linked(shared: Path, path: Path) -> bool:
    """Make a link to another job's file; False if that is gone."""
    try:
        os.link(shared, path)
    except OSError:
        return False
    return True


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(path: Path) -> bool:
    with path.open("rb") as file:
        return _locked(file.fileno())
