"""The uploads that jobs on this machine work on, each downloaded once, however many jobs use it.

A clip's picture and its encode begin at the same moment, in two processes. The first one fetches the upload into its
own workspace, the other takes a second name (a hard link) of the same file, so each may remove its own. It takes that
as soon as there is something to work on, and follows the file's growth; should the first one fail, end or stand, it
goes on by itself, at the same places of the same file (`tasks.adapters.upload_way`).
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
from tasks.adapters.process import Stopped
from tasks.adapters.upload_way import Upload, beginning_of, form_of
from tasks.errors import TemporarilyUnavailable

LARGE_BYTES: Final = 48 * 1024**2
"""From this size on an upload is worked on while it arrives: of what is smaller, nobody would notice."""

_FOLDER: Final = "sources"
_DIGEST: Final = "[0-9a-f]" * 64
_GROWING: Final = "growing-"
_TICK_S: Final = 0.02
# Whoever has the turn may be frozen: nobody waits for longer than a slow store would take.
_PATIENCE_S: Final = 2.0
_SLOW_BYTES_PER_S: Final = 40 * 1024**2


class Sources:
    """Brings uploads from ``store``; what jobs share is named in a folder of ``root``, where their workspaces are."""

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
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Arriving:
        """Put the object at ``path``, which is new, and return when work on it can begin: the caller is to close that.

        For a film of `LARGE_BYTES` or more that can be read from front to back (`tasks.media.fronts`) this is when
        its index and its first seconds are there. Its index is put in front, if it is not there by itself. All other
        uploads are there whole by then, as they are in the store. The file is not to be written to.

        Raises:
            As `ObjectStore.download`; waiting for another job's download can be stopped as well.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        arriving = Arriving(path, size_bytes)
        wish = _Wish(
            upload=Upload(store=self._store, bucket=bucket, key=key, etag=etag, size_bytes=size_bytes),
            is_large=size_bytes >= self._large_bytes,
            shared=self._folder / hashlib.sha256(f"{bucket}/{key}/{etag}".encode()).hexdigest()[:32],
            arriving=arriving,
            is_stopped=lambda: arriving.is_closing or should_stop(),
        )
        if wish.is_large:
            arriving.start(wish.fulfil)
        else:
            arriving.end(wish.fulfil())
        return arriving


@dataclass(frozen=True, kw_only=True)
class _Wish:
    """One job's wish for an upload. Names that begin with ``shared`` are seen by all jobs."""

    upload: Upload
    is_large: bool
    shared: Path
    arriving: Arriving
    is_stopped: Callable[[], bool]

    def fulfil(self) -> str:
        """See to it that the upload comes to the job's path; returns its digest."""
        with self.shared.with_suffix(".lock").open("w") as lock:
            growing, digest = self._wait(lock)
            if digest is None:
                digest, growing = self._download(growing)
                # A disk that knows no second names does without: the other job fetches its own.
                with contextlib.suppress(OSError):
                    os.link(self.arriving.path, self.shared.with_suffix(f".{digest}"))
                if growing is not None:
                    growing.unlink(missing_ok=True)
            return digest

    def _wait(self, lock: IO[str]) -> tuple[Path | None, str | None]:
        """Wait for one's turn, for another job's end, or until that one has made no progress for too long.

        Returns the shared name of the growing file, which has a name of this job as well by then, if there is one; and
        the digest if the upload is there whole.
        """
        patience_s = _PATIENCE_S + self.upload.size_bytes / _SLOW_BYTES_PER_S
        path, growing, there = self.arriving.path, None, 0
        heard_at = time.monotonic()
        while True:
            is_ours = _took(lock.fileno())
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
        """Bring it, or go on with what ``growing`` names; returns the digest and the name under which it grew."""
        upload, path = self.upload, self.arriving.path
        front = upload.look(is_begun=growing is not None, is_stopped=self.is_stopped) if self.is_large else None
        name = self.shared.with_suffix(f".{_GROWING}{form_of(front)}") if front is not None else None
        if growing is not None and growing != name:
            if name is not None:
                growing.unlink(missing_ok=True)
            raise TemporarilyUnavailable(
                "store_unavailable",
                "The upload could not be read whole from the object store.",
                f"{upload.key}: what another job began to write can't be gone on with",
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
        return upload.bring(path, front, is_new=is_new, on_growth=on_growth, is_stopped=self.is_stopped), name


def forget_unused(root: Path) -> None:
    """Let go of what no job has any more."""
    with contextlib.suppress(OSError):
        for entry in (root / _FOLDER).iterdir():
            # A job that takes it between the look and the removal has its own name for it by then.
            with contextlib.suppress(OSError):
                if entry.stat().st_nlink == 1 and _is_free(entry):
                    entry.unlink()


def _linked(shared: Path, path: Path) -> bool:
    """Take a name of one's own for another job's file; False if there is none any more."""
    try:
        os.link(shared, path)
    except OSError:
        return False
    return True


def _took(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(path: Path) -> bool:
    with path.open("rb") as file:
        return _took(file.fileno())
