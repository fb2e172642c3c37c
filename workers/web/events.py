"""``POST /events``: what a store tells of uploads is turned into rings for `ingest`."""

from __future__ import annotations

import hmac
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from config import queues
from tasks.events import parse_events
from tasks.pipeline.services import Services
from tasks.records import keys
from workers.web import problems
from workers.web.problems import ProblemError

_log = structlog.get_logger()

MAX_BODY_BYTES: Final = 1024 * 1024
_bearer = HTTPBearer(auto_error=False, description="The token of NEWSREEL_EVENTS_TOKEN.")


class Accepted(BaseModel):
    """How many events concerned an upload, and were passed on."""

    accepted: int


def router(services: Services) -> APIRouter:
    """The route that stores send their events to."""
    routes = APIRouter(tags=["events"], responses=problems.RESPONSES)
    token = services.settings.events_token.get_secret_value()

    @routes.post(
        "/events",
        status_code=202,
        summary="Tell newsreel of uploads",
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}},
    )
    async def receive_events(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> Accepted:
        """Object events as AWS S3 (also through SNS, SQS, EventBridge), MinIO, SeaweedFS or CloudEvents spell them.

        An answer other than 202 means that nothing may be counted as received: send the message again.
        """
        _authorise(token, credentials)
        body = await _body(request)
        return Accepted(accepted=await run_in_threadpool(_ring, services, body))

    return routes


def _authorise(token: str, credentials: HTTPAuthorizationCredentials | None) -> None:
    if not token:
        raise ProblemError(
            503,
            "events_not_configured",
            "No events token is set. Remedy: set NEWSREEL_EVENTS_TOKEN and restart the gateway.",
        )
    # Compared in constant time, so that the answer's delay tells nothing of the token.
    if credentials is None or not hmac.compare_digest(credentials.credentials.encode(), token.encode()):
        raise ProblemError(
            401,
            "unauthorized",
            "Events need the header 'Authorization: Bearer <NEWSREEL_EVENTS_TOKEN>'.",
            {"WWW-Authenticate": 'Bearer realm="newsreel events"'},
        )


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
