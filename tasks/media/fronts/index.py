"""Reading from front to back: the layout on disk that lets work begin while the rest of an upload is downloaded.

What programs need to know of the whole file, its index, comes first there, and the media follow in their order. Which
parts of an object have to be seen to lay it so, its format's module tells (`formats`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from tasks.media.unsuited import UnsuitedError
from tasks.records.base import Value

_Told = TypeVar("_Told")

_LOOK_BYTES: Final = 1024**2
_MOST_LOOKS: Final = 8
# An index of 32 MiB, and what it takes to find it.
_MOST_BYTES: Final = 64 * 1024**2


class FrontIndex(Value):
    """A file that can be read from front to back: ``prefix``, then these byte ranges of the object, as (first, end).

    It is as long as the object; without a prefix it is the object. Work can begin with ``lead_bytes`` of it and some
    MiB of media more. With ``packets``, a form of `tasks.media.transport.packets.form_of`, it is a transport stream,
    with ``clusters_at``, where the first one begins, Matroska; to be watched while it comes (`formats.watch`).
    """

    prefix: bytes
    pieces: tuple[tuple[int, int], ...]
    lead_bytes: int
    packets: tuple[int, int] | None = None
    clusters_at: int | None = None


Looking = Generator[tuple[range, ...], tuple[bytes, ...], _Told]
"""Yields the byte ranges of the object that it is to be sent next, which may be fetched all at once; returns what came
out of it.
"""


@dataclass(kw_only=True)
class Window:
    """The part of an object that was fetched last; each fetch is of ``ahead_bytes`` at least.

    After ``most_looks`` of them, or 64 MiB in all, the object is given up.
    """

    size_bytes: int
    ahead_bytes: int = _LOOK_BYTES
    most_looks: int = _MOST_LOOKS
    start: int = 0
    data: bytes = b""
    looks: int = 0
    asked_bytes: int = 0
    _fetched: dict[int, bytes] = field(default_factory=dict)

    def fetch(self, places: Iterable[int]) -> Looking[None]:
        """Fetch what begins at these places, all at once: a distant store takes as long to answer for one of them.

        Raises:
            UnsuitedError: they are too many.
        """
        wanted = tuple(self._ahead(place, place) for place in places)
        self._fetched = dict(zip((part.start for part in wanted), (yield from self._ask(*wanted)), strict=True))

    def read(self, first: int, end: int) -> Looking[bytes]:
        """The object's bytes from ``first`` to ``end``, all of them.

        Raises:
            UnsuitedError: the store has fewer, or too many have been asked for.
        """
        if not self.start <= first <= end <= self.start + len(self.data):
            self.start, self.data = first, self._fetched.pop(first, b"")
            if len(self.data) < end - first:
                self.data = b""  # not both at once
                (self.data,) = yield from self._ask(self._ahead(first, end))
        found = self.data[first - self.start : end - self.start]
        if len(found) != end - first:
            raise UnsuitedError
        return found

    def _ahead(self, first: int, end: int) -> range:
        return range(first, min(max(end, first + self.ahead_bytes), self.size_bytes))

    def _ask(self, *wanted: range) -> Looking[tuple[bytes, ...]]:
        self.looks += len(wanted)
        self.asked_bytes += sum(map(len, wanted))
        if self.looks > self.most_looks or self.asked_bytes > _MOST_BYTES:
            raise UnsuitedError
        return (yield wanted) if wanted else ()
