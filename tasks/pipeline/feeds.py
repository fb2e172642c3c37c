"""Feeds: bring `days/` and `changes/` up to date with the records that changed, or rebuild them from all records.

The marks of the changes are removed only after both are written (`tasks.pipeline.feed_writing`). A worker that ends in
between leaves the marks, and the same changes are told once more.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, timedelta
from typing import Final, TypeVar

import structlog

from config import queues
from tasks.adapters.changes import REBUILD, Mark
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import PreconditionFailed
from tasks.errors import TemporarilyUnavailable
from tasks.pipeline import derived
from tasks.pipeline.feed_writing import FeedLost, Told, write
from tasks.pipeline.services import Services
from tasks.pipeline.summaries import Name, all_names
from tasks.records import keys
from tasks.records.feeds import Changes, Days

log: Final = structlog.get_logger()
T = TypeVar("T")

# A step of the pipeline changes several records at once: what comes within this time is told together.
_GATHER_S: Final = 0.2
_BATCH: Final = 500
_TRIES: Final = 8
# A writer puts its mark moments before its record.
_HANDED_OVER_WITHIN: Final = timedelta(seconds=30)


def publish(services: Services, what: str) -> None:
    """Write the changes that were handed over (``changed``), or rebuild the feeds from all records (``rebuild``).

    Raises:
        TemporarilyUnavailable: the store or Redis failed; the marks are there for another time.
    """
    if what == REBUILD:
        rebuild(services)
        return
    time.sleep(_GATHER_S)
    while marks := services.changes.take(_BATCH):
        tell(services, marks)


def tell(services: Services, marks: Iterable[Mark]) -> None:
    """Bring the feeds up to date with the records that these marks name, then remove the marks.

    What they say of a record that can't be read stays as it is, and so do its marks: `check` hands them over again.
    """
    marks = list(marks)
    former = {mark.former_day for mark in marks if mark.former_day is not None}
    names: dict[Name, None] = {(mark.kind, mark.name): None for mark in marks}
    try:
        told = _until_undisturbed(lambda: write(services, tuple(names), former))
    except FeedLost as lost:
        log.warning("feed lost", feed=str(lost))
        told = rebuild(services)
    services.changes.remove(mark for mark in marks if (mark.kind, mark.name) not in told.unreadable)
    if services.outbox.endpoints:
        # The scheduler rings too: this one only spares the seconds until then.
        with suppress(TemporarilyUnavailable):
            services.doorbell.ring(queues.NOTIFY_TASK, queues.DUE)
    log.info("feeds told", records=len(names), changes=told.changes)


def rebuild(services: Services) -> Told:
    """Make the feeds from all records: what is missing is added, what is wrong corrected, the rest stays as it is."""

    def again() -> Told:
        # The days are read before the records, as in `write`: what is told meanwhile makes this start again.
        listed = {day for key in derived.listed(services, keys.DAYS) if (day := _day_of_key(key)) is not None}
        return write(services, tuple(all_names(services)), listed, is_all=True)

    told = _until_undisturbed(again)
    log.info("feeds rebuilt", changes=told.changes)
    return told


def check(services: Services) -> None:
    """Hand over marks that were left behind, and ring for a rebuild where a feed is missing."""
    before = utc_now() - _HANDED_OVER_WITHIN
    bucket = services.settings.media_bucket
    left = [mark.key for mark in services.store.list(bucket, keys.CHANGED) if mark.modified_at < before]
    if left:
        services.changes.hand_over(left)
    if _is_incomplete(services):
        services.doorbell.ring(queues.FEEDS_TASK, REBUILD)


def _is_incomplete(services: Services) -> bool:
    there = set(derived.listed(services, keys.DAYS))
    if keys.DAYS_INDEX not in there:
        return True
    latest, _ = derived.read(services, keys.LATEST_CHANGES, Changes)
    if latest is None:
        return True
    index, _ = derived.read(services, keys.DAYS_INDEX, Days)
    return index is None or any(keys.day_file(each.day) not in there for each in index.days)


def _until_undisturbed(step: Callable[[], T]) -> T:
    for attempt in range(_TRIES):
        try:
            return step()
        except PreconditionFailed:
            time.sleep(random.uniform(0, min(1.0, 0.05 * 2**attempt)))  # noqa: S311
    raise TemporarilyUnavailable("record_contended", "Too many workers wrote the feeds at once.", f"{_TRIES} tries")


def _day_of_key(key: str) -> date | None:
    try:
        return date.fromisoformat(key.removeprefix(keys.DAYS).removesuffix(".json"))
    except ValueError:
        return None
