"""Operators' view of webhooks: listing deliveries, sending them again, and testing an endpoint with a ping."""

from __future__ import annotations

import heapq
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Final

from config import queues
from tasks.adapters.clock import utc_now
from tasks.errors import NewsreelError, TemporarilyUnavailable
from tasks.pipeline.services import Services
from tasks.records.deliveries import PING, Delivery, DeliveryState, EndpointState
from tasks.records.deliveries_events import body_of

# Names and ids become parts of keys: nothing that could lead elsewhere is looked for.
_PLAIN: Final = re.compile("[A-Za-z0-9_-]{1,100}")


class ReplayRefused(NewsreelError):  # noqa: N818
    """The order can't be carried out; ``code`` is stable, the message says why, and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def endpoints(services: Services) -> list[EndpointState]:
    """The state of every endpoint, also of those that are no longer configured."""
    return list(filter(None, map(services.outbox.state, services.outbox.names())))


def listed(
    services: Services,
    *,
    endpoint: str | None = None,
    state: DeliveryState | None = None,
    since: datetime | None = None,
    most: int | None = None,
) -> list[Delivery]:
    """Deliveries, the latest events first; by default in any state, to all endpoints and of any time."""
    names = services.outbox.names() if endpoint is None else [endpoint] if _PLAIN.fullmatch(endpoint) else []
    found = (
        delivery
        for delivery in heapq.merge(*(_of(services, name) for name in names), key=_age, reverse=True)
        if (state is None or delivery.state is state) and (since is None or delivery.created_at >= since)
    )
    return list(islice(found, most))


def replay(services: Services, webhook_id: str, *, endpoint: str | None = None) -> list[Delivery]:
    """Send the deliveries of that event again, under the same id, to one endpoint or to all that had it.

    Raises:
        ReplayRefused: there is none (``not_found``), or the endpoint is disabled (``endpoint_disabled``).
        TemporarilyUnavailable: the store failed.
    """
    names = services.outbox.names() if endpoint is None else [endpoint]
    are_plain = _PLAIN.fullmatch(webhook_id) and all(map(_PLAIN.fullmatch, names))
    holding = [name for name in names if are_plain and services.outbox.find(name, webhook_id) is not None]
    if not holding:
        raise ReplayRefused("not_found", f"There is no delivery of {webhook_id}. Remedy: newsreel webhooks list")
    for name in holding:
        _refuse_disabled(services, name)
    replayed = [services.outbox.replay(name, webhook_id) for name in holding]
    _ring(services)
    return [each for each in replayed if each is not None]


def ping(services: Services, endpoint: str) -> Delivery:
    """Have the worker send a `PING` to the endpoint, which is tried only once.

    Taken, it also enables an endpoint that had answered 410.

    Raises:
        ReplayRefused: no worker knows of such an endpoint (``not_found``).
        TemporarilyUnavailable: the store failed.
    """
    if not _PLAIN.fullmatch(endpoint) or services.outbox.state(endpoint) is None:
        raise ReplayRefused(
            "not_found", f"No worker knows of an endpoint “{endpoint}”. Remedy: name it in NEWSREEL_WEBHOOKS_FILE"
        )
    now = utc_now()
    delivery = Delivery(
        id=f"ping_{int(now.timestamp() * 1000):015d}_{secrets.token_hex(3)}",
        endpoint=endpoint,
        type=PING,
        body=body_of(PING, now, {"endpoint": endpoint}),
        created_at=now,
        next_at=now,
    )
    services.outbox.add(delivery)
    _ring(services)
    return delivery


def _of(services: Services, endpoint: str) -> Iterator[Delivery]:
    """The endpoint's deliveries, those of the latest events first."""
    pending = [each.delivery for each in services.outbox.pending(endpoint)]
    under_way = {each.id for each in pending}
    # Only what is asked for is read: those done with are many.
    done = (each for each in services.outbox.done(endpoint) if each.id not in under_way)
    return heapq.merge(sorted(pending, key=_age, reverse=True), done, key=_age, reverse=True)


def _age(delivery: Delivery) -> str:
    """Grows with the number of the change, or with the time of a ping, which is counted alike."""
    return delivery.id.partition("_")[2]


def _refuse_disabled(services: Services, endpoint: str) -> None:
    state = services.outbox.state(endpoint)
    if state is not None and state.disabled_at is not None:
        raise ReplayRefused(
            "endpoint_disabled", f"{endpoint}: {state.reason} Remedy: newsreel webhooks test {endpoint}"
        )


def _ring(services: Services) -> None:
    # The scheduler's next round finds it where this ring is lost.
    with suppress(TemporarilyUnavailable):
        services.doorbell.ring(queues.NOTIFY_TASK, queues.DUE)
