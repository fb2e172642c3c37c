"""Sending one webhook: a POST over HTTP/1.1 with bounds on everything that the receiver could prolong.

Python's own client is used since nothing is wanted of a larger one: no redirect is followed, no proxy of the
environment is asked, nothing is repeated, no cookie kept, and of the answer only its head is read.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from functools import lru_cache
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

from tasks.adapters.endpoints import Endpoint
from tasks.records.deliveries import Answer
from tasks.signature import signed_headers

CONNECT_S: Final = 5.0
TOTAL_S: Final = 15.0


def send(endpoint: Endpoint, *, webhook_id: str, body: str) -> Answer:
    """Send the signed message; what becomes of it is always an answer, never an error."""
    started_at = time.monotonic()
    try:
        signed = signed_headers(endpoint.key_text, message_id=webhook_id, body=body.encode(), now_s=time.time())
    except (OSError, ValueError):
        return Answer(status=None, error="The endpoint's secret can't be read.")
    try:
        status, retry_after = _post(endpoint.url, signed, body.encode())
    except (OSError, http.client.HTTPException, ValueError) as error:
        took_s = time.monotonic() - started_at
        return Answer(status=None, error=_words(error), took_s=took_s)
    error_text = "" if 200 <= status < 300 else f"The endpoint answered {status}."
    return Answer(status=status, error=error_text, retry_after=retry_after, took_s=time.monotonic() - started_at)


def _post(url: str, signed: dict[str, str], body: bytes) -> tuple[int, str | None]:
    parts = urlsplit(url)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"newsreel/{version('newsreel')}",
        "Connection": "close",
        **signed,
    }
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPConnection(parts.netloc, timeout=CONNECT_S)
    watch = _Watch(TOTAL_S)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        line = socket.create_connection((str(parts.hostname), port), timeout=CONNECT_S)
        connection.sock = watch.over(line)
        line.settimeout(TOTAL_S)
        if parts.scheme == "https":
            secured = _tls().wrap_socket(line, server_hostname=parts.hostname, do_handshake_on_connect=False)
            connection.sock = watch.over(secured)
            secured.do_handshake()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        if watch.has_cut:  # The client takes a head that ends in the middle for a whole one.
            raise TimeoutError
        return answer.status, answer.headers.get("Retry-After")
    except (OSError, http.client.HTTPException, ValueError):
        if watch.has_cut:
            raise TimeoutError from None
        raise
    finally:
        watch.end()
        connection.close()


class _Watch:
    """Closes a connection that lasts too long: a socket's timeout restarts with each byte that trickles in."""

    def __init__(self, total_s: float) -> None:
        self.has_cut = False
        self._line: socket.socket | None = None
        self._timer = threading.Timer(total_s, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def over(self, line: socket.socket) -> socket.socket:
        """Watch this socket, which may be the former one behind TLS."""
        self._line = line
        return line

    def end(self) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.has_cut = True
        if self._line is not None:
            try:
                # Of the plain socket: that of TLS would take its state away from the thread that uses it.
                socket.socket.shutdown(self._line, socket.SHUT_RDWR)
            except OSError:
                return


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _words(error: Exception) -> str:
    """The error without anything that a URL may hold."""
    match error:
        case TimeoutError():
            return "The endpoint did not answer in time."
        case ConnectionRefusedError():
            return "The endpoint refused the connection."
        case socket.gaierror():
            return "The endpoint's host name is not known."
        case ssl.SSLCertVerificationError():
            return f"The endpoint's certificate can't be trusted: {error.verify_message}."
        case ssl.SSLError():
            return f"TLS with the endpoint failed: {error.reason or type(error).__name__}."
        case ConnectionError() | http.client.RemoteDisconnected():
            return "The endpoint broke the connection off."
        case OSError():
            return f"The endpoint can't be reached: {error.strerror or type(error).__name__}."
        case _:
            return f"The endpoint's answer is not HTTP: {type(error).__name__}."
