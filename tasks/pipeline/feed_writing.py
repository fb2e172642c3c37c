"""Writing the feeds: the feed of changes first, then the days' lists and their index.

Everything is level-triggered: what a feed says is what the records say when it is written. What changed is found by
comparing records with the days' lists, so these are written after the changes were told: nothing gets lost in between.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from tasks.adapters.clock import utc_now
from tasks.pipeline import derived
from tasks.pipeline.services import Services
from tasks.pipeline.summaries import Name, summaries_of
from tasks.records import feeds, keys
from tasks.records.base import Record
from tasks.records.feeds import Changes, Day, Days, Summary

_KEPT_PAGES: Final = 1000


class FeedLost(Exception):  # noqa: N818
    """A feed that must be there is missing or can't be read; the message is its key."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """How many changes were written to the feeds, and which records were left out since they can't be read."""

    changes: int
    unreadable: Collection[Name]


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """The index and the lists of days, with their ETags, the records read after them, and those that can't be read."""

    index: tuple[Days | None, str | None]
    days: Mapping[date, tuple[Day, str | None]]
    summaries: Mapping[Name, Summary | None]
    unreadable: Collection[Name]

    def told(self) -> dict[Name, Summary]:
        """What the lists say of these records."""
        return {name: each for day, _ in self.days.values() for name, each in day.entries.items()}


def write(services: Services, names: tuple[Name, ...], former: set[date], *, is_all: bool = False) -> Told:
    """Bring changes, days and index up to date for these records, which may have stood under the ``former`` days.

    Raises:
        PreconditionFailed: somebody else wrote a feed meanwhile.
        FeedLost: they can only be rebuilt, from all records (``is_all``).
    """
    latest, latest_etag = derived.read(services, keys.LATEST_CHANGES, Changes)
    if latest is None and not is_all:
        raise FeedLost(keys.LATEST_CHANGES)
    seen = _look(services, names, former, is_all=is_all)
    now, told = utc_now(), seen.told()
    # A feed that begins anew names everything: nobody knows what readers of the lost one have seen.
    known = told if latest else {}
    fresh = [each for each in seen.summaries.values() if each is not None and _is_news(each, known.get(_name(each)))]
    removed = [
        told[name]
        for name in (told if is_all else seen.summaries)
        if name in told and seen.summaries.get(name) is None and name not in seen.unreadable
    ]
    changed = sorted([*fresh, *(feeds.gone(each, now) for each in removed)], key=lambda each: each.updated_at)
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
    """Read lists first and records after: if somebody writes a list in between, writing ours fails."""
    wanted = set(former)
    index = derived.read(services, keys.DAYS_INDEX, Days)
    listed = index[0].days if index[0] is not None and not is_all else ()
    while True:
        days = {day: _read_day(services, day) for day in wanted}
        for each in listed:
            if each.day in days and not days[each.day][0].entries:
                raise FeedLost(keys.day_file(each.day))
        summaries = summaries_of(services, names)
        new = {each.day for each in summaries.values() if each is not None} - wanted
        if not new or is_all:
            # All days were listed: those that are new are not there, and their writing fails if they are.
            days |= {day: (Day(day=day), None) for day in new}
            return _Seen(index=index, days=days, summaries=summaries, unreadable=set(names) - summaries.keys())
        wanted |= new


def _write_days(services: Services, seen: _Seen, *, is_all: bool) -> None:
    days: list[Day] = []
    for date_, (day, etag) in seen.days.items():
        gone = set(day.entries if is_all else seen.summaries) - set(seen.unreadable)
        fresh = [each for each in seen.summaries.values() if each is not None and each.day == date_]
        wanted = feeds.with_entries(day, gone, fresh)
        days.append(wanted)
        if wanted != day:
            derived.replace(services, keys.day_file(date_), wanted, etag, cache=keys.CACHE_RECORD)
    # Of days that were right already as well: whoever wrote them may have come no further, or lost a race for this.
    index, etag = seen.index
    wanted_index = feeds.with_counts(Days() if is_all or index is None else index, days)
    if wanted_index != index:
        derived.replace(services, keys.DAYS_INDEX, wanted_index, etag, cache=keys.CACHE_RECORD)


def page_numbers(services: Services) -> list[int]:
    """The numbers of the pages of past changes, the oldest first; each is that of the page's last change."""
    return sorted(filter(None, map(_number, derived.listed(services, keys.CHANGES))))


def _is_news(now: Summary, told: Summary | None) -> bool:
    return told is None or (told.revision, told.day) != (now.revision, now.day)


def _name(each: Summary) -> Name:
    return each.kind, each.name


def _forget_old_pages(services: Services) -> None:
    for number in page_numbers(services)[:-_KEPT_PAGES]:
        services.store.delete(services.settings.media_bucket, keys.change_page(number))


def _number(key: str) -> int:
    stem = key.removeprefix(keys.CHANGES).removesuffix(".json")
    return int(stem) if stem.isdecimal() else 0


def _read_day(services: Services, day: date) -> tuple[Day, str | None]:
    found, etag = derived.read(services, keys.day_file(day), Day)
    return found or Day(day=day), etag


def _put(services: Services, key: str, feed: Record, *, cache: str) -> None:
    services.store.put(
        services.settings.media_bucket, key, feed.to_json(), content_type=derived.JSON, cache_control=cache
    )
