"""What is published, in memory: a summary of every clip and article, kept up to date from the static feeds.

Once a second the marks of changes in progress are listed and the feed of changes is asked for, in that order: a change
that was made before is then either marked or told. So the gateway knows of any record that nothing has changed it,
without asking the store for it. Where no feeds are yet, the records themselves are read, more and more seldom.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import structlog
from anyio.to_thread import run_sync
from pydantic import ValidationError

from tasks.errors import TemporarilyUnavailable
from tasks.pipeline.services import Services
from tasks.pipeline.summaries import Name
from tasks.records import feeds
from tasks.records.feeds import Change, Kind
from workers.web.entries import Entry, entry_of, place, place_of
from workers.web.feed_reader import FeedReader, Poll
from workers.web.urls import public_base

_log = structlog.get_logger()

POLL_S: Final = 1.0
_FIRST_S: Final = 60.0
# Different questions whose answers are remembered.
_MOST_ASKED: Final = 32
_RECENT: Final = 1000
# After so long without a good poll nothing is taken for unchanged any more.
_TRUSTED_S: Final = 5.0


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
        self._reader = FeedReader(services)
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
        return not self.was_told_of(name, since_s)

    def was_told_of(self, name: Name, since_s: float) -> bool:
        """Whether listeners were told of a change of the record at that moment of the monotonic clock or later."""
        return self._touched.get(name, float("-inf")) >= since_s

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
        start = bisect_right(left, place(after), key=place_of) if after is not None else 0
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
        return await run_sync(self._reader.read_past, sequence, limit)

    def newest(self, limit: int) -> list[Change]:
        """The last changes, the oldest of them first."""
        return list(self._known.recent)[-limit:]

    async def _follow(self) -> None:
        while True:
            try:
                known = self._known
                self._take(*await run_sync(self._look, known.etag, known.sequence, abandon_on_cancel=True))
            except (TemporarilyUnavailable, ValidationError) as error:
                _log.warning("catalogue.stale", error=getattr(error, "detail", str(error)))
            await asyncio.sleep(self._pause_s)

    def _look(self, etag: str | None, sequence: int) -> tuple[Poll, list[Entry] | None]:
        """Poll, in another thread; with the entries of all there is, if that was read."""
        poll = self._reader.poll(etag, sequence)
        return poll, None if poll.summaries is None else [entry_of(each, self._base) for each in poll.summaries]

    def _take(self, poll: Poll, entries: list[Entry] | None) -> None:
        """Make what a poll found known, all of it at once."""
        known, now = self._known, time.monotonic()
        if entries is not None or poll.changes:
            self._left.clear()
        if entries is not None:
            fresh = _Known(sequence=known.sequence)
            for kind in fresh.ordered:
                fresh.ordered[kind] = sorted((each for each in entries if each.summary.kind == kind), key=place_of)
            is_news = fresh.ordered != known.ordered
            known = self._known = fresh
            self._touched = {(each.summary.kind, each.summary.name): now for each in entries}
        else:
            is_news = bool(poll.changes)
        known.etag = poll.latest_etag
        for change in poll.changes:
            self._touched[change.kind, change.name] = now
            if entries is None:
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

    def _set(self, ordered: list[Entry], change: Change) -> None:
        where = bisect_left(ordered, place(change.name), key=place_of)
        behind = where + (where < len(ordered) and ordered[where].summary.name == change.name)
        # Without a revision its record is no longer there.
        now = [entry_of(feeds.summary_in(change), self._base)] if change.revision else []
        ordered[where:behind] = now
