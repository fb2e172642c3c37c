"""Changing records by compare-and-swap, against a real store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import NoSuchObject, ObjectStore, PreconditionFailed
from tasks.adapters.records import Committed, RecordStore
from tasks.records import keys
from tasks.records.clip_record import ClipRecord
from tests.conftest import Buckets
from tests.records.test_lifecycle import upload


@pytest.fixture
def clips(store: ObjectStore, buckets: Buckets) -> RecordStore[ClipRecord]:
    return RecordStore(store, buckets.media, ClipRecord, keys.clip_record)


def test_of_many_changes_at_once_none_is_lost(clips: RecordStore[ClipRecord]) -> None:
    def add_one(record: ClipRecord | None) -> ClipRecord:
        assert record is not None
        return record.evolve(attempts=record.attempts + 1)

    clips.update("raced", lambda record: record or upload("e1").evolve(name="raced"))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: clips.update("raced", add_one), range(12)))
    record = clips.get("raced")
    assert record is not None
    assert record.attempts == 12


def test_a_change_that_changes_nothing_writes_nothing(
    clips: RecordStore[ClipRecord], store: ObjectStore, buckets: Buckets
) -> None:
    clips.update("same", lambda record: record or upload("e1"))
    before = store.get(buckets.media, keys.clip_record("same")).etag
    assert not clips.update("same", lambda record: record).changed
    assert not clips.update("absent", lambda _: None).changed
    assert store.get(buckets.media, keys.clip_record("same")).etag == before
    with pytest.raises(NoSuchObject):
        store.get(buckets.media, keys.clip_record("absent"))


def test_a_record_is_read_again_only_where_it_was_written_since(clips: RecordStore[ClipRecord]) -> None:
    written = clips.update("watched", lambda record: record or upload("e1"))
    assert clips.get_if_changed("watched", since=written.etag) is None
    changed = clips.update("watched", lambda record: record and record.evolve(attempts=2))
    assert clips.get_if_changed("watched", since=written.etag) == (changed.record, changed.etag)
    assert clips.get_if_changed("watched", since=None) == (changed.record, changed.etag)
    assert clips.update("watched", lambda record: record).etag == changed.etag
    with pytest.raises(NoSuchObject):
        clips.get_if_changed("absent", since=written.etag)


def test_a_change_of_what_is_known_reads_it_only_where_it_was_written_since(
    clips: RecordStore[ClipRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    reading = clips._read
    monkeypatch.setattr(clips, "_read", lambda name: (read.append(name), reading(name))[1])

    def add_one(record: ClipRecord | None) -> ClipRecord | None:
        return record and record.evolve(attempts=record.attempts + 1)

    known = clips.update("known", lambda record: record or upload("e1").evolve(name="known", attempts=1))
    read.clear()
    known = clips.update("known", add_one, known=known)
    assert (known.changed, read) == (True, [])
    clips.update("known", add_one)
    read.clear()
    changed = clips.update("known", add_one, known=known)
    assert read == ["known"]
    assert changed.record is not None
    assert changed.record.attempts == 4


class LostAnswer(ObjectStore):
    """A real store, reached over a line that loses the answer of the first write after it was done."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store._client)
        self.has_lost = False

    def put(self, *arguments: Any, **options: Any) -> str:
        etag = super().put(*arguments, **options)
        if not self.has_lost:
            self.has_lost = True
            raise PreconditionFailed("the client sent it again, and met its own first write")
        return etag


@pytest.mark.parametrize("is_known", [False, True])
def test_a_write_whose_answer_was_lost_counts_once(store: ObjectStore, buckets: Buckets, is_known: bool) -> None:
    clips = RecordStore(LostAnswer(store), buckets.media, ClipRecord, keys.clip_record)
    calls: list[Callable[..., Any]] = []

    def create(record: ClipRecord | None) -> ClipRecord:
        calls.append(create)
        return (record or upload("e1")).evolve(attempts=(record.attempts if record else 0) + 1, updated_at=utc_now())

    known = Committed[ClipRecord](record=None, etag=None, changed=False) if is_known else None
    committed = clips.update(f"lost-{is_known}", create, known=known)
    assert committed.changed
    assert committed.record is not None
    assert committed.record.attempts == 1
    assert len(calls) == 1
