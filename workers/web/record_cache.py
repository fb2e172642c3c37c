"""Records in the gateway's memory, so that a reader's request seldom asks the store.

For a second a record is sent as it was read, as ``Cache-Control`` allows. Beyond that only one that is finished and of
which the catalogue knows that nobody has changed it since.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from anyio.to_thread import run_sync

from tasks.adapters.records import read_record
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.article_record import ArticleRecord
from tasks.records.clip_record import ClipRecord, ClipState
from tasks.records.feeds import Kind
from workers.web import records
from workers.web.catalogue import Catalogue

_FRESH_S: Final = 1.0
_MAX_BYTES: Final = 64 * 1024**2
# Names are of a kilobyte at most.
_OVERHEAD_BYTES: Final = 1500
_FINAL: Final = frozenset(state.value for state in ClipState if state.is_final)


@dataclass(frozen=True, kw_only=True)
class CachedRecord:
    """A record as it is stored. ``is_settled``: nothing changes in it without a change in the feeds."""

    body: bytes
    etag: str
    state: str
    is_settled: bool


@dataclass(frozen=True, kw_only=True)
class _Kept:
    record: CachedRecord | None
    read_s: float

    @property
    def size_bytes(self) -> int:
        return _OVERHEAD_BYTES + (len(self.record.body) if self.record else 0)


class RecordCache:
    """At most 64 MiB of records, those that were asked for last. For the event loop's thread."""

    def __init__(self, services: Services, catalogue: Catalogue) -> None:
        self._services = services
        self._catalogue = catalogue
        self._kept: OrderedDict[tuple[Kind, str], _Kept] = OrderedDict()
        self._size_bytes = 0
        self._reading: dict[tuple[Kind, str], tuple[asyncio.Future[CachedRecord | None], float]] = {}

    async def get(self, kind: Kind, name: str) -> CachedRecord | None:
        """The record, not older than a second or so, or None if there is none.

        Raises:
            TemporarilyUnavailable: the store failed.
            RecordUnreadable: what is stored is none.
        """
        if not records.is_public(_key(kind, name)):
            # No record has such a name, which may be as long as a request: it is not kept.
            return None
        known = self._kept.get((kind, name))
        if known is not None and self._is_fresh((kind, name), known):
            self._kept.move_to_end((kind, name))
            return known.record
        reading, since_s = self._reading.get((kind, name), (None, 0.0))
        if reading is None or self._catalogue.was_told_of((kind, name), since_s):
            reading = asyncio.ensure_future(self._read(kind, name))
            self._reading[kind, name] = reading, time.monotonic()
            reading.add_done_callback(lambda done: self._forget((kind, name), done))
        # Others may wait for the same answer: a reader that goes away must not take it from them.
        return await asyncio.shield(reading)

    def _is_fresh(self, key: tuple[Kind, str], kept: _Kept) -> bool:
        if self._catalogue.was_told_of(key, kept.read_s):
            return False  # whoever was told asks at once, and hears of it no second time
        if time.monotonic() - kept.read_s < _FRESH_S:
            return True
        is_settled = kept.record is not None and kept.record.is_settled
        return is_settled and self._catalogue.is_unchanged(key, kept.read_s)

    async def _read(self, kind: Kind, name: str) -> CachedRecord | None:
        read_s = time.monotonic()
        record = await run_sync(_stored, self._services, kind, name)
        self._keep((kind, name), _Kept(record=record, read_s=read_s))
        return record

    def _forget(self, key: tuple[Kind, str], done: asyncio.Future[CachedRecord | None]) -> None:
        if key in self._reading and self._reading[key][0] is done:
            del self._reading[key]

    def _keep(self, key: tuple[Kind, str], kept: _Kept) -> None:
        before = self._kept.pop(key, None)
        self._kept[key] = kept
        self._size_bytes += kept.size_bytes - (before.size_bytes if before else 0)
        while self._size_bytes > _MAX_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._size_bytes -= oldest.size_bytes


def _key(kind: Kind, name: str) -> str:
    return keys.clip_record(name) if kind == "clip" else keys.article_record(name)


def _stored(services: Services, kind: Kind, name: str) -> CachedRecord | None:
    key = _key(kind, name)
    found = records.stored(services, key)
    if found is None:
        return None
    read_record(ClipRecord if kind == "clip" else ArticleRecord, key, found.body)
    content = json.loads(found.body)
    state = str(content.get("state", ""))
    # An article's record changes by noted changes only; a clip's also by its worker's signs of life.
    is_settled = kind == "article" or (state in _FINAL and content.get("next") is None)
    return CachedRecord(body=found.body, etag=found.etag, state=state, is_settled=is_settled)
