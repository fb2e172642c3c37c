"""Limits for one caller of the gateway: requests a second, and bytes and seconds of a body."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.settings import Settings
from workers.web import access, problems
from workers.web.problems import ProblemError

MAX_BODY_BYTES: Final = 1024 * 1024
BODY_WITHIN_S: Final = 30.0

# A store reports a batch of uploads at once, and a page asks for all its pictures at once.
_BURST_S: Final = 5.0
_CALLERS_KEPT: Final = 10_000


@dataclass(kw_only=True)
class _Bucket:
    tokens: float
    filled_at_s: float


class Allowance:
    """A token bucket for each caller: ``per_s`` requests on average, five seconds' worth of them at once.

    Memory is bounded: of very many callers those are forgotten that were silent for longest. Not safe to share between
    threads.
    """

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = max(1.0, per_s * _BURST_S)
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, caller: str) -> float:
        """0 if the caller may go on, which counts as a request; else the seconds until it may. ``per_s`` 0: always."""
        if not self._per_s:
            return 0.0
        now_s = self._clock()
        bucket = self._buckets.setdefault(caller, _Bucket(tokens=self._burst, filled_at_s=now_s))
        self._buckets.move_to_end(caller)
        if len(self._buckets) > _CALLERS_KEPT:
            self._buckets.popitem(last=False)
        bucket.tokens = min(self._burst, bucket.tokens + (now_s - bucket.filled_at_s) * self._per_s)
        bucket.filled_at_s = now_s
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / self._per_s
        bucket.tokens -= 1
        return 0.0


class Limits:
    """ASGI middleware that answers 429 to frequent callers, 413 and 408 to bodies that are too large or too slow.

    A caller is the token that it presents, which many addresses may share, and its address, which all callers behind
    it share: each has an allowance. ``/healthz`` is never refused, since whoever asks it would take us for dead.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        *,
        body_within_s: float = BODY_WITHIN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._events = Allowance(settings.events_per_s, clock)
        self._reads = Allowance(settings.reads_per_s, clock)
        self._body_within_s = body_within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wait_s = 0.0 if scope["path"] == "/healthz" else self._wait_s(scope)
        if wait_s:
            refusal = problems.plain(
                429,
                "too_many_requests",
                "Too many requests from here. Ask again later, and less often.",
                {"Retry-After": str(math.ceil(wait_s))},
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, bounded(receive, within_s=self._body_within_s), send)

    def _wait_s(self, scope: Scope) -> float:
        allowance = self._events if scope["path"] == "/events" else self._reads
        return max(allowance.wait_s(caller) for caller in callers(scope))


def callers(scope: Scope) -> tuple[str, ...]:
    """What a request counts for: its address (of IPv6 the /64), and a hash of the secret that it presents."""
    names = [_network(scope["client"][0] if scope.get("client") else "")]
    presented = access.presented_secret(Headers(scope=scope))
    if presented:
        names.append(hashlib.sha256(presented).hexdigest())
    return tuple(names)


def bounded(receive: Receive, *, within_s: float = BODY_WITHIN_S) -> Receive:
    """The same body, counted and timed as it comes: an announced length may be missing or wrong.

    Raises:
        ProblemError: (from the returned function) 413 (``body_too_large``) or 408 (``body_too_slow``).
    """
    received_bytes = 0
    deadline_s: float | None = None
    is_whole = False

    async def receive_within_bounds() -> Message:
        nonlocal received_bytes, deadline_s, is_whole
        if is_whole:
            # What comes after the body is the caller's leaving, which may take as long as it likes.
            return await receive()
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + within_s if deadline_s is None else deadline_s
        try:
            async with asyncio.timeout_at(deadline_s):
                message = await receive()
        except TimeoutError:
            slow = f"The request's body was not here within {within_s:g} s."
            raise ProblemError(408, "body_too_slow", slow, {"Connection": "close"}) from None
        received_bytes += len(message.get("body", b""))
        is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        if received_bytes > MAX_BODY_BYTES:
            large = f"A request's body may have at most {MAX_BODY_BYTES} bytes."
            raise ProblemError(413, "body_too_large", large)
        return message

    return receive_within_bounds


def _network(address: str) -> str:
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((read, 64), strict=False)) if read.version == 6 else address
