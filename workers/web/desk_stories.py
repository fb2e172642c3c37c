"""The stories that the desk shows: found in the catalogue, read from the records, made into cards."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final

from starlette.concurrency import run_in_threadpool

from tasks.adapters.clock import utc_now
from tasks.adapters.records import report
from tasks.errors import RecordUnreadable
from tasks.pipeline.services import Services
from tasks.records import feeds, keys
from tasks.records.article_record import ArticleRecord
from tasks.records.clip_record import ClipRecord
from workers.web import records
from workers.web.catalogue import Catalogue
from workers.web.desk_view import Card, card, clip_names
from workers.web.desk_words import Words
from workers.web.entries import Entry, narrowing
from workers.web.record_cache import CachedRecord, RecordCache

MOST_SHOWN: Final = 200
_DAYS_SHOWN: Final = 14
_WITHDRAWN: Final = "withdrawn"


@dataclass(frozen=True, kw_only=True)
class DayLink:
    """A day with stories, and how many."""

    day: date
    stories: int


@dataclass(frozen=True, kw_only=True)
class Found:
    """The stories of a day, those of other days that were updated on it if it is today, and how many are left out."""

    of_day: tuple[Card, ...]
    updated: tuple[Card, ...]
    left_out: int


class Stories:
    """What the desk knows of stories. For the event loop's thread."""

    def __init__(self, services: Services, catalogue: Catalogue) -> None:
        self._services = services
        self._catalogue = catalogue
        self._cache = RecordCache(services, catalogue)
        self._zone = services.settings.zone

    def today(self) -> date:
        """The day that it is in the newsroom."""
        return utc_now().astimezone(self._zone).date()

    async def days(self) -> tuple[DayLink, ...]:
        """The last days that have stories, the newest first."""
        await self._catalogue.ready()
        counted = Counter(each.summary.day for each in self._all() if each.summary.state != _WITHDRAWN)
        newest = sorted(counted, reverse=True)[:_DAYS_SHOWN]
        return tuple(DayLink(day=each, stories=counted[each]) for each in newest)

    async def of(self, day: date, words: Words) -> Found:
        """The stories of that day, the newest first; of today also those that were updated today.

        Raises:
            TemporarilyUnavailable: the store failed.
        """
        await self._catalogue.ready()
        is_today = day == self.today()
        named = {
            each.summary.name: each.summary.day == day
            for each in self._all()
            if each.summary.state != _WITHDRAWN
            and (each.summary.day == day or (is_today and self._day(each.summary.updated_at) == day))
        }
        shown = sorted(named, key=lambda name: not named[name])[:MOST_SHOWN]
        read = await asyncio.gather(*(self._cached(name, words) for name in shown))
        cards = sorted(filter(None, read), key=lambda each: (each.order, each.id), reverse=True)
        return Found(
            of_day=tuple(each for each in cards if named[each.id]),
            updated=tuple(each for each in cards if not named[each.id]),
            left_out=len(named) - len(shown),
        )

    async def one(self, article_id: str, day: date, words: Words) -> tuple[Card, bool] | None:
        """A story's card as it is stored this moment, and whether it is of that day; None if it isn't listed there.

        Raises:
            TemporarilyUnavailable: the store failed.
        """
        key = keys.article_record(article_id)
        if not records.is_public(key):
            return None
        article = await run_in_threadpool(self._services.articles.get, article_id)
        if article is None or article.state == _WITHDRAWN:
            return None
        is_of_day = feeds.day_of(article, self._zone) == day
        if not is_of_day and not (day == self.today() and self._day(article.updated_at) == day):
            return None
        names = [each for each in clip_names(article) if records.is_public(keys.clip_record(each))]
        found = await asyncio.gather(*(run_in_threadpool(self._stored_clip, name) for name in names))
        clips = {each.record.name: each.record for each in found if each is not None}
        return card(article, clips, words, self._zone), is_of_day

    async def _cached(self, article_id: str, words: Words) -> Card | None:
        article = await self._readable("article", article_id)
        if article is None:
            return None
        record = _article(article.body)
        names = clip_names(record)
        found = await asyncio.gather(*(self._readable("clip", name) for name in names))
        clips = {name: _clip(each.body) for name, each in zip(names, found, strict=True) if each is not None}
        return card(record, clips, words, self._zone)

    def _stored_clip(self, name: str) -> records.Published[ClipRecord] | None:
        return records.readable(self._services, ClipRecord, keys.clip_record(name))

    async def _readable(self, kind: feeds.Kind, name: str) -> CachedRecord | None:
        """The record; one that can't be read is left out, so that it does not hide all other stories."""
        try:
            return await self._cache.get(kind, name)
        except RecordUnreadable as error:
            report(error)
            return None

    def _all(self) -> list[Entry]:
        everything = narrowing(states=(), since=None, until=None, prefix="", text="")
        return self._catalogue.find("article", everything, after=None, limit=1_000_000)[0]

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self._zone).date()


@lru_cache(maxsize=1024)
def _article(body: bytes) -> ArticleRecord:
    return ArticleRecord.model_validate_json(body)


@lru_cache(maxsize=4096)
def _clip(body: bytes) -> ClipRecord:
    return ClipRecord.model_validate_json(body)
