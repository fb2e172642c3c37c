"""Reading records, and changing them by compare-and-swap: the only way in which anything is published."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import structlog

from tasks.adapters.changes import Noting
from tasks.adapters.object_store import NoSuchObject, ObjectStore, PreconditionFailed, StoredObject
from tasks.errors import RecordUnreadable, TemporarilyUnavailable
from tasks.records import keys
from tasks.records.base import Record

log: Final = structlog.get_logger()
R = TypeVar("R", bound=Record)
_TRIES = 24
# What a clip's record alone knows, above all that it was withdrawn, nobody can make again.
_REMEDY: Final = (
    "put its last good version back (it may be a withdrawn clip, or one of a newer newsreel); else delete it, and "
    "newsreel reconcile --thorough has the clip made again."
)
_REMEDY_DERIVED: Final = "newsreel reconcile --thorough has it made again."


@dataclass(frozen=True, kw_only=True)
class Committed(Generic[R]):
    """How a change ended: the record as it now stands, its object's ETag, and whether this call wrote it."""

    record: R | None
    etag: str | None
    changed: bool


def read_record(kind: type[R], key: str, body: bytes) -> R:
    """The record of that kind in these bytes, which are stored under the key.

    Raises:
        RecordUnreadable: it is none.
    """
    try:
        return kind.model_validate_json(body)
    except ValueError as error:
        remedy = _REMEDY_DERIVED if kind.is_derived else _REMEDY
        raise RecordUnreadable(key, remedy, " ".join(str(error).split())[:300]) from None


def report(error: RecordUnreadable) -> None:
    """Log it for an operator; for callers that go on without that record."""
    log.error("record unreadable", key=error.key, remedy=error.remedy, detail=error.detail)


class RecordStore(Generic[R]):
    """The records of one kind, each under a key of the media bucket; ``noting`` begins the note of a record's change.

    Without it the feeds do not come to know of what is written. A record that can't be read raises `RecordUnreadable`
    and stays as it is; one that is derived counts as absent instead, and the next `update` overwrites it.
    """

    def __init__(
        self,
        store: ObjectStore,
        bucket: str,
        kind: type[R],
        key_of: Callable[[str], str],
        noting: Callable[[str], Noting[R]] | None = None,
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._kind = kind
        self._key_of = key_of
        self._noting = noting

    def get(self, name: str) -> R | None:
        """The record as it stands, or None."""
        return self._read(name)[0]

    def get_strictly(self, name: str) -> R | None:
        """The record as it stands, or None; raises `RecordUnreadable` for a derived one, too."""
        key = self._key_of(name)
        try:
            return read_record(self._kind, key, self._store.get(self._bucket, key).body)
        except NoSuchObject:
            return None

    def get_with_etag(self, name: str) -> tuple[R | None, str | None]:
        """The record as it stands and its object's ETag, or None twice; of a derived one only the ETag may be told."""
        record, etag, _ = self._read(name)
        return record, etag

    def get_if_changed(self, name: str, *, since: str | None) -> tuple[R | None, str] | None:
        """The record as it stands, with its object's ETag; None if that is still ``since``.

        Raises:
            NoSuchObject: there is none.
        """
        stored = self._store.get_if_changed(self._bucket, self._key_of(name), since=since)
        return (self._understood(name, stored), stored.etag) if stored is not None else None

    def update(
        self, name: str, change: Callable[[R | None], R | None], *, known: Committed[R] | None = None
    ) -> Committed[R]:
        """Replace the record by what ``change`` makes of it, as if nobody else were writing.

        With ``known``, how an earlier change ended, it is read only if somebody has written it since.

        ``change`` is pure, gets the current record (None if there is none) and may be called several times; the
        record it returns unchanged, or None, means that nothing is to be written. What it raises passes through.
        An answer lost after a successful write is recognised: the record read back then bears this call's mark.

        Raises:
            TemporarilyUnavailable: the store failed, or others won every one of many races.
            RecordUnreadable: what stands there is no record; nothing is written.
        """
        # Another writer may well write the very same bytes, so this call's writes bear a mark of their own.
        mark = uuid.uuid4().hex
        note = self._noting(name) if self._noting else None
        committed = self._replaced(name, change, mark, note, known)
        if note:
            note.done()
        return committed

    def _replaced(
        self,
        name: str,
        change: Callable[[R | None], R | None],
        mark: str,
        note: Noting[R] | None,
        known: Committed[R] | None,
    ) -> Committed[R]:
        for attempt in range(_TRIES):
            if known is not None and attempt == 0:
                current, etag, writer = known.record, known.etag, None
            else:
                current, etag, writer = self._read(name)
            if writer == mark:
                return Committed(record=current, etag=etag, changed=True)
            wanted = change(current)
            if wanted is None or wanted == current:
                return Committed(record=current, etag=etag, changed=False)
            if note:
                note.about_to(current, wanted)
            try:
                written = self._store.put(
                    self._bucket,
                    self._key_of(name),
                    wanted.to_json(),
                    content_type="application/json; charset=utf-8",
                    cache_control=keys.CACHE_RECORD,
                    if_match=etag,
                    if_absent=etag is None,
                    writer=mark,
                )
            except (PreconditionFailed, NoSuchObject):
                # Full jitter: racers that lost together must not race together again.
                time.sleep(random.uniform(0, min(1.0, 0.01 * 2**attempt)))  # noqa: S311
                continue
            return Committed(record=wanted, etag=written, changed=True)
        raise TemporarilyUnavailable(
            "record_contended", "Too many workers wrote this record at once.", f"{self._key_of(name)}: {_TRIES} tries"
        )

    def _read(self, name: str) -> tuple[R | None, str | None, str | None]:
        try:
            stored = self._store.get(self._bucket, self._key_of(name))
        except NoSuchObject:
            return None, None, None
        return self._understood(name, stored), stored.etag, stored.writer

    def _understood(self, name: str, stored: StoredObject) -> R | None:
        try:
            return read_record(self._kind, self._key_of(name), stored.body)
        except RecordUnreadable as error:
            if not self._kind.is_derived:
                raise
            log.warning("record unreadable", key=error.key, detail=error.detail)
            return None
