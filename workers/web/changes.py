"""``/api/v1/changes``: the changes, as JSON pages or as server-sent events (WHATWG HTML, 9.2)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import anyio
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.types import Receive, Scope, Send

from tasks.records.feeds import Change
from workers.web import problems
from workers.web.catalogue import Catalogue
from workers.web.problems import ProblemError
from workers.web.urls import absolute

EVENT_STREAM: Final = "text/event-stream"
HEARTBEAT_S: Final = 15.0
MAX_LISTENERS: Final = 250
_PAGE: Final = 100
# A listener that takes nothing for so long is let go; it comes back with the number of its last event.
_SEND_WITHIN_S: Final = 10.0


class ChangePage(BaseModel):
    """Changes in their order. Ask again with ``after`` set to ``last``."""

    changes: list[Change]
    last: int = Field(description="Number of the last change in this answer, or of the latest one if it has none.")
    next: str | None = Field(description="If there are more already: to be followed unchanged.")


class EventStream(Response):
    """Sends what ``events`` yields as it comes, and ends when the listener is gone or does not read."""

    media_type = EVENT_STREAM

    def __init__(self, events: AsyncIterator[bytes], on_end: Callable[[], None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        try:
            await self._stream(receive, send)
        finally:
            self._on_end()

    async def _stream(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(watch)
            async for event in self._events:
                with anyio.move_on_after(_SEND_WITHIN_S) as patience:
                    await send({"type": "http.response.body", "body": event, "more_body": True})
                if patience.cancelled_caught:
                    break
            group.cancel_scope.cancel()


def add_routes(routes: APIRouter, catalogue: Catalogue, base: str) -> None:
    """Add the route of the changes; ``base`` is where media are served."""
    listeners = anyio.Semaphore(MAX_LISTENERS)

    @routes.get(
        "/changes",
        summary="Changes of records",
        response_model=ChangePage,
        responses={200: {"content": {EVENT_STREAM: {"schema": {"type": "string"}}}}, **problems.RESPONSES},
    )
    async def get_changes(
        request: Request,
        after: Annotated[int | None, Query(ge=0, description="Number of the last change that you know.")] = None,
        limit: Annotated[int, Query(ge=1, le=1000, description="The largest number of changes in a page.")] = _PAGE,
    ) -> Response:
        """Changes of records, each with its `sequence`; without `after` the latest.

        With `Accept: text/event-stream` the answer is a stream of server-sent events: each change is an event named
        `change`, with the sequence as id, sent within two seconds. A client that reconnects with `Last-Event-ID`
        misses nothing.
        """
        await catalogue.ready()
        if EVENT_STREAM in request.headers.get("accept", ""):
            known = _last_event(request, after, catalogue.sequence)
            try:
                listeners.acquire_nowait()
            except anyio.WouldBlock:
                raise ProblemError(
                    503,
                    "too_many_listeners",
                    "Too many clients listen.",
                    {"Retry-After": str(problems.RETRY_AFTER_S)},
                ) from None
            return EventStream(_events(catalogue, known, base), on_end=listeners.release)
        found = catalogue.newest(limit) if after is None else await catalogue.changes_after(after, limit)
        last = found[-1].sequence if found else max(after or 0, catalogue.sequence)
        query = urlencode({"after": last, "limit": limit})
        body = {
            "changes": [_told(each, base) for each in found],
            "last": last,
            "next": f"/api/v1/changes?{query}" if last < catalogue.sequence else None,
        }
        return Response(
            json.dumps(body, ensure_ascii=False),
            # The same address answers listeners otherwise: a cache must not give them a page.
            headers={"Cache-Control": "public, max-age=1", "Vary": "Accept"},
            media_type="application/json",
        )


async def _events(catalogue: Catalogue, sequence: int, base: str) -> AsyncIterator[bytes]:
    # Tells the browser when to come back, and that the stream is open.
    yield b"retry: 2000\n\n"
    while True:
        found = await catalogue.changes_after(sequence, _PAGE)
        for change in found:
            sequence = change.sequence
            data = json.dumps(_told(change, base), ensure_ascii=False)
            yield f"id: {sequence}\nevent: change\ndata: {data}\n\n".encode()
        if not found:
            before = catalogue.sequence
            await catalogue.next_news(HEARTBEAT_S)
            if catalogue.sequence == before:
                yield b": still here\n\n"


def _last_event(request: Request, after: int | None, newest: int) -> int:
    told = request.headers.get("last-event-id", "")
    if told.isascii() and told.isdecimal():
        return int(told[:18])
    return newest if after is None else after


def _told(change: Change, base: str) -> Any:
    return absolute(change.model_dump(mode="json"), at=f"{base}changes/latest.json", base=base)
