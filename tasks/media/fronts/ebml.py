"""The heads of EBML's elements (RFC 8794), of which Matroska and WebM are made: what each is, and how long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tasks.records.base import Value

MOST_HEAD_BYTES: Final = 12
"""An identifier has four bytes at most (EBMLMaxIDLength), a size eight."""

VOID: Final = 0xEC
CRC_32: Final = 0xBF
FILLERS: Final = frozenset({VOID, CRC_32})
"""What may stand in any element, and tells nothing of it."""

_ID_BYTES: Final = 4
_SIZE_BYTES: Final = 8


class Head(Value):
    """An element's identifier, how many bytes its head takes, and its body; None if its end is not told."""

    code: int
    head_bytes: int
    body_bytes: int | None


def head_at(data: bytes | memoryview, place: int) -> Head | None:
    """The head of the element that begins there; None if the data end within it.

    Raises:
        ValueError: nothing can begin so.
    """
    id_bytes = _length_at(data, place, _ID_BYTES)
    size_bytes = _length_at(data, place + id_bytes, _SIZE_BYTES) if id_bytes else 0
    end = place + id_bytes + size_bytes
    if not size_bytes or end > len(data):
        return None
    # All bits of a size set: unknown.
    unknown = (1 << 7 * size_bytes) - 1
    size = int.from_bytes(data[place + id_bytes : end]) & unknown
    return Head(
        code=int.from_bytes(data[place : place + id_bytes]),
        head_bytes=end - place,
        body_bytes=None if size == unknown else size,
    )


def elements(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The identifier and the body of each element in the body of another one.

    Raises:
        ValueError: they don't fill it.
    """
    place = 0
    while place < len(body):
        head = head_at(body, place)
        if head is None or head.body_bytes is None or place + head.head_bytes + head.body_bytes > len(body):
            raise ValueError("an element is cut off")
        first, place = place + head.head_bytes, place + head.head_bytes + head.body_bytes
        yield head.code, body[first:place]


def _length_at(data: bytes | memoryview, place: int, most: int) -> int:
    """The length, in bytes, of the number there, by the first one's leading zeros; 0 behind the end."""
    if place >= len(data):
        return 0
    length = 9 - data[place].bit_length()
    if length > most:
        raise ValueError("no number of EBML")
    return length
