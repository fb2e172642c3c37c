"""A receiver of webhooks, as a portal would run one: a real HTTP server that checks signatures, or misbehaves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tasks.signature import ID_HEADER, is_genuine

SECRET = "whsec_bmV3c3JlZWwgdGVzdHMgc2lnbiB3aXRoIHRoaXM="
# What a test does with a request in place of an answer of 200; False: nothing is answered any more.
Conduct = Callable[[BaseHTTPRequestHandler], bool | None]


@dataclass(frozen=True, kw_only=True)
class Message:
    """A request as it came; ``is_genuine`` is what its signature says."""

    id: str
    body: dict[str, Any]
    is_genuine: bool
    at_s: float


@dataclass(kw_only=True)
class Receiver:
    """What came so far, and how the next ones are met: by `conduct`, in order, then with 200."""

    url: str = ""
    messages: list[Message] = field(default_factory=list)
    conduct: list[Conduct] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [each.body["type"] for each in self.messages]

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.messages]


def answering(status: int, **headers: str) -> Conduct:
    """Answers so."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def hanging(seconds: float) -> Conduct:
    """Answers nothing for so long, then breaks off."""

    def hang(_: BaseHTTPRequestHandler) -> bool:
        time.sleep(seconds)
        return False

    return hang


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port."""
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            genuine = is_genuine(SECRET, headers, body, now_s=time.time())
            message = Message(id=headers[ID_HEADER], body=json.loads(body), is_genuine=genuine, at_s=time.monotonic())
            found.messages.append(message)
            (found.conduct.pop(0) if found.conduct else answering(200))(self)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            return  # the sender broke off, as is meant

    with Server(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/hook?token=of-the-url"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
