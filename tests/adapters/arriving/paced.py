"""A real store whose downloads go as far as a test lets them."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from tasks.adapters.arriving import Arriving
from tasks.adapters.object_store import ObjectStore, ObjectStream
from tasks.errors import TemporarilyUnavailable

MIB: Final = 1024**2
KEY: Final = "clip.mp4"
NEVER: Final = threading.Event()


@dataclass
class Pace:
    """How far a download of the whole may go, in chunks of a MiB, and how it ends; further ones wait to be let."""

    chunks: int = 10**6
    fails: bool = False
    downloads: int = 0
    parts: list[range] = field(default_factory=list)
    open: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def let(self, chunks: int = 10**6, *, fails: bool = False) -> None:
        with self.changed:
            self.chunks, self.fails = chunks, fails
            self.changed.notify_all()

    def is_over(self, number: int) -> bool:
        return number < self.chunks or self.fails

    def through(self, chunks: Iterator[bytes]) -> Generator[bytes]:
        for number, chunk in enumerate(chunks):
            with self.changed:
                # Somebody who gives up is not to wait for ever.
                self.changed.wait_for(partial(self.is_over, number), 300)
                if number >= self.chunks:
                    raise TemporarilyUnavailable("store_unavailable", "It broke off.")
            yield chunk


class Paced(ObjectStore):
    """A real store, whose downloads of whole objects go as a test lets them."""

    pace: Pace

    def exactly(self, bucket: str, key: str, *, etag: str, part: range | None = None) -> ObjectStream:
        stream = super().exactly(bucket, key, etag=etag, part=part)
        self.pace.open += 1

        def close() -> None:
            self.pace.open -= 1
            stream.close()

        if part is None:
            self.pace.downloads += 1
            return replace(stream, chunks=self.pace.through(stream.chunks), close=close)
        self.pace.parts.append(part)
        return replace(stream, close=close)

    def gradually(self, bucket: str, key: str, *, etag: str, size_bytes: int, first: int = 0) -> Generator[bytes]:
        self.pace.downloads += first == 0
        with closing(super().gradually(bucket, key, etag=etag, size_bytes=size_bytes, first=first)) as chunks:
            yield from chunks if first else self.pace.through(chunks)


def close_meanwhile(arriving: Arriving, pace: Pace) -> None:
    """Close it while its next bytes are awaited."""
    closing = threading.Thread(target=arriving.close)
    closing.start()
    while not arriving.is_closing:
        closing.join(0.01)
    pace.let()
    closing.join()


def shared_names(folder: Path) -> list[str]:
    return sorted(each.suffix[:8] for each in (folder / "sources").iterdir())
