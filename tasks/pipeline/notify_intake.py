"""Turning the feed of changes into deliveries, each event once, whatever is lost or interrupted.

The order loses nothing: deliveries first, then the memory of what was told, then the cursor. A worker that ends in
between, or a second one, makes the same events of the same changes, under the same ids, and finds them there.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

import structlog

from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import PreconditionFailed
from tasks.errors import TemporarilyUnavailable
from tasks.pipeline import derived
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.deliveries import Delivery
from tasks.records.deliveries_events import Cursor, Event, Shard, remembered, shard_of, take
from tasks.records.feeds import Change, Changes, Day, Days, Summary

log: Final = structlog.get_logger()
S = TypeVar("S", bound=Summary)
_TRIES: Final = 8


def take_in(services: Services) -> int:
    """Make deliveries of the changes that came since the last time; returns how many changes that were.

    The first time of all nothing is told: what was published before the first endpoint is known is not news.

    Raises:
        TemporarilyUnavailable: the store failed; nothing is lost.
    """
    for attempt in range(_TRIES):
        try:
            return _take_in(services)
        except PreconditionFailed:
            time.sleep(random.uniform(0, min(1.0, 0.05 * 2**attempt)))  # noqa: S311
    raise TemporarilyUnavailable("record_contended", "Too many workers noted events at once.", f"{_TRIES} tries")


def _take_in(services: Services) -> int:
    latest, _ = derived.read(services, keys.LATEST_CHANGES, Changes)
    if latest is None:
        return 0  # `reconcile` has it made.
    newest = latest.changes[-1].sequence if latest.changes else 0
    cursor, etag = derived.read(services, keys.WEBHOOK_CURSOR, Cursor)
    if cursor is None:
        _remember_all(services, newest)
        derived.replace(services, keys.WEBHOOK_CURSOR, Cursor(sequence=newest), etag)
        log.info("webhooks begin", after=newest)
        return 0
    if newest <= cursor.sequence:
        return 0
    changes = _since(services, latest, cursor.sequence)
    _tell(services, changes)
    derived.replace(services, keys.WEBHOOK_CURSOR, Cursor(sequence=newest), etag)
    return len(changes)


def _tell(services: Services, changes: list[Change]) -> None:
    told: list[tuple[str, Shard, str | None]] = []
    events: list[Event] = []
    for number, of_shard in _by_shard(changes).items():
        shard, etag = derived.read(services, keys.webhook_told(number), Shard)
        after, found = take(shard or Shard(), of_shard, base=_base(services))
        events += found
        told.append((keys.webhook_told(number), after, etag))
    for event in sorted(events, key=lambda each: each.id):
        for delivery in _deliveries(services, event):
            if services.outbox.add(delivery):
                log.info("webhook noted", webhook_id=delivery.id, endpoint=delivery.endpoint, event_type=delivery.type)
    for key, after, etag in told:
        derived.replace(services, key, after, etag)


def _deliveries(services: Services, event: Event) -> Iterator[Delivery]:
    now = utc_now()
    for endpoint in services.outbox.endpoints:
        if endpoint.wants(event.type):
            yield Delivery(
                id=event.id, endpoint=endpoint.name, type=event.type, body=event.body, created_at=now, next_at=now
            )


def _since(services: Services, latest: Changes, sequence: int) -> list[Change]:
    """The changes above that number, as far back as there are pages, the oldest first."""
    page, found = latest, list(latest.changes)
    while page.previous and page.changes and page.changes[0].sequence > sequence + 1:
        past, _ = derived.read(services, keys.CHANGES + page.previous, Changes)
        if past is None:
            log.warning("changes lost", page=page.previous)
            break
        page = past
        found[:0] = page.changes
    return [change for change in found if change.sequence > sequence]


def _remember_all(services: Services, sequence: int) -> None:
    """Count everything in the days' lists as delivered."""
    index, _ = derived.read(services, keys.DAYS_INDEX, Days)
    listed: list[Summary] = []
    for each in index.days if index else ():
        day, _ = derived.read(services, keys.day_file(each.day), Day)
        listed += day.entries.values() if day else ()
    for number, summaries in _by_shard(listed).items():
        shard, etag = derived.read(services, keys.webhook_told(number), Shard)
        derived.replace(services, keys.webhook_told(number), remembered(shard or Shard(), summaries, sequence), etag)


def _by_shard(summaries: Iterable[S]) -> dict[str, list[S]]:
    found: dict[str, list[S]] = defaultdict(list)
    for each in summaries:
        found[shard_of(each)].append(each)
    return found


def _base(services: Services) -> str:
    settings = services.settings
    return (settings.public_media_url or f"{settings.gateway_url.rstrip('/')}/media").rstrip("/") + "/"
