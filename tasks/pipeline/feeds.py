"""Feeds: tell in `days/` and `changes/` of the records that changed; made again from the records where they are lost.

Everything is level-triggered: what a feed says is what the records say when it is written. The order makes sure that
nothing gets lost: the feed of changes first, the days' lists next, the marks of the changes are taken away last. A
worker that ends in between leaves the marks, and the same changes are told once more.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, TypeVar

import structlog

from config import queues
from tasks.adapters.changes import REBUILD, Mark
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import PreconditionFailed
from tasks.adapters.records import report
from tasks.errors import RecordUnreadable, TemporarilyUnavailable
from tasks.pipeline import derived
from tasks.pipeline.services import Services
from tasks.records import feeds, keys
from tasks.records.base import Record
from tasks.records.feeds import Changes, Day, Days, Summary

log: Final = structlog.get_logger()
Name = tuple[feeds.Kind, str]
T = TypeVar("T")

# A step of the pipeline changes several records at once: what comes within this time is told together.
_GATHER_S: Final = 0.2
_BATCH: Final = 500
_TRIES: Final = 8
# A writer puts its mark moments before its record.
_HANDED_OVER_WITHIN: Final = timedelta(seconds=30)
_KEPT_PAGES: Final = 1000


def publish(services: Services, what: str) -> None:
    """Tell of the changes handed over (``changed``), or make the feeds again from all records (``rebuild``).

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
    """Have the feeds tell of the records that these marks name, then take the marks away.

    What they say of a record that can't be read stays as it is, and so do its marks: `check` hands them over again.
    """
    marks = list(marks)
    former = {mark.former_day for mark in marks if mark.former_day is not None}
    names: dict[Name, None] = {(mark.kind, mark.name): None for mark in marks}
    try:
        told = _until_undisturbed(lambda: _write(services, tuple(names), former))
    except _FeedLost as lost:
        log.warning("feed lost", feed=str(lost))
        told = rebuild(services)
    services.changes.remove(mark for mark in marks if (mark.kind, mark.name) not in told.unreadable)
    if services.outbox.endpoints:
        # The scheduler rings too: this one only spares the seconds until then.
        with suppress(TemporarilyUnavailable):
            services.doorbell.ring(queues.NOTIFY_TASK, queues.DUE)
    log.info("feeds told", records=len(names), changes=told.changes)


def rebuild(services: Services) -> Told:
    """Make the feeds from all records: what is missing is added, what is wrong set right, the rest stays as it is."""

    def again() -> Told:
        # The days are read before the records, as in `_write`: what is told meanwhile makes this start again.
        listed = {day for info in _listed(services, keys.DAYS) if (day := _day_of_key(info)) is not None}
        return _write(services, tuple(all_names(services)), listed, is_all=True)

    told = _until_undisturbed(again)
    log.info("feeds rebuilt", changes=told.changes)
    return told


def check(services: Services) -> None:
    """Ring where a change was noted and never told, or a feed is missing; listings tell that, and the days' index."""
    before = utc_now() - _HANDED_OVER_WITHIN
    bucket = services.settings.media_bucket
    left = [mark.key for mark in services.store.list(bucket, keys.CHANGED) if mark.modified_at < before]
    if left:
        services.changes.hand_over(left)
    if _is_incomplete(services):
        services.doorbell.ring(queues.FEEDS_TASK, REBUILD)


def all_names(services: Services) -> Iterator[Name]:
    """Kind and name of every record that may be there, from listings."""
    last = keys.article_record("").removeprefix(keys.ARTICLES)
    for key in _listed(services, keys.ARTICLES):
        if key.endswith(last):
            yield "article", key.removeprefix(keys.ARTICLES).removesuffix(last)
    for key in _listed(services, keys.CLIP_NAMES):
        yield "clip", key.rpartition("/")[2]


def summary_of(services: Services, name: Name) -> Summary | None:
    """The record in a few words as it now stands, or None.

    Raises:
        RecordUnreadable: what stands there is no record; nobody may take it for gone.
    """
    kind, own_name = name
    record = (services.clips if kind == "clip" else services.articles).get_strictly(own_name)
    return feeds.summary(record, services.settings.zone) if record is not None else None


def summaries_of(services: Services, names: Iterable[Name]) -> dict[Name, Summary | None]:
    """Those of many records, without the ones that can't be read, which are logged."""
    found: dict[Name, Summary | None] = {}
    for name in names:
        try:
            found[name] = summary_of(services, name)
        except RecordUnreadable as error:
            report(error)
    return found


class _FeedLost(Exception):  # noqa: N818
    """A feed that must be there is not, or can't be read: what it told is only to be had from the records."""


def page_numbers(services: Services) -> list[int]:
    """The numbers of the pages of past changes, the oldest first; each is that of the page's last change."""
    return sorted(filter(None, map(_number, _listed(services, keys.CHANGES))))


@dataclass(frozen=True, kw_only=True)
class Told:
    """How many changes the feeds tell now, and of which records they could not, since those can't be read."""

    changes: int
    unreadable: Collection[Name]


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """The days' lists with their ETags, and the records read after them; of some those can't be read."""

    days: Mapping[date, tuple[Day, str | None]]
    summaries: Mapping[Name, Summary | None]
    unreadable: Collection[Name]

    def told(self) -> dict[Name, Summary]:
        """What the lists say of these records."""
        return {name: each for day, _ in self.days.values() for name, each in day.entries.items()}


def _write(services: Services, names: tuple[Name, ...], former: set[date], *, is_all: bool = False) -> Told:
    """Bring changes, days and index up to date for these records.

    Raises:
        PreconditionFailed: somebody else wrote a feed meanwhile.
        _FeedLost: not without all records.
    """
    latest, latest_etag = derived.read(services, keys.LATEST_CHANGES, Changes)
    if latest is None and not is_all:
        raise _FeedLost(keys.LATEST_CHANGES)
    seen = _look(services, names, former, is_all=is_all)
    now, told = utc_now(), seen.told()
    # A feed that begins anew names everything: nobody knows what readers of the lost one have seen.
    known = told if latest else {}
    fresh = [each for each in seen.summaries.values() if each is not None and _is_news(each, known.get(_name(each)))]
    asked = told if is_all else seen.summaries
    known_as = seen.summaries.get
    lost = [told[name] for name in asked if name in told and known_as(name) is None and name not in seen.unreadable]
    changed = sorted([*fresh, *(feeds.gone(each, now) for each in lost)], key=lambda each: each.updated_at)
    if changed or latest is None:
        above = 0 if latest else max(page_numbers(services), default=0)
        page, sealed = feeds.with_changes(latest, changed, now, above=above)
        for number, past in sealed.items():
            _put(services, keys.change_page(number), past, cache=keys.CACHE_IMMUTABLE)
        derived.replace(services, keys.LATEST_CHANGES, page, latest_etag, cache=keys.CACHE_RECORD)
        if sealed:
            _forget_old_pages(services)
    _write_days(services, seen, is_all=is_all)
    return Told(changes=len(changed), unreadable=seen.unreadable)


def _look(services: Services, names: tuple[Name, ...], former: set[date], *, is_all: bool) -> _Seen:
    """Read lists first and records after: whoever writes a list in between makes our writing of it fail."""
    wanted = set(former)
    index, _ = (None, None) if is_all else derived.read(services, keys.DAYS_INDEX, Days)
    while True:
        days = {day: _read_day(services, day) for day in wanted}
        for each in index.days if index else ():
            if each.day in days and not days[each.day][0].entries:
                raise _FeedLost(keys.day_file(each.day))
        summaries = summaries_of(services, names)
        new = {each.day for each in summaries.values() if each is not None} - wanted
        if not new or is_all:
            # All days were listed: those that are new are not there, and their writing fails if they are.
            days |= {day: (Day(day=day), None) for day in new}
            return _Seen(days=days, summaries=summaries, unreadable=set(names) - summaries.keys())
        wanted |= new


def _write_days(services: Services, seen: _Seen, *, is_all: bool) -> None:
    changed: list[Day] = []
    for date_, (day, etag) in seen.days.items():
        gone = set(day.entries if is_all else seen.summaries) - set(seen.unreadable)
        fresh = [each for each in seen.summaries.values() if each is not None and each.day == date_]
        wanted = feeds.with_entries(day, gone, fresh)
        if wanted != day:
            changed.append(wanted)
            derived.replace(services, keys.day_file(date_), wanted, etag, cache=keys.CACHE_RECORD)
    index, etag = derived.read(services, keys.DAYS_INDEX, Days)
    known = [day for day, _ in seen.days.values()] if index is None or is_all else []
    by_day = {day.day: day for day in (*known, *changed)}
    wanted_index = feeds.with_counts(Days() if is_all or index is None else index, by_day.values())
    if wanted_index != index:
        derived.replace(services, keys.DAYS_INDEX, wanted_index, etag, cache=keys.CACHE_RECORD)


def _is_news(now: Summary, told: Summary | None) -> bool:
    return told is None or (told.revision, told.day) != (now.revision, now.day)


def _name(each: Summary) -> Name:
    return each.kind, each.name


def _is_incomplete(services: Services) -> bool:
    there = set(_listed(services, keys.DAYS))
    if keys.DAYS_INDEX not in there:
        return True
    latest, _ = derived.read(services, keys.LATEST_CHANGES, Changes)
    if latest is None:
        return True
    index, _ = derived.read(services, keys.DAYS_INDEX, Days)
    return index is None or any(keys.day_file(each.day) not in there for each in index.days)


def _until_undisturbed(write: Callable[[], T]) -> T:
    for attempt in range(_TRIES):
        try:
            return write()
        except PreconditionFailed:
            time.sleep(random.uniform(0, min(1.0, 0.05 * 2**attempt)))  # noqa: S311
    raise TemporarilyUnavailable("record_contended", "Too many workers wrote the feeds at once.", f"{_TRIES} tries")


def _forget_old_pages(services: Services) -> None:
    for number in page_numbers(services)[:-_KEPT_PAGES]:
        services.store.delete(services.settings.media_bucket, keys.change_page(number))


def _listed(services: Services, prefix: str) -> Iterator[str]:
    return (info.key for info in services.store.list(services.settings.media_bucket, prefix))


def _number(key: str) -> int:
    stem = key.removeprefix(keys.CHANGES).removesuffix(".json")
    return int(stem) if stem.isdecimal() else 0


def _day_of_key(key: str) -> date | None:
    try:
        return date.fromisoformat(key.removeprefix(keys.DAYS).removesuffix(".json"))
    except ValueError:
        return None


def _read_day(services: Services, day: date) -> tuple[Day, str | None]:
    found, etag = derived.read(services, keys.day_file(day), Day)
    return found or Day(day=day), etag


def _put(services: Services, key: str, feed: Record, *, cache: str) -> None:
    services.store.put(
        services.settings.media_bucket, key, feed.to_json(), content_type=derived.JSON, cache_control=cache
    )
