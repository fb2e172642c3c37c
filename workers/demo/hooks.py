"""A receiver of webhooks inside the demo, as a portal would run one: it checks signatures and counts events by type."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from config.settings import PREFIX
from tasks.signature import ID_HEADER, is_genuine
from workers.local_servers import HOST

_SETTING: Final = f"{PREFIX}WEBHOOKS"
_MAX_BODY_BYTES: Final = 1024**2
_SILENT_S: Final = 10.0


class Received:
    """The messages received so far, each once."""

    def __init__(self) -> None:
        self._types: dict[str, str] = {}
        self._forged = 0
        self._changed = threading.Condition()

    def add(self, webhook_id: str, type_: str) -> None:
        """Note a genuine message."""
        with self._changed:
            self._types.setdefault(webhook_id, type_)
            self._changed.notify_all()

    def add_forged(self) -> None:
        """Note one whose signature is wrong."""
        with self._changed:
            self._forged += 1
            self._changed.notify_all()

    def wait_for(self, type_: str, timeout_s: float) -> bool:
        """Whether a message of that type has come, or comes before ``timeout_s`` have passed without any message."""
        with self._changed:
            while type_ not in self._types.values():
                if not self._changed.wait(timeout_s):
                    return False
        return True

    def line(self) -> str:
        """``Webhooks received: clip.ready 5, article.complete 1; all signatures genuine.``"""
        with self._changed:
            counts, forged = Counter(self._types.values()), self._forged
        told = ", ".join(f"{type_} {count}" for type_, count in sorted(counts.items(), reverse=True)) or "none"
        genuine = f"; {forged} with a wrong signature" if forged else "; all signatures genuine" if counts else ""
        return f"Webhooks received: {told}{genuine}."


@contextmanager
def receiving(environ: Mapping[str, str]) -> Iterator[tuple[Received | None, dict[str, str]]]:
    """A receiver on a free loopback port, and the settings that make newsreel send it everything.

    None and no settings where ``environ`` names endpoints of the user's own: those are told.
    """
    if environ.get(_SETTING, "").strip() or f"{_SETTING}_FILE" in environ:
        yield None, {}
        return
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    received = Received()
    with ThreadingHTTPServer((HOST, 0), _handler(secret, received)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        url = f"http://{HOST}:{server.server_port}/newsreel"
        try:
            yield received, {_SETTING: f'[[endpoint]]\nname = "demo"\nurl = "{url}"\nsecret = "{secret}"\n'}
        finally:
            server.shutdown()
            thread.join()


def _handler(secret: str, received: Received) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SILENT_S

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > _MAX_BODY_BYTES:
                self._answer(413)
                return
            body = self.rfile.read(int(length))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if is_genuine(secret, headers, body, now_s=time.time()):
                received.add(headers[ID_HEADER], str(json.loads(body)["type"]))
                self._answer(204)
            else:
                received.add_forged()
                self._answer(401)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing: what was received is printed at the end."""

    return Handler
