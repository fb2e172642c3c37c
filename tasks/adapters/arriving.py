"""A file that is still being downloaded: waiting for parts of it, reading it from front to back, its end."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, Self

from tasks.adapters import machine_faults
from tasks.adapters.process import Stopped

_TICK_S: Final = 0.1
_READ_BYTES: Final = 256 * 1024
# A reader of a share of a film reads a little ahead of it: whole chunks, of picture and sound.
_RESERVE_BYTES: Final = 4 * 1024**2
# What the first looks at a file need is downloaded at full speed. While nobody waits for more, the rest is limited to
# such a rate, or to what takes so many seconds: downloading needs processor time that those looks need as well.
_AT_ONCE_BYTES: Final = 64 * 1024**2
_GENTLE_BYTES_PER_S: Final = 24 * 1024**2
_GENTLE_S: Final = 20.0


@dataclass(frozen=True, kw_only=True)
class Part:
    """The part of an upload that a program is fed while it is downloaded: its first ``share``, 0 to 1."""

    upload: Arriving
    share: float = 1.0

    def chunks(self, stop: threading.Event) -> Iterator[bytes]:
        """As `Arriving.chunks`."""
        return self.upload.chunks(stop, share=self.share)


class Arriving:
    """An upload that is being downloaded to ``path``, from its first byte to its last, ``size_bytes`` in the end.

    Safe to share between threads; to be closed by whoever began it.
    """

    def __init__(self, path: Path, size_bytes: int) -> None:
        """Nothing is downloaded before `start`; `end` alone is for a file that is complete."""
        self.path = path
        self.size_bytes = size_bytes
        self._there = 0
        self._waiting = 0
        self._is_begun = False
        self._digest: str | None = None
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all of it is there."""
        return self._digest is not None

    def whole(self, stop: threading.Event | None = None, *, is_patient: bool = False) -> str:
        """Wait until it is complete, and return the SHA-256 in hex of the object's own bytes, in their own order.

        A caller that ``is_patient`` does not speed up the download.

        Raises:
            NoSuchObject, PreconditionFailed, TemporarilyUnavailable: as `ObjectStore.download`.
            JoinedError: another recording follows what is there; all work on it is to begin anew, with the whole.
            process.Stopped: ``stop`` was set, the download was stopped, or this closed.
        """
        self._await(lambda: self._digest is not None, stop, is_patient=is_patient)
        assert self._digest is not None  # noqa: S101 # for the type checker
        return self._digest

    def wait_for_share(self, share: float, stop: threading.Event | None = None) -> None:
        """Wait until that share of the file (0 to 1), and some MiB more, is there.

        Raises:
            As `whole`.
        """
        wanted = self._end_of(share)
        self._await(lambda: self._there >= wanted, stop)

    def chunks(self, stop: threading.Event, *, share: float = 1.0) -> Iterator[bytes]:
        """The file from its first byte to its last, each as soon as it is there; every call starts at the beginning.

        With a ``share`` below 1 it ends after that part and some MiB more, as `wait_for_share` has it.

        Raises:
            process.Stopped: ``stop`` was set.
            TemporarilyUnavailable: the disk failed.
            As `whole`, wherever the reader has come to.
        """
        place = 0
        try:
            with self.path.open("rb", buffering=0) as file:
                while place < (end := self._end_of(share)):
                    self._await(partial(self._is_beyond, place), stop)
                    chunk = file.read(min(_READ_BYTES, self._there - place, end - place))
                    place += len(chunk) or _none_of(self.path)
                    yield chunk
        except OSError as error:
            raise machine_faults.of_disk(error) from error
        if place < self.size_bytes:
            return
        # Only now is it known that these were the right ones.
        self._await(lambda: self._digest is not None, stop)

    def part(self, share: float = 1.0) -> Part:
        """Its first ``share`` (0 to 1), for a program that reads it while it is downloaded."""
        return Part(upload=self, share=share)

    def close(self) -> None:
        """Stop the download if it is running, and wait for its thread; those who wait for it get `process.Stopped`.

        A store that doesn't answer is given up only when its client times out.
        """
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    # What follows is for whoever downloads it.

    def start(self, bring: Callable[[], str]) -> None:
        """Download it in a thread of its own, and return once its beginning is there; ``bring`` returns the digest.

        Raises:
            As ``bring``, if that fails before.
        """

        def run() -> None:
            try:
                self.end(bring())
            except BaseException as error:  # it is for those who wait
                with self._changed:
                    self._error = error
                    self._changed.notify_all()

        self._thread = threading.Thread(target=run, name="arriving", daemon=True)
        self._thread.start()
        try:
            self._await(lambda: self.is_begun)
        except BaseException:
            self.close()
            raise

    def grow(self, there: int) -> None:
        """Note that so many bytes, from the first one on, are in the file; work can begin."""
        with self._changed:
            self._there = max(self._there, min(there, self.size_bytes))
            self._is_begun = True
            self._changed.notify_all()

    def linger(self, grown_bytes: int) -> None:
        """Pause before so many more bytes are downloaded, to leave the machine to other work, unless somebody waits."""
        rate = max(_GENTLE_BYTES_PER_S, self.size_bytes / _GENTLE_S)
        with self._changed:
            if self._there > _AT_ONCE_BYTES:
                self._changed.wait_for(lambda: self._waiting > 0 or self.is_closing, grown_bytes / rate)

    def end(self, digest: str) -> None:
        """Note that it is complete.

        Raises:
            OSError: it is not.
        """
        size_bytes = self.path.stat().st_size
        with self._changed:
            # What comes in one piece may be of another size than was told.
            self.size_bytes = self._there = size_bytes
            self._digest, self._is_begun = digest, True
            self._changed.notify_all()

    @property
    def there(self) -> int:
        """How many bytes, from the first one on, are there."""
        return self._there

    @property
    def is_begun(self) -> bool:
        """Whether work can begin."""
        return self._is_begun

    @property
    def is_closing(self) -> bool:
        """Whether nobody wants it any more."""
        return self._closing.is_set()

    def _end_of(self, share: float) -> int:
        return self.size_bytes if share >= 1 else min(self.size_bytes, round(self.size_bytes * share) + _RESERVE_BYTES)

    def _is_beyond(self, place: int) -> bool:
        return self._there > place

    def _await(
        self, is_there: Callable[[], bool], stop: threading.Event | None = None, *, is_patient: bool = False
    ) -> None:
        with self._changed:
            self._waiting += not is_patient
            try:
                # A failure is raised at once, also for those whose bytes are there.
                while self._error is not None or not is_there():
                    if self._error is not None:
                        raise self._error
                    if stop is not None and stop.is_set():
                        raise Stopped(f"reading {self.path.name} was stopped")
                    self._changed.notify_all()  # it may be lingering
                    self._changed.wait(_TICK_S)
            finally:
                self._waiting -= not is_patient


def _none_of(path: Path) -> NoReturn:
    raise OSError(errno.EIO, "the file is shorter than it was", path.name)
