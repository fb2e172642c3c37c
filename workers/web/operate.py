"""``POST /api/v1/clips/{name}/…``: operators' orders over HTTP; each may be sent twice, the second changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from tasks.pipeline import orders
from tasks.pipeline.order_steps import OrderRefused, Outcome
from tasks.pipeline.services import Services
from tasks.records.clip_record import ClipState
from workers.web import access, problems
from workers.web.problems import ProblemError

_NO_SUCH: Final = frozenset({"not_found"})
_WRONG: Final = frozenset({"unknown_ladder", "unknown_priority", "no_such_moment"})

Reason = Annotated[str, Query(max_length=500, description="The reason, which the public record shows.")]
LadderName = Annotated[
    str | None, Query(max_length=64, description="A shipped ladder's name; by default NEWSREEL_LADDER.")
]

Moment = Annotated[
    float | None,
    Query(ge=0, allow_inf_nan=False, description="Seconds from the clip's start; without it newsreel chooses."),
]


class OrderResult(BaseModel):
    """The outcome of an order. ``state`` is the clip's, ``next_state`` that of a new version in progress."""

    name: str
    order: str
    changed: bool = Field(description="False: there was nothing to do.")
    message: str
    version: str
    state: ClipState
    next_version: str | None
    next_state: ClipState | None
    queue: str | None = Field(description="The queue in which it waits, or waited, for a worker.")


def router(services: Services) -> APIRouter:
    """The routes of operators, all guarded by ``NEWSREEL_OPERATOR_TOKEN``."""
    operator = access.bearer(services.settings.operator_token, setting="operator_token", whom="operators")
    routes = APIRouter(
        prefix="/api/v1/clips/{name}", tags=["orders"], responses=problems.RESPONSES, dependencies=[Depends(operator)]
    )

    @routes.post("/retry", summary="Process a failed, parked or postponed clip again")
    def retry(name: str) -> OrderResult:
        """At once, and with all attempts."""
        return _carried_out(lambda: orders.retry(services, name))

    @routes.post("/cancel", summary="Stop processing a clip")
    def cancel(name: str) -> OrderResult:
        """Its encoder ends within two seconds; a published version stays. Only a retry or a new upload starts again."""
        return _carried_out(lambda: orders.cancel(services, name))

    @routes.post("/withdraw", summary="Take a clip offline")
    def withdraw(name: str, reason: Reason = "") -> OrderResult:
        """All its media are deleted, in all versions; uploads under its name are not processed until it is restored."""
        return _carried_out(lambda: orders.withdraw(services, name, reason=reason))

    @routes.post("/restore", summary="Publish a withdrawn clip again")
    def restore(name: str) -> OrderResult:
        """It is processed again, from its newest upload."""
        return _carried_out(lambda: orders.restore(services, name))

    @routes.post("/reprocess", summary="Encode a clip's newest upload again")
    def reprocess(name: str, ladder: LadderName = None) -> OrderResult:
        """The published version stays until the new one is ready."""
        return _carried_out(lambda: orders.reprocess(services, name, ladder=ladder))

    @routes.post("/priority/{priority}", summary="Change the priority of a waiting clip")
    def prioritise(name: str, priority: Literal["urgent", "normal", "bulk"]) -> OrderResult:
        """A clip that a worker has taken already is not moved."""
        return _carried_out(lambda: orders.prioritise(services, name, priority))

    @routes.post("/poster", summary="Choose a clip's poster frame")
    def choose_poster(name: str, at: Moment = None) -> OrderResult:
        """Its further sizes follow a moment later. The choice holds until the clip is uploaded again."""
        return _carried_out(lambda: orders.choose_poster(services, name, at))

    return routes


def result(outcome: Outcome) -> OrderResult:
    """An outcome as it is answered."""
    record = outcome.record
    return OrderResult(
        name=record.name,
        order=outcome.order,
        changed=outcome.changed,
        message=outcome.message,
        version=record.version,
        state=record.state,
        next_version=record.next.version if record.next else None,
        next_state=record.next.state if record.next else None,
        queue=record.work.queue,
    )


def _carried_out(order: Callable[[], Outcome]) -> OrderResult:
    try:
        return result(order())
    except OrderRefused as refused:
        status = 404 if refused.code in _NO_SUCH else 422 if refused.code in _WRONG else 409
        raise ProblemError(status, refused.code, str(refused)) from refused
