"""``POST /events``: what a store tells of uploads is turned into rings for `ingest`."""

from __future__ import annotations

from typing import Final

import structlog
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from config import queues
from tasks.events import parse_events
from tasks.pipeline.services import Services
from tasks.records import keys
from workers.web import access, problems
from workers.web.problems import ProblemError

_log = structlog.get_logger()

MAX_BODY_BYTES: Final = 1024 * 1024


class Accepted(BaseModel):
    """How many events concerned an upload, and were passed on."""

    accepted: int


def router(services: Services) -> APIRouter:
    """The route that stores send their events to."""
    routes = APIRouter(tags=["events"], responses=problems.RESPONSES)
    sender = access.bearer(services.settings.events_token, setting="events_token", whom="senders of events")

    @routes.post(
        "/events",
        status_code=202,
        dependencies=[Depends(sender)],
        summary="Tell newsreel of uploads",
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}},
    )
    async def receive_events(request: Request) -> Accepted:
        """Object events as AWS S3 (also through SNS, SQS, EventBridge), MinIO, SeaweedFS or CloudEvents spell them.

        An answer other than 202 means that nothing may be counted as received: send the message again.
        """
        body = await _body(request)
        return Accepted(accepted=await run_in_threadpool(_ring, services, body))

    return routes


async def _body(request: Request) -> bytes:
    """The body, counted as it comes: its announced length may be missing or wrong."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ProblemError(413, "events_too_large", f"A message may have {MAX_BODY_BYTES} bytes at most.")
    return bytes(body)


def _ring(services: Services, body: bytes) -> int:
    """Ring for each upload named in the message, and say for how many.

    A removed object rings as a created one does: `ingest` looks at what is really there.
    """
    uploads = [
        event.key
        for event in parse_events(body)
        if event.bucket == services.settings.incoming_bucket
        and event.key.startswith((keys.CLIPS, keys.ARTICLES))
        and not event.key.endswith("/")
    ]
    for key in dict.fromkeys(uploads):
        services.doorbell.ring(queues.INGEST_TASK, key)
        _log.info("event.accepted", key=key)
    return len(uploads)
