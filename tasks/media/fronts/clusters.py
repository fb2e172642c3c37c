"""Whether Matroska goes on as it should, so far as it has come: clusters of blocks, one behind the other (RFC 9559).

Where it does not, ffmpeg goes back a little and looks for the next cluster: in a pipe it can't. So nothing damaged is
read on its way, but all of it is waited for.
"""

from __future__ import annotations

from typing import Final

from tasks.media.fronts.ebml import CRC_32, VOID, Head, head_at
from tasks.media.fronts.mkv import ATTACHMENTS, CHAPTERS, CLUSTER, CUES, SEEK_HEAD, TAGS
from tasks.media.transport.one_recording import JoinedError

_BLOCK_GROUP: Final = 0xA0
_ANY_BYTES: Final = 1 << 56
# What ffmpeg takes at most for a block and for a number.
_MOST_BLOCK_BYTES: Final = 256 * 1024**2
_NUMBER_BYTES: Final = 8
_FILLERS: Final = {VOID: _ANY_BYTES, CRC_32: 4}
# Of each element that is looked into, what may be in it, and how many bytes that may have.
_WITHIN: Final[dict[int, dict[int, int]]] = {
    # Timestamp, position, previous size; silent tracks, the simple block.
    CLUSTER: _FILLERS
    | {0xE7: _NUMBER_BYTES, 0xA7: _NUMBER_BYTES, 0xAB: _NUMBER_BYTES, 0x5854: _ANY_BYTES, 0xA3: _MOST_BLOCK_BYTES}
    | {_BLOCK_GROUP: _ANY_BYTES},
    # The block, its duration, what it refers to and how, padding; the codec's state, additions, slices.
    _BLOCK_GROUP: _FILLERS
    | {0xA1: _MOST_BLOCK_BYTES, 0x9B: _NUMBER_BYTES, 0xFB: _NUMBER_BYTES, 0xFA: _NUMBER_BYTES, 0xFD: _NUMBER_BYTES}
    | {0x75A2: _NUMBER_BYTES, 0xA4: _MOST_BLOCK_BYTES, 0x75A1: _MOST_BLOCK_BYTES, 0x8E: _MOST_BLOCK_BYTES},
}
_WITHIN_SEGMENT: Final = _FILLERS | dict.fromkeys((CLUSTER, CUES, TAGS, CHAPTERS, ATTACHMENTS, SEEK_HEAD), _ANY_BYTES)
# To look at each takes time. On average they are larger than that, even those of speech at 64 kb/s.
_AT_LEAST_BYTES: Final = 128
_MORE: Final = 10_000


class ClusterWatch:
    """Looks at a Matroska file of ``end`` bytes as it comes; its clusters begin at ``first``."""

    def __init__(self, first: int, end: int) -> None:
        self._next = first
        self._end = end
        self._within: list[tuple[int, int]] = []
        self._come = 0
        self._rest = b""
        self._elements = 0

    def see(self, chunk: bytes) -> None:
        """Take in the next bytes, however many.

        Raises:
            JoinedError: they are not what has to follow.
        """
        data, start = self._rest + chunk, self._come - len(self._rest)
        self._come += len(chunk)
        try:
            while self._next < self._come and (head := head_at(data, self._next - start)) is not None:
                self._pass(head)
        except ValueError as error:
            raise JoinedError("damaged") from error
        self._rest = data[max(0, self._next - start) :]

    def _pass(self, head: Head) -> None:
        while self._within and self._next >= self._within[-1][1]:
            self._within.pop()
        allowed, parent_end = _WITHIN_SEGMENT, self._end
        if self._within:
            parent, parent_end = self._within[-1]
            allowed = _WITHIN[parent]
        self._elements += 1
        body_at = self._next + head.head_bytes
        is_fitting = head.body_bytes is not None and head.body_bytes <= allowed.get(head.code, -1)
        if not is_fitting or self._elements > _MORE + self._next // _AT_LEAST_BYTES:
            raise JoinedError("damaged")
        end = body_at + (head.body_bytes or 0)
        if end > parent_end:
            raise JoinedError("damaged")
        if head.code in _WITHIN:
            self._within.append((head.code, end))
            self._next = body_at
        else:
            self._next = end
