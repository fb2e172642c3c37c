"""Marks that a record changes, so that the feeds come to list it whatever happens to this process or to Redis.

Before a record is written a mark is put in the store, after it the mark's key is handed to the feeds' worker through
Redis. That worker takes the mark away once the feeds tell of the change. A mark that was never handed over (its writer
died, Redis was wiped) is found by `reconcile`. Marks bear a token each: taking one away never takes another's.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol, TypeVar
from zoneinfo import ZoneInfo

import redis
import structlog

from config import queues
from tasks.adapters.doorbell import Doorbell
from tasks.adapters.object_store import ObjectStore
from tasks.errors import TemporarilyUnavailable
from tasks.records import feeds, keys
from tasks.records.article_record import ArticleRecord
from tasks.records.base import Record
from tasks.records.clip_record import ClipRecord

log: Final = structlog.get_logger()
R_contra = TypeVar("R_contra", bound=Record, contravariant=True)
CHANGED: Final = "changed"
REBUILD: Final = "rebuild"
_HANDED_OVER: Final = "newsreel:changed"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A mark, read from its key: which record is being changed, and the day under which it was listed before."""

    key: str
    kind: feeds.Kind
    name: str
    former_day: date | None


class Noting(Protocol[R_contra]):
    """Notes the change of one record; see `RecordStore.update`."""

    def about_to(self, before: R_contra | None, after: R_contra) -> None:
        """The record is about to be written."""

    def done(self) -> None:
        """It was written, or will not be."""


class ChangeNotes:
    """Puts the marks of one media bucket, and hands them over; one for each process."""

    def __init__(
        self, store: ObjectStore, bucket: str, zone: ZoneInfo, *, doorbell: Doorbell, client: redis.Redis
    ) -> None:
        self.zone = zone
        self._store = store
        self._bucket = bucket
        self._doorbell = doorbell
        self._client = client

    def clip(self, name: str) -> Noting[ClipRecord]:
        """Notes the change of a clip's record."""
        return _Noting(self, "clip", name)

    def article(self, article_id: str) -> Noting[ArticleRecord]:
        """Notes the change of an article's record."""
        return _Noting(self, "article", article_id)

    def put(self, kind: feeds.Kind, name: str, former_day: date | None) -> str:
        """Put a new mark and return its key."""
        key = keys.changed_mark(kind, name, former_day, uuid.uuid4().hex[:12])
        self._store.put(self._bucket, key, b"", content_type="application/octet-stream")
        return key

    def hand_over(self, marks: Iterable[str]) -> None:
        """Give the marks to the feeds' worker; while Redis is away, `reconcile` does that later."""
        try:
            self._client.sadd(_HANDED_OVER, *marks)
            self._doorbell.ring(queues.FEEDS_TASK, CHANGED)
        except (redis.RedisError, OSError, TemporarilyUnavailable) as error:
            log.warning("feeds not rung", error=str(error))

    def take(self, most: int) -> list[Mark]:
        """Marks that were handed over, no more than that; they are this caller's now."""
        try:
            taken = self._client.spop(_HANDED_OVER, most)
        except (redis.RedisError, OSError) as error:
            raise TemporarilyUnavailable(
                "broker_unavailable", "The message broker does not answer.", str(error)
            ) from error
        found = (read_mark(each.decode()) for each in taken)  # type: ignore[union-attr] # with a count it is a list
        return [mark for mark in found if mark is not None]

    def remove(self, marks: Iterable[Mark]) -> None:
        """The feeds tell of these changes."""
        for mark in marks:
            self._store.delete(self._bucket, mark.key)


def read_mark(key: str) -> Mark | None:
    """What a mark's key says; None if it is none."""
    kind, _, rest = key.removeprefix(keys.CHANGED).partition("/")
    name, _, token = rest.rpartition("/")
    day = token.partition("_")[0]
    try:
        former_day = date.fromisoformat(day) if day else None
    except ValueError:
        return None
    if not name:
        return None
    if kind == "clip":
        return Mark(key=key, kind="clip", name=name, former_day=former_day)
    if kind == "article":
        return Mark(key=key, kind="article", name=name, former_day=former_day)
    return None


class _Noting:
    def __init__(self, notes: ChangeNotes, kind: feeds.Kind, name: str) -> None:
        self._notes = notes
        self._kind = kind
        self._name = name
        self._marks: dict[date | None, str] = {}

    def about_to(self, before: ClipRecord | ArticleRecord | None, after: ClipRecord | ArticleRecord) -> None:
        if not feeds.differs(before, after):
            return
        former_day = feeds.day_of(before, self._notes.zone) if before is not None else None
        # One is enough, unless another writer has moved the record to another day meanwhile.
        if former_day not in self._marks:
            self._marks[former_day] = self._notes.put(self._kind, self._name, former_day)

    def done(self) -> None:
        if self._marks:
            self._notes.hand_over(self._marks.values())
