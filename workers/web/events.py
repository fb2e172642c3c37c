"""``POST /events``: events from stores become messages for `ingest`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from config.settings import PREFIX
from tasks import signature
from tasks.adapters.sns import SnsTopics
from tasks.errors import ConfigurationError, SourceRejected
from tasks.pipeline.services import Services
from tasks.pipeline.uploads import ring_for_uploads
from workers.web import access, problems
from workers.web.problems import ProblemError

_SNS_HEADER: Final = "x-amz-sns-message-type"
# What SNS need not repeat: its topic, its signature or its text would be the same next time.
_SNS_REFUSED: Final = frozenset({"sns_unknown_topic", "sns_foreign_address", "sns_forged"})

_signed: Final = APIKeyHeader(
    name=signature.SIGNATURE_HEADER,
    scheme_name="StandardWebhooks",
    auto_error=False,
    description="HMAC-SHA256 by Standard Webhooks, with the headers webhook-id and webhook-timestamp.",
)


class Accepted(BaseModel):
    """How many events concerned an upload, and were queued."""

    accepted: int


def router(services: Services, sns: SnsTopics | None = None, clock: Callable[[], float] = time.time) -> APIRouter:
    """The route that stores send their events to; ``sns`` by default has the topics of the settings.

    Raises:
        ConfigurationError: the secret that signs events is not one.
    """
    routes = APIRouter(tags=["events"], responses=problems.RESPONSES)
    settings = services.settings
    topics = SnsTopics(settings.sns_topic_arns) if sns is None else sns
    token = access.bearer(settings.events_token, setting="events_token", whom="senders of events")
    hmac_secret = settings.events_hmac_secret.get_secret_value()
    try:
        signature.keys_of(hmac_secret)
    except ValueError as error:
        raise ConfigurationError(f"{PREFIX}EVENTS_HMAC_SECRET: {error}") from None

    @routes.post(
        "/events",
        status_code=202,
        summary="Report uploads",
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}},
    )
    async def receive_events(
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(access.BEARER)],
        signatures: Annotated[str | None, Security(_signed)],
    ) -> Accepted:
        """Object events of AWS S3 (also through SNS, SQS, EventBridge), MinIO, SeaweedFS or in CloudEvents.

        Senders present the token, or sign what they send; SNS, which can do neither, has a signature of its own. After
        any answer but 202 send the message again: nothing counts as received.
        """
        if signatures is not None and hmac_secret:
            body = await request.body()
            if not signature.is_genuine(hmac_secret, request.headers, body, now_s=clock()):
                raise _not_genuine()
        elif credentials is None and _SNS_HEADER in request.headers and topics:
            notified = await run_in_threadpool(_from_sns, topics, await request.body())
            if notified is None:
                return Accepted(accepted=0)
            body = notified.encode()
        else:
            await token(credentials)
            body = await request.body()
        return Accepted(accepted=await run_in_threadpool(ring_for_uploads, services, body))

    return routes


def _from_sns(topics: SnsTopics, body: bytes) -> str | None:
    try:
        return topics.receive(body)
    except SourceRejected as error:
        if error.code in _SNS_REFUSED:
            raise ProblemError(403, error.code, error.message) from error
        raise


def _not_genuine() -> ProblemError:
    within = f"within {signature.TOLERANCE_S} s of now"
    return ProblemError(
        401,
        "unauthorized",
        f"This is not signed with {PREFIX}EVENTS_HMAC_SECRET: webhook-id, webhook-timestamp ({within}) and body.",
        {"WWW-Authenticate": 'Bearer realm="newsreel senders of events"'},
    )
