"""Which formats can be read from front to back while they are downloaded, by their first bytes."""

from __future__ import annotations

import struct
from typing import Final

from tasks.errors import TemporarilyUnavailable
from tasks.media import front_mp4, front_mxf, front_ts
from tasks.media.front_index import FrontIndex, Looking, UnsuitedError, Window
from tasks.media.transport import form_of

# Five packets of a transport stream, which are known by no less.
_HEAD_BYTES: Final = 1024


def look(size_bytes: int) -> Looking[FrontIndex | None]:
    """Find out whether an object of that size can be read so, from parts of it, the first from its beginning.

    Each part is to be answered with just its bytes; in all they are 64 MiB at most. The outcome is None for all other
    formats, and for files that their format's module does not take.
    """
    window = Window(size_bytes=size_bytes)
    try:
        head = yield from window.read(0, min(_HEAD_BYTES, size_bytes))
        if form := form_of(head):
            return (yield from front_ts.laid(window, form))
        laid = front_mxf.laid if head.startswith(front_mxf.UNIVERSAL_LABEL) else front_mp4.laid
        return (yield from laid(window))
    # Nothing is promised of a file that can't be understood; whoever reads it whole will say what is wrong.
    except (UnsuitedError, TemporarilyUnavailable, struct.error, ValueError, OverflowError):
        return None
