"""Downloading an upload in an order in which it can be read while it arrives, if its format allows that.

The object comes in its own order, from which the hash is made; the file is written from its front on, so what lies
below its size is right, and another job can go on from there. Whoever brings the same object to the same file
writes the same bytes at the same places: of a process that was frozen and wakes up, too, nothing is to be feared.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks.adapters.disk import write_at
from tasks.adapters.object_store import ObjectStore, RangeNotSatisfiable
from tasks.adapters.process import Stopped
from tasks.adapters.s3_errors import translated
from tasks.errors import TemporarilyUnavailable
from tasks.media import fronts
from tasks.media.front_index import FrontIndex

# With the index and so much of the media, a program finds out all about a film.
_BEGINNING_BYTES: Final = 4 * 1024**2
_READ_BYTES: Final = 1024**2


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An object in the store, of which ``size_bytes`` is told."""

    store: ObjectStore
    bucket: str
    key: str
    etag: str
    size_bytes: int

    def look(self, *, is_begun: bool = False, is_stopped: Callable[[], bool] = lambda: False) -> FrontIndex | None:
        """How it is to be laid; None where it must be there whole before it is read.

        Raises:
            process.Stopped: ``is_stopped`` said so.
            NoSuchObject: it isn't there.
            PreconditionFailed: it is not the one of ``etag`` any more.
        """
        looks = fronts.look(self.size_bytes)
        part = next(looks, None)
        while part is not None:
            if is_stopped():
                raise Stopped(f"the look at {self.key} was stopped")
            answer = self._part(part, is_begun=is_begun)
            try:
                part = looks.send(answer)
            except StopIteration as outcome:
                front: FrontIndex | None = outcome.value
                return front
        return None

    def bring(
        self,
        path: Path,
        front: FrontIndex,
        *,
        is_new: bool,
        on_growth: Callable[[int], None],
        is_stopped: Callable[[], bool],
    ) -> str:
        """Write all of it to ``path``, a new file or one that a call with the same ``front`` began; return its SHA-256.

        ``on_growth`` is told how many bytes are there, after each MiB, when ``is_stopped`` is asked as well.

        Raises:
            process.Stopped: ``is_stopped`` said so.
            TemporarilyUnavailable: less than promised came, or the disk failed or is full.
            As `ObjectStore.download`.
        """
        digest = hashlib.sha256()
        with translated(self.bucket, self.key), path.open("x+b" if is_new else "r+b", buffering=0) as file:

            def take(chunk: bytes) -> None:
                if is_stopped():
                    raise Stopped(f"the download of {self.key} was stopped")
                digest.update(chunk)

            write_at(file.fileno(), front.prefix, 0)
            come = 0
            if not is_new:
                # What stands before the media in the object may stand otherwise in the file.
                take(self._exactly(range(front.pieces[0][0])))
                come = _again(file.fileno(), front, take)
            chunks = self.store.gradually(self.bucket, self.key, etag=self.etag, size_bytes=self.size_bytes, first=come)
            with closing(chunks):
                for chunk in chunks:
                    take(chunk)
                    for place, part in _laid(front, memoryview(chunk), come):
                        write_at(file.fileno(), part, place)
                        on_growth(place + len(part))
                    come += len(chunk)
        return digest.hexdigest()

    def _exactly(self, part: range) -> bytes:
        if not part:
            return b""
        with closing(self.store.exactly(self.bucket, self.key, etag=self.etag, part=part)) as stream:
            return b"".join(stream.chunks)

    def _part(self, part: range, *, is_begun: bool) -> bytes:
        """The part, or nothing where the store has no parts to give: the upload is then read when it is there."""
        try:
            return self._exactly(part)
        except RangeNotSatisfiable:
            return b""
        except TemporarilyUnavailable:
            # What was begun can be gone on with another time.
            if is_begun:
                raise
            return b""


def form_of(front: FrontIndex) -> str:
    """A word for how a file is laid; files of one object that are laid alike have the same."""
    return hashlib.sha256(repr(front.pieces).encode() + front.prefix).hexdigest()[:16]


def beginning_of(front: FrontIndex, size_bytes: int) -> int:
    """How many bytes of a file of that size it takes to begin work on it."""
    return min(size_bytes, front.media_at + _BEGINNING_BYTES)


def _laid(front: FrontIndex, chunk: memoryview, first: int) -> Iterator[tuple[int, memoryview]]:
    """Which parts of a chunk, that begins at ``first`` in the object, belong where in the file."""
    place = len(front.prefix)
    for piece_first, piece_end in front.pieces:
        begin, end = max(first, piece_first), min(first + len(chunk), piece_end)
        if begin < end:
            yield place + begin - piece_first, chunk[begin - first : end - first]
        place += piece_end - piece_first


def _again(file: int, front: FrontIndex, take: Callable[[bytes], None]) -> int:
    """Take the object's bytes from the first piece on from a file that has been begun; returns where in it they end.

    The last byte is left to the store, which tells whether it still is this object.
    """
    first, end = front.pieces[0]
    there = os.fstat(file).st_size
    come = min(first + max(0, there - len(front.prefix)), end - 1)
    stop = len(front.prefix) + come - first
    for place in range(len(front.prefix), stop, _READ_BYTES):
        take(os.pread(file, min(_READ_BYTES, stop - place), place))
    return come
