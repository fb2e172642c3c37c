"""What is published, in memory: a summary of every clip and article, kept up to date from the static feeds.

Once a second the marks of changes in progress are listed and the feed of changes is asked for, in that order: a change
that was made before is then either marked or told. So the gateway knows of any record that nothing has changed it,
without asking the store for it. Where no feeds are yet, the records themselves are read, more and more seldom.
"""

from __future__ import annotations

import asyncio
import json
import time
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import islice
from typing import Final, TypeVar

import structlog
from anyio.to_thread import run_sync
from pydantic import ValidationError

from tasks.adapters.changes import read_mark
from tasks.adapters.object_store import NoSuchObject
from tasks.errors import TemporarilyUnavailable
from tasks.pipeline import feeds as step
from tasks.pipeline.services import Services
from tasks.records import feeds, keys
from tasks.records.base import Record
from tasks.records.feeds import Change, Changes, Kind, Summary
from workers.web.folding import plain
from workers.web.urls import absolute, public_base

_log = structlog.get_logger()
R = TypeVar("R", bound=Record)
Name = tuple[Kind, str]

POLL_S: Final = 1.0
_FIRST_S: Final = 60.0
_READERS: Final = 8
# Different questions whose answers are remembered.
_MOST_ASKED: Final = 32
_RECENT: Final = 1000
_MOST_MARKS: Final = 5000
_MOST_PAGES: Final = 20
# After so long without a good poll nothing is taken for unchanged any more.
_TRUSTED_S: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A summary, the place of its name in the alphabet, and the text that is searched.

    ``told`` is its JSON with absolute URLs, written when it is first wanted.
    """

    summary: Summary
    place: tuple[str, str]
    text: str
    base: str

    @cached_property
    def told(self) -> str:
        content = self.summary.model_dump(mode="json")
        at = self.base + keys.LATEST_CHANGES
        return json.dumps(absolute(content, at=at, base=self.base), ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class _Poll:
    """What one look at the feeds found; ``entries`` is all there is, or None if only the changes are told."""

    started_s: float
    marked: frozenset[Name] = frozenset()
    latest_etag: str | None = None
    entries: tuple[Entry, ...] | None = None
    changes: tuple[Change, ...] = ()


@dataclass
class _Known:
    """All entries of a kind in the order of their places."""

    ordered: dict[Kind, list[Entry]] = field(default_factory=lambda: {"clip": [], "article": []})
    recent: deque[Change] = field(default_factory=lambda: deque(maxlen=_RECENT))
    etag: str | None = None
    sequence: int = 0


class Catalogue:
    """The index of one gateway process. Its methods are for the event loop's thread; polling is done in another."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._base = public_base(services.settings)
        self._known = _Known()
        self._touched: dict[Name, float] = {}
        self._polled_s = float("-inf")
        self._pause_s = POLL_S
        self._has_feeds = False
        self._task: asyncio.Task[None] | None = None
        self._first = asyncio.Event()
        self._news = asyncio.Event()
        self._left: dict[tuple[Kind, Hashable], list[Entry]] = {}

    async def ready(self) -> None:
        """Begin to follow the feeds, if that is not done yet, and wait until they have been read once.

        Raises:
            TemporarilyUnavailable: they could not be read in a minute.
        """
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._follow(), name="catalogue")
        if not self._first.is_set():
            try:
                await asyncio.wait_for(self._first.wait(), _FIRST_S)
            except TimeoutError:
                raise TemporarilyUnavailable("store_unavailable", "The lists could not be read yet.") from None

    @property
    def sequence(self) -> int:
        """Number of the last change that is known; 0 where there is no feed."""
        return self._known.sequence

    def is_unchanged(self, name: Name, since_s: float) -> bool:
        """Whether the record is surely what it was at that moment of the monotonic clock, but for work's progress."""
        if not self._has_feeds or time.monotonic() - self._polled_s > _TRUSTED_S:
            return False
        return self._touched.get(name, float("-inf")) < since_s

    def find(
        self,
        kind: Kind,
        narrow: Callable[[list[Entry]], list[Entry]],
        *,
        after: str | None,
        limit: int,
        asked: Hashable = None,
    ) -> tuple[list[Entry], bool]:
        """The first entries in the alphabet behind ``after`` that ``narrow`` leaves, and whether there are more.

        What was ``asked`` before and lately is looked up, until something changes: portals ask the same all the time.
        """
        left = self._left.get((kind, asked)) if asked is not None else None
        if left is None:
            left = narrow(self._known.ordered[kind])
            if asked is not None:
                self._left[kind, asked] = left
                if len(self._left) > _MOST_ASKED:
                    del self._left[next(iter(self._left))]
        start = bisect_right(left, place(after), key=_place) if after is not None else 0
        return left[start : start + limit], len(left) > start + limit

    async def next_news(self, within_s: float) -> None:
        """Return when anything changed, or after that time."""
        try:
            await asyncio.wait_for(self._news.wait(), within_s)
        except TimeoutError:
            return

    async def changes_after(self, sequence: int, limit: int) -> list[Change]:
        """The changes behind that number, the oldest first; what is not in memory is read from the pages of the past.

        Where the pages do not reach back as far, it begins with the oldest that there is.
        """
        recent = self._known.recent
        if not recent or sequence >= self._known.sequence:
            return []
        if sequence >= recent[0].sequence - 1:
            return list(islice((each for each in recent if each.sequence > sequence), limit))
        return await run_sync(self._read_past, sequence, limit)

    def newest(self, limit: int) -> list[Change]:
        """The last changes, the oldest of them first."""
        return list(self._known.recent)[-limit:]

    async def _follow(self) -> None:
        while True:
            try:
                self._take(await run_sync(self._poll, self._known.etag, self._known.sequence, abandon_on_cancel=True))
            except (TemporarilyUnavailable, ValidationError) as error:
                _log.warning("catalogue.stale", error=getattr(error, "detail", str(error)))
            await asyncio.sleep(self._pause_s)

    def _take(self, poll: _Poll) -> None:
        """Make what a poll found known, all of it at once."""
        known, now = self._known, time.monotonic()
        if poll.entries is not None or poll.changes:
            self._left.clear()
        if poll.entries is not None:
            fresh = _Known(sequence=known.sequence)
            for kind in fresh.ordered:
                fresh.ordered[kind] = sorted((each for each in poll.entries if each.summary.kind == kind), key=_place)
            is_news = fresh.ordered != known.ordered
            known = self._known = fresh
            self._touched = {(each.summary.kind, each.summary.name): now for each in poll.entries}
        else:
            is_news = bool(poll.changes)
        known.etag = poll.latest_etag
        for change in poll.changes:
            self._touched[change.kind, change.name] = now
            if poll.entries is None:
                self._set(known.ordered[change.kind], change)
            known.recent.append(change)
            known.sequence = max(known.sequence, change.sequence)
        for name in poll.marked:
            self._touched[name] = now
        self._has_feeds = poll.latest_etag is not None
        # Reading all records takes its time: it shall not take more than a fifth of it.
        self._pause_s = POLL_S if self._has_feeds else max(POLL_S, 4 * (now - poll.started_s))
        self._polled_s = poll.started_s
        self._first.set()
        if is_news:
            self._news.set()
            self._news = asyncio.Event()

    def _poll(self, etag: str | None, sequence: int) -> _Poll:
        started_s = time.monotonic()
        services, bucket = self._services, self._services.settings.media_bucket
        listed = islice(services.store.list(bucket, keys.CHANGED), _MOST_MARKS)
        marks = filter(None, (read_mark(info.key) for info in listed))
        marked = frozenset((mark.kind, mark.name) for mark in marks)
        try:
            if etag is not None and services.store.head(bucket, keys.LATEST_CHANGES).etag == etag:
                return _Poll(started_s=started_s, marked=marked, latest_etag=etag)
            stored = services.store.get(bucket, keys.LATEST_CHANGES)
        except NoSuchObject:
            found = (step.summary_of(services, name) for name in step.all_names(services))
            return _Poll(started_s=started_s, marked=marked, entries=self._entries(filter(None, found)))
        latest = Changes.model_validate_json(stored.body)
        fresh = self._walk(latest, sequence) if etag is not None else None
        if fresh is not None:
            return _Poll(started_s=started_s, marked=marked, latest_etag=stored.etag, changes=tuple(fresh))
        return _Poll(
            started_s=started_s,
            marked=marked,
            latest_etag=stored.etag,
            entries=self._entries(self._read_days()),
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

    def _read_past(self, sequence: int, limit: int) -> list[Change]:
        """Up to so many changes behind that number, read from as few pages as they stand in."""
        past = [keys.change_page(number) for number in step.page_numbers(self._services) if number > sequence]
        found: list[Change] = []
        for key in (*past, keys.LATEST_CHANGES):
            page = self._read(key, Changes)
            found += [each for each in page.changes if each.sequence > sequence] if page else []
            if len(found) >= limit:
                break
        return found[:limit]

    def _entries(self, summaries: Iterable[Summary]) -> tuple[Entry, ...]:
        return tuple(self._entry(each) for each in summaries)

    def _entry(self, summary: Summary) -> Entry:
        text = plain(f"{summary.name} {summary.title}")
        return Entry(summary=summary, place=place(summary.name), text=text, base=self._base)

    def _set(self, ordered: list[Entry], change: Change) -> None:
        where = bisect_left(ordered, place(change.name), key=_place)
        behind = where + (where < len(ordered) and ordered[where].summary.name == change.name)
        # Without a revision its record is no longer there.
        now = [self._entry(feeds.summary_in(change))] if change.revision else []
        ordered[where:behind] = now

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
        return kind.model_validate_json(stored.body)


def place(name: str) -> tuple[str, str]:
    """Where a name stands in the lists: upper and lower case sort together."""
    return keys.fold(name), name


def narrowing(
    *, states: Iterable[str], since: date | None, until: date | None, prefix: str, text: str
) -> Callable[[list[Entry]], list[Entry]]:
    """Leaves the entries that are asked for; days are inclusive, case never matters, nor do accents in ``text``."""
    wanted, folded = frozenset(states), keys.fold(prefix)
    # A word within another asks for nothing more, and very many of one letter would take the loop's time.
    split = set(plain(text).split())
    words = sorted((each for each in split if not any(each in other for other in split - {each})), key=len)[::-1]

    def narrow(entries: list[Entry]) -> list[Entry]:
        # One condition after the other: over ten thousand entries that is several times as fast as all at once.
        if folded:
            entries = [each for each in entries if each.place[0].startswith(folded)]
        if wanted:
            entries = [each for each in entries if each.summary.state in wanted]
        if since is not None:
            entries = [each for each in entries if each.summary.day >= since]
        if until is not None:
            entries = [each for each in entries if each.summary.day <= until]
        for word in words:
            entries = [each for each in entries if word in each.text]
        return entries

    return narrow


def _place(entry: Entry) -> tuple[str, str]:
    return entry.place
