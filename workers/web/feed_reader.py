"""Reading the feeds that the pipeline keeps in the media bucket: what changed since, or all there is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Final, TypeVar

import structlog
from pydantic import ValidationError

from tasks.adapters.changes import read_mark
from tasks.adapters.object_store import NoSuchObject
from tasks.pipeline.feed_writing import page_numbers
from tasks.pipeline.services import Services
from tasks.pipeline.summaries import Name, all_names, summaries_of
from tasks.records import feeds, keys
from tasks.records.base import Record
from tasks.records.feeds import Change, Changes, Summary

_log = structlog.get_logger()
R = TypeVar("R", bound=Record)

_READERS: Final = 8
_MOST_MARKS: Final = 5000
_MOST_PAGES: Final = 20


@dataclass(frozen=True, kw_only=True)
class Poll:
    """The result of reading the feeds; ``summaries`` has all entries, or None if only the changes were read."""

    started_s: float
    marked: frozenset[Name] = frozenset()
    latest_etag: str | None = None
    summaries: tuple[Summary, ...] | None = None
    changes: tuple[Change, ...] = ()


class FeedReader:
    """Reads one newsroom's feeds; nothing is kept between calls. Its methods wait for the store."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def poll(self, etag: str | None, sequence: int) -> Poll:
        """Read the feeds, given the result of the last time.

        Raises:
            TemporarilyUnavailable: the store failed.
            pydantic.ValidationError: the latest changes are none.
        """
        started_s = time.monotonic()
        services, bucket = self._services, self._services.settings.media_bucket
        listed = islice(services.store.list(bucket, keys.CHANGED), _MOST_MARKS)
        marks = filter(None, (read_mark(info.key) for info in listed))
        marked = frozenset((mark.kind, mark.name) for mark in marks)
        try:
            stored = services.store.get_if_changed(bucket, keys.LATEST_CHANGES, since=etag)
        except NoSuchObject:
            found = summaries_of(services, all_names(services)).values()
            return Poll(started_s=started_s, marked=marked, summaries=tuple(filter(None, found)))
        if stored is None:
            return Poll(started_s=started_s, marked=marked, latest_etag=etag)
        latest = Changes.model_validate_json(stored.body)
        fresh = self._walk(latest, sequence) if etag is not None else None
        if fresh is not None:
            return Poll(started_s=started_s, marked=marked, latest_etag=stored.etag, changes=tuple(fresh))
        return Poll(
            started_s=started_s,
            marked=marked,
            latest_etag=stored.etag,
            summaries=tuple(self._read_days()),
            changes=latest.changes,
        )

    def _walk(self, latest: Changes, sequence: int) -> list[Change] | None:
        """The changes behind that number; None if too many pages would have to be read for them."""
        fresh: list[Change] = []
        page: Changes | None = latest
        for _ in range(_MOST_PAGES):
            if page is None:
                return None
            fresh[:0] = [each for each in page.changes if each.sequence > sequence]
            if page.previous is None or (page.changes and page.changes[0].sequence <= sequence + 1):
                return fresh
            page = self._read(keys.CHANGES + page.previous, Changes)
        return None

    def read_past(self, sequence: int, limit: int) -> list[Change]:
        """Up to so many changes behind that number, read from as few pages as they stand in."""
        past = [keys.change_page(number) for number in page_numbers(self._services) if number > sequence]
        found: list[Change] = []
        for key in (*past, keys.LATEST_CHANGES):
            page = self._read(key, Changes)
            found += [each for each in page.changes if each.sequence > sequence] if page else []
            if len(found) >= limit:
                break
        return found[:limit]

    def _read_days(self) -> Iterator[Summary]:
        index = self._read(keys.DAYS_INDEX, feeds.Days) or feeds.Days()
        with ThreadPoolExecutor(_READERS) as readers:
            for day in readers.map(self._read_day, (each.day for each in index.days)):
                if day is not None:
                    yield from (*day.articles, *day.clips)

    def _read_day(self, day: date) -> feeds.Day | None:
        return self._read(keys.day_file(day), feeds.Day)

    def _read(self, key: str, kind: type[R]) -> R | None:
        try:
            stored = self._services.store.get(self._services.settings.media_bucket, key)
        except NoSuchObject:
            return None
        try:
            return kind.model_validate_json(stored.body)
        except ValidationError:
            # The worker of the feeds makes it again with the next change; until then the others are told.
            _log.warning("feed unreadable", key=key)
            return None
