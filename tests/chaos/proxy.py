"""A proxy that stands between newsreel and its store, and does to requests what bad networks and servers do to them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.chaos import http_wire
from tests.chaos.http_wire import Message
from tests.chaos.plan import FaultKind

HOST: Final = "127.0.0.1"
# What AWS answers while two conditional writes race, and after one of them has won.
_REFUSALS: Final = {
    FaultKind.STORE_503: (503, "SlowDown"),
    FaultKind.STORE_409: (409, "ConditionalRequestConflict"),
    FaultKind.STORE_412: (412, "PreconditionFailed"),
    FaultKind.LOST_412: (412, "PreconditionFailed"),
}
_WRITES: Final = frozenset({"PUT", "POST", "DELETE"})


class _Cut(Exception):  # noqa: N818
    """The connection is to be dropped here."""


@dataclass(kw_only=True, eq=False)
class _Armed:
    """A fault that waits for requests to meet."""

    kind: FaultKind
    left: int
    lasts_s: float


class ProxyLoop:
    """One asyncio loop in a thread of its own, for all proxies of a run."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self.loop.run_forever, name="proxies", daemon=True)
        self._thread.start()

    def serve(self, port: int, handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]) -> int:
        """Listen on a loopback port (0: any), and say on which."""

        async def start() -> int:
            server = await asyncio.start_server(handle, HOST, port, limit=1 << 20)
            self._servers.append(server)
            bound: int = server.sockets[0].getsockname()[1]
            return bound

        return asyncio.run_coroutine_threadsafe(start(), self.loop).result(10)

    def stop(self) -> None:
        """End it, and whatever still goes on in it."""

        async def cancel() -> None:
            for server in self._servers:
                server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(cancel(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


class StoreProxy:
    """Passes requests on to the store; `arm` makes the next ones that fit meet a fault.

    Requests go on byte for byte, so their signatures hold. ``hits`` counts the requests that each kind has met.
    """

    def __init__(self, loop: ProxyLoop, upstream_port: int, *, port: int = 0) -> None:
        self._upstream_port = upstream_port
        self._armed: list[_Armed] = []
        self._slow_until = 0.0
        self._lock = threading.Lock()
        self.hits: Counter[FaultKind] = Counter()
        self.requests = 0
        self.port = loop.serve(port, self._handle)

    def arm(self, kind: FaultKind, *, requests: int, lasts_s: float) -> None:
        """Let the next ``requests`` that fit meet the fault; latency meets all of the next ``lasts_s``."""
        with self._lock:
            if kind is FaultKind.STORE_LATENCY:
                self._slow_until = max(self._slow_until, time.monotonic() + lasts_s)
            else:
                self._armed.append(_Armed(kind=kind, left=requests, lasts_s=lasts_s))

    def disarm(self) -> dict[FaultKind, int]:
        """No more faults from now on; returns how many met no request at all."""
        with self._lock:
            unmet = Counter(each.kind for each in self._armed)
            self._armed.clear()
            self._slow_until = 0.0
            return dict(unmet)

    def _pick(self, request: Message) -> _Armed | None:
        with self._lock:
            self.requests += 1
            for armed in self._armed:
                if _fits(armed.kind, request):
                    armed.left -= 1
                    if armed.left <= 0:
                        self._armed.remove(armed)
                    self.hits[armed.kind] += 1
                    return armed
            return None

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream: asyncio.StreamWriter | None = None
        try:
            store, upstream = await asyncio.open_connection(HOST, self._upstream_port, limit=1 << 20)
            while (request := await http_wire.read_request(reader, writer)) is not None:
                await self._pass_on(request, writer, store, upstream)
        except (_Cut, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            for each in (writer, upstream):
                if each is not None:
                    each.transport.abort()

    async def _pass_on(
        self,
        request: Message,
        writer: asyncio.StreamWriter,
        store: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
    ) -> None:
        if time.monotonic() < self._slow_until:
            self.hits[FaultKind.STORE_LATENCY] += 1
            await asyncio.sleep(random.uniform(0.05, 0.4))
        armed = self._pick(request)
        kind = armed.kind if armed else None
        if kind in _REFUSALS and kind is not FaultKind.LOST_412:
            writer.write(_refusal(kind, request.method))
            await writer.drain()
            return
        if kind is FaultKind.STORE_STALL and armed:
            await asyncio.sleep(armed.lasts_s)
        if kind is FaultKind.CUT_REQUEST:
            upstream.write(request.head + request.body[: len(request.body) // 2])
            await upstream.drain()
            raise _Cut
        upstream.write(request.head + request.body)
        await upstream.drain()
        answer = await http_wire.read_answer(store, request.method)
        if kind is FaultKind.LOST_ANSWER:
            raise _Cut
        if kind is FaultKind.LOST_412 and answer.status < 300:
            # As a client sees it whose own first try had arrived: its second one is refused.
            writer.write(_refusal(kind, request.method))
            await writer.drain()
            return
        if kind is FaultKind.CUT_ANSWER:
            writer.write(answer.head + answer.body[: len(answer.body) // 2])
            await writer.drain()
            raise _Cut
        writer.write(answer.head + answer.body)
        await writer.drain()
        if (answer.header("connection") or "").lower() == "close":
            raise _Cut


def _refusal(kind: FaultKind, method: str) -> bytes:
    status, code = _REFUSALS[kind]
    body = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>chaos</Message></Error>"
    head = f"HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + ("" if method == "HEAD" else body)).encode()


def _fits(kind: FaultKind, request: Message) -> bool:
    match kind:
        case FaultKind.CUT_REQUEST:
            return bool(request.body)
        case FaultKind.CUT_ANSWER:
            return request.method == "GET"
        case FaultKind.LOST_ANSWER:
            return request.method in _WRITES
        case FaultKind.STORE_409 | FaultKind.STORE_412 | FaultKind.LOST_412:
            is_conditional = request.header("if-match") or request.header("if-none-match")
            return request.method == "PUT" and bool(is_conditional)
        case _:
            return True
