"""Records that were removed by hand: what an upload is there for is made again, and nothing of it is deleted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config import queues
from tasks.adapters.object_store import NoSuchObject
from tasks.pipeline import feeds, finish
from tasks.pipeline.ingest import ingest
from tasks.pipeline.reconcile import reconcile
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.clip_record import ClipState
from tests.pipeline.published import Put
from tests.pipeline.stored import empty, media, publish, rung, withdraw, write

GOOD, GONE = "120320_GOOD1", "120320_GONE1"


@pytest.fixture(autouse=True)
def _clean(services: Services) -> None:
    empty(services)
    feeds.rebuild(services)


@pytest.fixture
def at_once(services: Services) -> Services:
    """Services without a grace: what nobody names may be deleted at once."""
    return replace(services, settings=services.settings.model_copy(update={"version_grace_s": 0}))


def settle(services: Services, put: Put, name: str) -> str:
    """A clip whose upload is done with; the key of its mark."""
    key = f"clips/{name}.mp4"
    finish.mark_settled(services, key=key, etag=put(key, b"film"), size_bytes=4)
    (mark,) = services.store.list(services.settings.media_bucket, keys.settled_prefix(key))
    return mark.key


def is_there(services: Services, key: str) -> bool:
    try:
        services.store.head(services.settings.media_bucket, key)
    except NoSuchObject:
        return False
    return True


@pytest.mark.parametrize("is_thorough", [False, True])
def test_a_clip_whose_record_was_removed_is_made_again_and_keeps_its_media(
    services: Services, at_once: Services, put: Put, is_thorough: bool
) -> None:
    publish(services, GONE)
    publish(services, GOOD)
    marks = {name: settle(services, put, name) for name in (GONE, GOOD)}
    if not is_thorough:
        write(services, keys.leftovers_mark(GONE))
    services.store.delete(services.settings.media_bucket, keys.clip_record(GONE))
    before, told = media(services, GONE), list[str]()
    assert before
    reconcile(at_once, tell=told.append, is_dry=True, collects=True, is_thorough=is_thorough)
    assert told == [f"process {GONE} again from clips/{GONE}.mp4, since its record is gone"]
    assert all(is_there(services, mark) for mark in marks.values()), "a dry run does nothing"
    reconcile(at_once, collects=True, is_thorough=is_thorough)
    assert media(services, GONE) == before
    assert [is_there(services, marks[name]) for name in (GONE, GOOD)] == [False, True]
    assert rung(services, queues.INGEST_TASK, f"clips/{GONE}.mp4")
    ingest(services, f"clips/{GONE}.mp4")
    record = services.clips.get(GONE)
    assert record is not None
    assert record.state is ClipState.RECEIVED
    reconcile(at_once, collects=True, is_thorough=is_thorough)
    assert services.clips.get(GONE) == record, "it is on its way: nothing more is to be made again"


def test_a_clip_of_which_nothing_is_left_is_made_again(services: Services, at_once: Services, put: Put) -> None:
    write(services, keys.clip_name_mark(GONE))
    mark = settle(services, put, GONE)
    reconcile(at_once, collects=True, is_thorough=True)
    assert not is_there(services, mark)


def test_a_clip_that_was_withdrawn_is_not_made_again(services: Services, at_once: Services, put: Put) -> None:
    withdraw(services, GONE)
    mark = settle(services, put, GONE)
    services.store.delete(services.settings.media_bucket, keys.clip_record(GONE))
    told: list[str] = []
    # With a grace: the mark of its withdrawal stands until then.
    reconcile(services, tell=told.append, collects=True, is_thorough=True)
    assert is_there(services, mark)
    assert f"{GONE} was withdrawn and its record is gone: it is not processed again" in told


def test_media_without_record_and_upload_are_collected(services: Services, at_once: Services) -> None:
    publish(services, GONE)
    services.store.delete(services.settings.media_bucket, keys.clip_record(GONE))
    reconcile(at_once, collects=True, is_thorough=True)
    assert media(services, GONE) == []
