"""QuickTime's compressed index: a ``moov`` that contains only another one, compressed with zlib (``cmov``).

Apple's QuickTime File Format tells how: the method in ``dcom``, then in ``cmvd`` the size it had and the bytes. Not
every ffmpeg is built to read that.
"""

from __future__ import annotations

import zlib
from typing import Final

from tasks.media.mp4.boxes import box_at
from tasks.media.mp4.sample_tables import only, parts
from tasks.media.unsuited import UnsuitedError

_METHOD: Final = b"zlib"
# As much as is read of any index.
_MOST_BYTES: Final = 32 * 1024**2


def is_compressed(movie: bytes) -> bool:
    """Whether the body of a ``moov`` is such an index."""
    return movie[4:8] == b"cmov"


def inflated(movie: bytes) -> bytes:
    """The plain index, a whole ``moov``, out of the body of a compressed one.

    Neither what it claims to be nor what it is may be larger than 32 MiB, and it is no more than it claims.

    Raises:
        UnsuitedError, TemporarilyUnavailable: it is larger, of another method, or damaged.
        struct.error: it is damaged.
    """
    body = only(memoryview(movie), "cmov")
    if bytes(only(body, "dcom")[:4]) != _METHOD:
        raise UnsuitedError
    squeezed = only(body, "cmvd")
    claimed = int.from_bytes(squeezed[:4])
    if not 0 < claimed <= _MOST_BYTES:
        raise UnsuitedError
    opener = zlib.decompressobj()
    try:
        # One byte more would show that there is more.
        plain = opener.decompress(squeezed[4:], claimed + 1)
    except zlib.error as error:
        raise UnsuitedError from error
    if len(plain) != claimed:
        raise UnsuitedError
    size, kind, head = box_at(plain, 0)
    if kind != b"moov" or not head <= size <= claimed or is_compressed(plain[head:size]):
        raise UnsuitedError
    parts(memoryview(plain)[head:size])
    return plain[:size]
