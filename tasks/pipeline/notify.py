"""Notify: take in what changed, and send what is due, each endpoint in a thread of its own.

Nothing is kept in Redis: what is due is found in the store, so a ring that is lost costs the seconds to the next one.
An endpoint that is slow takes its own thread's time only: while it does, the others are served on.
"""

from __future__ import annotations

import random
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

import structlog

from tasks.adapters import notifier
from tasks.adapters.clock import utc_now
from tasks.adapters.endpoints import Endpoint
from tasks.adapters.outbox import Kept
from tasks.errors import TemporarilyUnavailable
from tasks.pipeline.notify_intake import take_in
from tasks.pipeline.services import Services
from tasks.records import deliveries
from tasks.records.deliveries import PING, Answer, Delivery, DeliveryState

log: Final = structlog.get_logger()

# Longer than the longest try: one that begins at once ends within it, so the next task never waits for it.
_ROUND_S: Final = notifier.TOTAL_S + 5.0
_LOOK_AGAIN_S: Final = 1.0
_COLLECT_S: Final = 3600.0
_GONE: Final = "The endpoint answered 410: it wants no more."


def notify(services: Services) -> None:
    """Make deliveries of what changed, and send all that are due; returns after about `_ROUND_S` at the latest.

    Raises:
        TemporarilyUnavailable: the store failed; nothing is lost.
    """
    endpoints = services.outbox.endpoints
    if not endpoints:
        return
    for endpoint in endpoints:
        services.outbox.announce(endpoint)
    take_in(services)
    until, resting = time.monotonic() + _ROUND_S, set[str]()
    with ThreadPoolExecutor(max_workers=len(endpoints), thread_name_prefix="webhook") as pool:
        rounds = {each.name: pool.submit(_round, services, each, until) for each in endpoints}
        while True:
            wait(rounds.values(), timeout=_LOOK_AGAIN_S)
            resting |= {name for name, each in rounds.items() if each.done() and not _may_go_on(name, each)}
            rounds = {name: each for name, each in rounds.items() if not each.done()}
            if not rounds:
                break
            if time.monotonic() < until and not services.is_stopping():
                take_in(services)
                idle = (each for each in endpoints if each.name not in rounds and each.name not in resting)
                rounds |= {each.name: pool.submit(_round, services, each, until) for each in idle}
    if services.doorbell.is_due("webhooks", every_s=_COLLECT_S):
        services.outbox.collect()


def _may_go_on(name: str, ended: Future[bool]) -> bool:
    try:
        return ended.result()
    except TemporarilyUnavailable as error:
        log.warning("webhooks put off", endpoint=name, code=error.code, detail=error.detail)
        return False


def _round(services: Services, endpoint: Endpoint, until: float) -> bool:
    """Try what is due for the endpoint, in its order; False if there is no use in more before the next ring."""
    pending = services.outbox.pending(endpoint.name)
    if not pending:
        return True
    state = services.outbox.announce(endpoint)
    if state.disabled_at is not None:
        pending = _without_hope(services, pending, state.reason)
    now = utc_now()
    if any(each.delivery.held_until and each.delivery.held_until > now for each in pending):
        pending = [each for each in pending if each.delivery.type == PING]
    due = [each for each in pending if each.delivery.is_due(now)]
    took_s = 0.0
    for kept in sorted(due, key=lambda each: each.delivery.order):
        if services.is_stopping() or time.monotonic() + took_s > until:
            return False
        answer = _try(services, endpoint, kept)
        took_s = answer.took_s
        # One that does not answer now would not answer the next one either, and its silence costs time.
        if answer.status in (None, deliveries.GONE) or answer.retry_after:
            return False
    return True


def _try(services: Services, endpoint: Endpoint, kept: Kept) -> Answer:
    delivery = kept.delivery
    answer = notifier.send(endpoint, webhook_id=delivery.id, body=delivery.body)
    outcome = deliveries.after(delivery, answer, now=utc_now(), jitter=random.random())  # noqa: S311
    if answer.status == deliveries.GONE:
        services.outbox.set_state(endpoint.state().evolve(disabled_at=utc_now(), reason=_GONE))
    elif delivery.type == PING and answer.is_taken:
        services.outbox.set_state(endpoint.state())
    elif delivery.type == PING:
        # A ping asks how things are now: nobody wants to hear of it a day later.
        outcome = deliveries.abandoned(outcome, answer.error)
    services.outbox.note(kept, outcome)
    _log(outcome, answer)
    return answer


def _without_hope(services: Services, pending: list[Kept], reason: str) -> list[Kept]:
    """Give up the deliveries to a disabled endpoint; pings are still sent."""
    for kept in pending:
        if kept.delivery.type != PING:
            services.outbox.note(kept, deliveries.abandoned(kept.delivery, reason))
    return [kept for kept in pending if kept.delivery.type == PING]


def _log(outcome: Delivery, answer: Answer) -> None:
    tell = log.info if outcome.state is not DeliveryState.GIVEN_UP else log.warning
    tell(
        "webhook sent" if answer.is_taken else "webhook not taken",
        webhook_id=outcome.id,
        endpoint=outcome.endpoint,
        event_type=outcome.type,
        state=outcome.state.value,
        attempts=outcome.attempts,
        status=answer.status,
        error=answer.error,
        next_at=outcome.next_at.isoformat() if outcome.next_at else None,
    )
