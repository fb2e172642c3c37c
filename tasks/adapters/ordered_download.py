"""Downloading an upload in an order in which it can be read while it arrives, if its format allows that.

The object is read in its own order, over which the hash is computed; the file is written from its front on, so that
everything below its size is right, and another job can continue from there. All jobs that download the same object to
the same file write the same bytes at the same places, so a frozen process that wakes up does no harm.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks.adapters.disk import write_at
from tasks.adapters.object_store import ObjectStore, RangeNotSatisfiable
from tasks.adapters.process import Stopped
from tasks.adapters.s3_errors import translated
from tasks.errors import TemporarilyUnavailable
from tasks.media.fronts import formats
from tasks.media.fronts.index import FrontIndex

# With the index and this much of the media, ffprobe learns all about a file.
_BEGINNING_BYTES: Final = 4 * 1024**2
_READ_BYTES: Final = 1024**2
_LOOKS_AT_A_TIME: Final = 8


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An object in the store, with its size."""

    store: ObjectStore
    bucket: str
    key: str
    etag: str
    size_bytes: int

    def look(self, *, is_begun: bool = False, is_stopped: Callable[[], bool] = lambda: False) -> FrontIndex | None:
        """The layout of its file; None if it must be complete before it is read.

        Raises:
            process.Stopped: ``is_stopped`` said so.
            NoSuchObject: it isn't there.
            PreconditionFailed: it is not the one of ``etag`` any more.
        """

        def part(each: range) -> bytes:
            if is_stopped():
                raise Stopped(f"the look at {self.key} was stopped")
            return self._part(each, is_begun=is_begun)

        looks = formats.look(self.size_bytes)
        wanted: tuple[range, ...] | None = next(looks, None)
        with ThreadPoolExecutor(_LOOKS_AT_A_TIME) as pool:
            while wanted is not None:
                # One alone needs no other thread.
                answers = tuple((pool.map if len(wanted) > 1 else map)(part, wanted))
                try:
                    wanted = looks.send(answers)
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
            JoinedError: what was to be written next is of another recording than the file, or damaged.
            As `ObjectStore.download`.
        """
        digest, watch = hashlib.sha256(), formats.watch(front)
        with translated(self.bucket, self.key), path.open("x+b" if is_new else "r+b", buffering=0) as file:

            def take(chunk: bytes) -> None:
                if is_stopped():
                    raise Stopped(f"the download of {self.key} was stopped")
                digest.update(chunk)
                if watch is not None:
                    watch.see(chunk)

            write_at(file.fileno(), front.prefix, 0)
            come = 0
            if not is_new:
                # What is before the media in the object may be in another place in the file.
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
        """The part, or nothing if the store serves no ranges: the upload is then downloaded before it is read."""
        try:
            return self._exactly(part)
        except RangeNotSatisfiable:
            return b""
        except TemporarilyUnavailable:
            # A download that was begun can be continued another time.
            if is_begun:
                raise
            return b""


def layout_of(front: FrontIndex) -> str:
    """A token for the layout of a file: files of one object with the same layout have the same."""
    return hashlib.sha256(repr(front.pieces).encode() + front.prefix).hexdigest()[:16]


def beginning_of(front: FrontIndex, size_bytes: int) -> int:
    """How many bytes of a file of that size it takes to begin work on it."""
    return min(size_bytes, front.lead_bytes + _BEGINNING_BYTES)


def _laid(front: FrontIndex, chunk: memoryview, first: int) -> Iterator[tuple[int, memoryview]]:
    """The parts of a chunk that begins at ``first`` in the object, each with its place in the file."""
    place = len(front.prefix)
    for piece_first, piece_end in front.pieces:
        begin, end = max(first, piece_first), min(first + len(chunk), piece_end)
        if begin < end:
            yield place + begin - piece_first, chunk[begin - first : end - first]
        place += piece_end - piece_first


def _again(file: int, front: FrontIndex, take: Callable[[bytes], None]) -> int:
    """Take the object's bytes that a file which was begun has of its first piece; returns where in the object they end.

    The last byte is left to the store, which tells whether it still is this object.
    """
    first, end = front.pieces[0]
    there = os.fstat(file).st_size
    come = min(first + max(0, there - len(front.prefix)), end - 1)
    stop = len(front.prefix) + come - first
    for place in range(len(front.prefix), stop, _READ_BYTES):
        take(os.pread(file, min(_READ_BYTES, stop - place), place))
    return come
