"""Which formats can be read from front to back while they are downloaded, by their first bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, Protocol

from tasks.errors import TemporarilyUnavailable
from tasks.media.fronts import mkv, mp4, mxf, ts
from tasks.media.fronts.clusters import ClusterWatch
from tasks.media.fronts.index import FrontIndex, Looking, Window
from tasks.media.transport.one_recording import Watch
from tasks.media.transport.packets import form_of
from tasks.media.unsuited import UnsuitedError

# Five packets of a transport stream, which are known by no less.
_HEAD_BYTES: Final = 1024


class Watching(Protocol):
    """Looks at an object while it comes, from its first byte on."""

    def see(self, chunk: bytes) -> None:
        """Take in the next bytes, however many.

        Raises:
            JoinedError: nobody may be given them as what follows those before.
        """


def look(size_bytes: int) -> Looking[FrontIndex | None]:
    """Find out whether an object of that size can be read so, from parts of it, the first from its beginning.

    Each part is to be answered with just its bytes; in all they are 64 MiB at most. The outcome is None for all other
    formats, and for files that their format's module does not take.
    """
    window = Window(size_bytes=size_bytes)
    try:
        head = yield from window.read(0, min(_HEAD_BYTES, size_bytes))
        if form := form_of(head):
            return (yield from ts.laid(window, form))
        return (yield from _laid_by(head)(window))
    # Nothing is promised of a file that can't be understood; whoever reads it whole will say what is wrong.
    except (UnsuitedError, TemporarilyUnavailable, struct.error, ValueError, OverflowError):
        return None


def watch(front: FrontIndex) -> Watching | None:
    """Who is to look at the object while it comes, if anybody: its format's place tells too little of the rest."""
    if front.packets is not None:
        return Watch(front.packets)
    if front.clusters_at is not None:
        return ClusterWatch(front.clusters_at, front.pieces[-1][1])
    return None


def _laid_by(head: bytes) -> Callable[[Window], Looking[FrontIndex]]:
    if head.startswith(mxf.UNIVERSAL_LABEL):
        return mxf.laid
    return mkv.laid if head.startswith(mkv.EBML.to_bytes(4)) else mp4.laid
