"""``/api/v1/webhooks/…``: webhook deliveries, for operators to list and to send again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AwareDatetime, BaseModel, Field

from tasks.pipeline import notify_orders
from tasks.pipeline.notify_orders import ReplayRefused
from tasks.pipeline.services import Services
from tasks.records.deliveries import Delivery, DeliveryState, EndpointState
from workers.web import access, problems
from workers.web.problems import ProblemError

_PLAIN: Final = "^[A-Za-z0-9_-]{1,100}$"
WebhookId = Annotated[str, Path(pattern=_PLAIN, description="The webhook-id that receivers see.")]
EndpointName = Annotated[str | None, Query(pattern=_PLAIN, description="An endpoint's name; by default all of them.")]


class DeliveryResult(BaseModel):
    """The delivery of an event to an endpoint. Times are RFC 3339 in UTC; ``body`` is what is sent."""

    id: str
    endpoint: str
    type: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    last_at: datetime | None
    next_at: datetime | None
    last_status: int | None = Field(description="HTTP status; null if no answer came.")
    last_error: str
    replays: int
    body: dict[str, Any]


class Deliveries(BaseModel):
    """Deliveries, the latest events first, and the known endpoints."""

    endpoints: list[EndpointState]
    deliveries: list[DeliveryResult]


class Replayed(BaseModel):
    """The deliveries that are sent again."""

    deliveries: list[DeliveryResult]


def router(services: Services) -> APIRouter:
    """The routes, all guarded by ``NEWSREEL_OPERATOR_TOKEN``."""
    operator = access.bearer(services.settings.operator_token, setting="operator_token", whom="operators")
    routes = APIRouter(
        prefix="/api/v1/webhooks", tags=["webhooks"], responses=problems.RESPONSES, dependencies=[Depends(operator)]
    )

    @routes.get("/deliveries", summary="Deliveries, pending and done")
    def deliveries(
        endpoint: EndpointName = None,
        state: DeliveryState | None = None,
        since: AwareDatetime | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Deliveries:
        """Those that are done are listed for 72 hours, up to a thousand for each endpoint."""
        found = notify_orders.listed(services, endpoint=endpoint, state=state, since=since, most=limit)
        return Deliveries(endpoints=notify_orders.endpoints(services), deliveries=list(map(result, found)))

    @routes.post("/deliveries/{webhook_id}/replay", summary="Send an event again")
    def replay(webhook_id: WebhookId, endpoint: EndpointName = None) -> Replayed:
        """Under the same id, to one endpoint or to all that it was sent to; with all attempts."""
        try:
            found = notify_orders.replay(services, webhook_id, endpoint=endpoint)
        except ReplayRefused as refused:
            status = 404 if refused.code == "not_found" else 409
            raise ProblemError(status, refused.code, str(refused)) from refused
        return Replayed(deliveries=list(map(result, found)))

    return routes


def result(delivery: Delivery) -> DeliveryResult:
    """A delivery as it is answered."""
    return DeliveryResult.model_validate({**delivery.model_dump(), "body": delivery.body_json})
