"""Deliveries of outgoing webhooks as values: what is sent to whom, how often it was tried, when it is tried again.

Pure: an answer and the time go in, the delivery's next state comes out. A delivery is tried at once, then after the
pauses of `PAUSES_S`, each up to a tenth longer; `GIVEN_UP_AFTER` its first try it is tried once more and given up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final, cast

from pydantic import Field

from tasks.records.base import Record, UtcTime

PAUSES_S: Final = (5.0, 30.0, 120.0, 600.0, 3600.0, 3 * 3600.0, 6 * 3600.0, 12 * 3600.0)
"""Seconds from each try that failed to the next one; the last pause is repeated."""
GIVEN_UP_AFTER: Final = timedelta(hours=24)
GONE: Final = 410
PING: Final = "newsreel.ping"
_JITTER: Final = 0.1
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class DeliveryState(StrEnum):
    """The state of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Delivery(Record):
    """The delivery of one event to one endpoint. ``body`` is sent unchanged at each attempt."""

    id: str = Field(description="The webhook-id: the same for every try, every endpoint and every replay.")
    endpoint: str
    type: str
    body: str
    state: DeliveryState = DeliveryState.PENDING
    created_at: UtcTime
    attempts: int = 0
    first_at: UtcTime | None = None
    last_at: UtcTime | None = None
    next_at: UtcTime | None = None
    held_until: UtcTime | None = Field(default=None, description="Until when the endpoint asked to be left alone.")
    last_status: int | None = None
    last_error: str = ""
    replays: int = 0

    @property
    def order(self) -> tuple[int, datetime, str]:
        """A ping comes first, then first tries in the order of the changes, then others in that of their times."""
        if self.attempts:
            return 2, self.next_at or self.created_at, self.id
        return (0 if self.type == PING else 1), _LONG_AGO, self.id

    @property
    def body_json(self) -> dict[str, Any]:
        """The message: ``type``, ``timestamp`` and ``data``."""
        return cast(dict[str, Any], json.loads(self.body))

    def is_due(self, now: datetime) -> bool:
        """Whether it may be tried now."""
        return self.state is DeliveryState.PENDING and (self.next_at is None or self.next_at <= now)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The outcome of one attempt. ``status`` is None if no answer came; ``error`` says why, without an address."""

    status: int | None
    error: str = ""
    retry_after: str | None = None
    took_s: float = 0.0

    @property
    def is_taken(self) -> bool:
        """The receiver has it."""
        return self.status is not None and 200 <= self.status < 300


class EndpointState(Record):
    """What is known of an endpoint in the store: no secret, and of its URL, which may hold one, only the beginning."""

    name: str
    origin: str
    events: tuple[str, ...]
    fingerprint: str = Field(description="Changes with what was configured.")
    disabled_at: UtcTime | None = None
    reason: str = ""


def after(delivery: Delivery, answer: Answer, *, now: datetime, jitter: float) -> Delivery:
    """The delivery after an attempt that ended ``now``; ``jitter`` is from 0 to 1."""
    first_at = delivery.first_at or now
    tried = delivery.evolve(
        attempts=delivery.attempts + 1,
        first_at=first_at,
        last_at=now,
        next_at=None,
        held_until=None,
        last_status=answer.status,
        last_error=answer.error,
    )
    deadline = first_at + GIVEN_UP_AFTER
    if answer.is_taken:
        return tried.evolve(state=DeliveryState.DELIVERED)
    if answer.status == GONE or now >= deadline:
        return tried.evolve(state=DeliveryState.GIVEN_UP)
    pause_s = PAUSES_S[min(tried.attempts, len(PAUSES_S)) - 1] * (1 + _JITTER * jitter)
    asked = asked_for(answer.retry_after, now) if answer.retry_after else None
    held_until = min(asked, deadline) if asked else None
    next_at = min(max(now + timedelta(milliseconds=round(pause_s * 1000)), held_until or now), deadline)
    return tried.evolve(next_at=next_at, held_until=held_until)


def abandoned(delivery: Delivery, reason: str) -> Delivery:
    """The delivery, given up without another attempt."""
    return delivery.evolve(state=DeliveryState.GIVEN_UP, next_at=None, held_until=None, last_error=reason)


def again(delivery: Delivery, *, now: datetime) -> Delivery:
    """The same delivery as if it were new, whatever its outcome."""
    return delivery.evolve(
        state=DeliveryState.PENDING,
        attempts=0,
        first_at=None,
        next_at=now,
        held_until=None,
        replays=delivery.replays + 1,
    )


def asked_for(retry_after: str, now: datetime) -> datetime | None:
    """The moment that a ``Retry-After`` header names (RFC 9110: seconds, or a date); None where it names none to come.

    Not later than `GIVEN_UP_AFTER` from now.
    """
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        # Longer than any deadline is as good as any other number.
        moment = now + timedelta(seconds=int(text[:9]))
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
    return min(moment, now + GIVEN_UP_AFTER) if moment > now else None
