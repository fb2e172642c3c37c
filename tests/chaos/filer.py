"""Reading the store past every proxy, fast enough to look at all records ten times a second.

SeaweedFS's filer serves the objects of a bucket under ``/buckets/<bucket>/``; it takes requests pipelined
(RFC 9112, 9.3.2), which costs a fraction of what signed requests of S3 do.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

_BATCH: Final = 100
_WANTED: Final = re.compile(rb"(?i)\r\n(etag|content-length|cache-control):[ \t]*([^\r]*)")
_TIMEOUT_S: Final = 10.0


class StoreAway(Exception):  # noqa: N818
    """The store does not answer; what was asked is not known."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An object as it is at this moment; ``body`` is empty where only its head was asked for."""

    etag: str
    is_immutable: bool
    size_bytes: int
    body: bytes = b""


class Filer:
    """One connection, opened anew after a fault; for one thread at a time."""

    def __init__(self, port: int, bucket: str) -> None:
        self._port = port
        self._bucket = bucket
        self._socket: socket.socket | None = None
        self._rest = b""
        self._lock = threading.Lock()

    def heads(self, keys: Sequence[str]) -> dict[str, Seen | None]:
        """What is known of each object, None where there is none.

        Raises:
            StoreAway: the store does not answer.
        """
        found: dict[str, Seen | None] = {}
        for start in range(0, len(keys), _BATCH):
            found |= self._ask("HEAD", keys[start : start + _BATCH])
        return found

    def get(self, key: str) -> Seen | None:
        """The whole object, None where there is none.

        Raises:
            StoreAway: the store does not answer.
        """
        return self._ask("GET", [key])[key]

    def close(self) -> None:
        """Give up the connection."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._rest = None, b""

    def _ask(self, method: str, keys: Sequence[str]) -> dict[str, Seen | None]:
        # An idle connection may have been closed by a store that was restarted: once more, on a new one.
        with self._lock:
            for is_last in (False, True):
                try:
                    return self._asked(method, keys)
                except (OSError, ValueError) as error:
                    self.close()
                    if is_last:
                        raise StoreAway(str(error)) from error
        raise AssertionError

    def _asked(self, method: str, keys: Sequence[str]) -> dict[str, Seen | None]:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=_TIMEOUT_S)
        paths = (quote(f"/buckets/{self._bucket}/{key}") for key in keys)
        self._socket.sendall("".join(f"{method} {path} HTTP/1.1\r\nHost: store\r\n\r\n" for path in paths).encode())
        return {key: self._answer(has_body=method == "GET") for key in keys}

    def _answer(self, *, has_body: bool) -> Seen | None:
        head, _, self._rest = self._until(b"\r\n\r\n").partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        # Thousands of them come each second: only what is asked for is read.
        headers = {key.lower(): value.decode("latin-1") for key, value in _WANTED.findall(head)}
        length = int(headers.get(b"content-length", "0"))
        body = b""
        if has_body:
            while len(self._rest) < length:
                self._more()
            body, self._rest = self._rest[:length], self._rest[length:]
        if status == 404:
            return None
        if status != 200:
            raise ValueError(f"the store answered {status}")
        return Seen(
            etag=headers[b"etag"].strip('"'),
            is_immutable="immutable" in headers.get(b"cache-control", ""),
            size_bytes=length,
            body=body,
        )

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            self._more()
        return self._rest

    def _more(self) -> None:
        assert self._socket is not None
        chunk = self._socket.recv(1 << 18)
        if not chunk:
            raise ConnectionResetError("the store closed the connection")
        self._rest += chunk
