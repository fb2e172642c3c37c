"""HTTP/1.1 messages as they go over the wire (RFC 9112): read whole, and passed on byte for byte."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

_MAX_HEAD: Final = 256 * 1024
_NO_BODY: Final = frozenset({204, 304})


@dataclass(frozen=True, kw_only=True)
class Message:
    """A request or an answer: its first line, its head with all that ends it, and its body as it came."""

    first_line: str
    head: bytes
    body: bytes

    @property
    def method(self) -> str:
        """Of a request: ``PUT``."""
        return self.first_line.split(" ", 1)[0]

    @property
    def path(self) -> str:
        """Of a request: its target, query and all."""
        return self.first_line.split(" ")[1]

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.first_line.split(" ")[1])

    def header(self, name: str) -> str | None:
        """A header's value, whatever its case."""
        return _header(self.head, name)


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Message | None:
    """The next request of a connection, None when it has ended; a client that asks first is told to go on."""
    head = await _read_head(reader)
    if head is None:
        return None
    if (_header(head, "expect") or "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return Message(first_line=_first_line(head), head=head, body=await _read_body(reader, head))


async def read_answer(reader: asyncio.StreamReader, method: str) -> Message:
    """The final answer to a request of that method.

    Raises:
        ConnectionError: the server went away before it had answered whole.
    """
    while True:
        head = await _read_head(reader)
        if head is None:
            raise ConnectionResetError("no answer")
        status = int(_first_line(head).split(" ")[1])
        if status >= 200:
            break
    has_body = method != "HEAD" and status not in _NO_BODY
    try:
        body = await _read_body(reader, head, until_end=True) if has_body else b""
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError("half an answer") from error
    return Message(first_line=_first_line(head), head=head, body=body)


async def _read_head(reader: asyncio.StreamReader) -> bytes | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return head if len(head) <= _MAX_HEAD else None


async def _read_body(reader: asyncio.StreamReader, head: bytes, *, until_end: bool = False) -> bytes:
    if "chunked" in (_header(head, "transfer-encoding") or "").lower():
        return await _read_chunks(reader)
    length = _header(head, "content-length")
    if length is not None:
        return await reader.readexactly(int(length))
    return await reader.read() if until_end else b""


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    """A chunked body with its framing, trailers included."""
    body = bytearray()
    while True:
        line = await reader.readuntil(b"\r\n")
        body += line
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        body += await reader.readexactly(size + 2)
    while True:
        line = await reader.readuntil(b"\r\n")
        body += line
        if line == b"\r\n":
            return bytes(body)


def _first_line(head: bytes) -> str:
    return head.split(b"\r\n", 1)[0].decode("latin-1")


def _header(head: bytes, name: str) -> str | None:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.decode("latin-1").lower() == name:
            return value.decode("latin-1").strip()
    return None
