"""Stands between the store's webhook and the gateway: loses events, multiplies them, and changes their order."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from typing import Final

from tests.chaos import http_wire
from tests.chaos.http_wire import Message
from tests.chaos.plan import FaultKind, Plan
from tests.chaos.proxy import HOST, ProxyLoop

_ACCEPTED: Final = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
_TRIES: Final = 3
_PAUSE_S: Final = 1.0


class EventProxy:
    """Takes every event at once, and passes on what the plan says. ``hits`` counts what it did, by kind.

    A gateway that does not answer is tried three times, as the store itself does; then the event is lost for good.
    """

    def __init__(self, loop: ProxyLoop, plan: Plan, gateway_port: int) -> None:
        self._plan = plan
        self._gateway_port = gateway_port
        self._seen: Counter[str] = Counter()
        self._waiting: set[asyncio.Task[None]] = set()
        self._is_honest = threading.Event()
        self.hits: Counter[FaultKind] = Counter()
        self.events = 0
        self.undelivered = 0
        self.port = loop.serve(0, self._handle)

    def disarm(self) -> None:
        """From now on pass on every event as it comes."""
        self._is_honest.set()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await http_wire.read_request(reader, writer)) is not None:
                writer.write(_ACCEPTED)
                await writer.drain()
                self._treat(request)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    def _treat(self, request: Message) -> None:
        self.events += 1
        mark = _mark(request.body)
        fate = self._plan.fate(mark, self._seen[mark])
        self._seen[mark] += 1
        if self._is_honest.is_set():
            held: tuple[float, ...] = (0.0,)
        else:
            held = fate.held_s
            self.hits.update(fate.kinds)
        for seconds in held:
            task = asyncio.ensure_future(self._deliver(request, seconds))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def _deliver(self, request: Message, after_s: float) -> None:
        await asyncio.sleep(after_s)
        for _ in range(_TRIES):
            try:
                async with asyncio.timeout(20):
                    reader, writer = await asyncio.open_connection(HOST, self._gateway_port)
                    try:
                        writer.write(request.head + request.body)
                        await writer.drain()
                        answer = await http_wire.read_answer(reader, request.method)
                    finally:
                        writer.close()
                if answer.status < 500:
                    return
            except (OSError, TimeoutError):
                pass
            await asyncio.sleep(_PAUSE_S)
        self.undelivered += 1


def _mark(body: bytes) -> str:
    """What the event is about, without what differs from run to run."""
    try:
        return str(json.loads(body).get("key", ""))
    except (ValueError, AttributeError):
        return ""
