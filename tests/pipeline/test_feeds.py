"""The static feeds on a real store and broker: every change is told, whatever is lost on the way."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import redis

from config import queues
from tasks.adapters.changes import CHANGED, REBUILD
from tasks.adapters.object_store import NoSuchObject, PreconditionFailed
from tasks.pipeline import derived, feed_writing, summaries
from tasks.pipeline import feeds as step
from tasks.pipeline.services import Services
from tasks.records import feeds, keys
from tasks.records.clip_record import ClipRecord
from tasks.records.feeds import Days
from tests.gateway import samples


@pytest.fixture(autouse=True)
def _clean(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty media bucket with feeds of nothing; the worker does not wait for more."""
    monkeypatch.setattr(step, "_GATHER_S", 0)
    bucket = services.settings.media_bucket
    for info in list(services.store.list(bucket, "")):
        services.store.delete(bucket, info.key)
    step.publish(services, REBUILD)


def commit(services: Services, name: str, **changes: Any) -> None:
    """Write a clip's record as the pipeline does."""
    mark = keys.clip_name_mark(name)
    services.store.put(services.settings.media_bucket, mark, b"", content_type="text/plain")
    services.clips.update(name, lambda record: (record or samples.clip(name)).evolve(**changes))


def commit_article(services: Services, article_id: str, **changes: Any) -> None:
    services.articles.update(article_id, lambda record: (record or samples.article(article_id)).evolve(**changes))


def latest(services: Services) -> feeds.Changes:
    body = services.store.get(services.settings.media_bucket, keys.LATEST_CHANGES).body
    return feeds.Changes.model_validate_json(body)


def day(services: Services, of: date) -> feeds.Day:
    return feeds.Day.model_validate_json(services.store.get(services.settings.media_bucket, keys.day_file(of)).body)


def told(services: Services) -> list[tuple[str, str]]:
    return [(each.name, each.state) for each in latest(services).changes]


def marks(services: Services) -> list[str]:
    return [info.key for info in services.store.list(services.settings.media_bucket, keys.CHANGED)]


TODAY = samples.NOW.date()


def test_a_change_is_told_in_the_feed_and_in_its_days_list(services: Services) -> None:
    commit(services, "c1")
    commit_article(services, "a1")
    step.publish(services, CHANGED)
    commit(services, "c1", state="ready", hls="v/hls/master.m3u8")
    step.publish(services, CHANGED)
    assert sorted(told(services)[:2]) == [("a1", "complete"), ("c1", "received")]
    assert told(services)[2:] == [("c1", "ready")]
    numbers = [each.sequence for each in latest(services).changes]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    listed = day(services, TODAY)
    assert [(each.name, each.state) for each in listed.clips] == [("c1", "ready")]
    assert [each.record for each in listed.articles] == ["../articles/a1/article.json"]
    index = services.store.get(services.settings.media_bucket, keys.DAYS_INDEX).body
    assert feeds.Days.model_validate_json(index).days == (
        feeds.DayCount(day=TODAY, url=f"{TODAY}.json", articles=1, clips=1),
    )
    assert marks(services) == []


def test_a_workers_progress_is_not_told(services: Services, redis_url: str) -> None:
    commit(services, "c1", state="processing")
    step.publish(services, CHANGED)
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        for part in (0.2, 0.4):
            commit(services, "c1", progress=part, speed=2.0, updated_at=samples.NOW + timedelta(seconds=part))
        assert client.llen(queues.FEEDS) == 0
    assert marks(services) == []
    assert told(services) == [("c1", "processing")]


def test_many_changes_ring_once_and_are_told_together(services: Services, redis_url: str) -> None:
    for number in range(7):
        commit(services, f"c{number}")
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(queues.FEEDS) == 1
    before = services.store.head(services.settings.media_bucket, keys.LATEST_CHANGES).etag
    step.publish(services, CHANGED)
    assert services.store.head(services.settings.media_bucket, keys.LATEST_CHANGES).etag != before
    assert len(told(services)) == 7


def test_a_change_survives_a_wiped_redis_and_a_writer_that_died(
    services: Services, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(services, "c1")
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    step.publish(services, CHANGED)
    assert told(services) == []
    step.check(services)
    step.publish(services, CHANGED)
    assert told(services) == [], "a mark of this moment may be of a writer that is about to write"
    monkeypatch.setattr(step, "_HANDED_OVER_WITHIN", timedelta(seconds=-60))
    step.check(services)
    step.publish(services, CHANGED)
    assert told(services) == [("c1", "received")]
    assert marks(services) == []


def test_a_feeds_worker_that_dies_half_way_tells_twice_rather_than_never(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(services, "c1")

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(feed_writing, "_write_days", die)
        with pytest.raises(KeyboardInterrupt):
            step.publish(services, CHANGED)
    monkeypatch.setattr(step, "_HANDED_OVER_WITHIN", timedelta(seconds=-60))
    step.check(services)
    step.publish(services, CHANGED)
    assert set(told(services)) == {("c1", "received")}
    assert [each.name for each in day(services, TODAY).clips] == ["c1"]


def test_a_clip_moves_to_the_day_on_which_it_airs(services: Services) -> None:
    commit(services, "c1")
    commit(services, "c2")
    step.publish(services, CHANGED)
    commit(services, "c1", air_date="2020-12-03")
    step.publish(services, CHANGED)
    assert [each.name for each in day(services, TODAY).clips] == ["c2"]
    assert [each.name for each in day(services, date(2020, 12, 3)).clips] == ["c1"]


@pytest.mark.parametrize("lost", ["everything", "latest", "a day", "damaged day"])
def test_lost_feeds_are_made_again_from_the_records(services: Services, redis_url: str, lost: str) -> None:
    commit(services, "c1")
    commit_article(services, "a1")
    step.publish(services, CHANGED)
    before, known = day(services, TODAY), latest(services).changes[-1].sequence
    bucket = services.settings.media_bucket
    for info in list(services.store.list(bucket, "")):
        is_lost = {
            "everything": info.key.startswith((keys.DAYS, keys.CHANGES)),
            "latest": info.key == keys.LATEST_CHANGES,
            "a day": info.key == keys.day_file(TODAY),
        }.get(lost, False)
        if is_lost:
            services.store.delete(bucket, info.key)
    if lost == "damaged day":
        services.store.put(bucket, keys.day_file(TODAY), b"{", content_type="application/json")
        commit(services, "c2")
        step.publish(services, CHANGED)
        assert [each.name for each in day(services, TODAY).clips] == ["c1", "c2"]
        return
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        step.check(services)
        assert client.llen(queues.FEEDS) == 1
    step.publish(services, REBUILD)
    assert day(services, TODAY) == before
    if lost != "a day":
        # A reader that knows the lost feed sees all of it as new.
        assert [each.sequence > known for each in latest(services).changes] == [True, True]
    step.check(services)


def test_a_rebuild_takes_out_what_is_gone_and_says_so(services: Services) -> None:
    commit(services, "c1")
    commit(services, "c2")
    step.publish(services, CHANGED)
    bucket = services.settings.media_bucket
    services.store.delete(bucket, keys.clip_record("c1"))
    step.publish(services, REBUILD)
    assert [each.name for each in day(services, TODAY).clips] == ["c2"]
    assert told(services)[-1] == ("c1", "withdrawn")


def test_old_changes_stand_in_pages_that_never_change(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "PAGE_CHANGES", 2)
    for number in range(7):
        commit(services, f"c{number}")
        step.publish(services, CHANGED)
    page, names = latest(services), []
    while True:
        names[:0] = [each.name for each in page.changes]
        if page.previous is None:
            break
        key = keys.CHANGES + page.previous
        stored = services.store.stream(services.settings.media_bucket, key)
        stored.close()
        assert stored.cache_control == keys.CACHE_IMMUTABLE
        page = feeds.Changes.model_validate_json(services.store.get(services.settings.media_bucket, key).body)
    assert names == [f"c{number}" for number in range(7)]


def test_of_old_pages_only_so_many_are_kept(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "PAGE_CHANGES", 1)
    monkeypatch.setattr(feed_writing, "_KEPT_PAGES", 2)
    for number in range(6):
        commit(services, f"c{number}")
        step.publish(services, CHANGED)
    found = [info.key for info in services.store.list(services.settings.media_bucket, keys.CHANGES)]
    assert len(found) == 3  # the latest, and two pages
    with pytest.raises(NoSuchObject):
        services.store.get(services.settings.media_bucket, keys.change_page(latest(services).changes[0].sequence - 3))


def test_a_writer_of_the_same_list_makes_the_other_start_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(services, "c1")
    step.publish(services, CHANGED)
    commit(services, "c2")
    read, calls = summaries.summary_of, []

    def and_meanwhile(services: Services, name: summaries.Name) -> feeds.Summary | None:
        found = read(services, name)
        calls.append(name)
        if len(calls) == 1:
            # Another worker tells of a newer record after this one has read the old one.
            services.clips.update("c2", lambda record: record and record.evolve(state="ready"))
            feed_writing.write(services, (("clip", "c2"),), set())
        return found

    monkeypatch.setattr(summaries, "summary_of", and_meanwhile)
    step.publish(services, CHANGED)
    assert [(each.name, each.state) for each in day(services, TODAY).clips] == [("c1", "received"), ("c2", "ready")]
    assert told(services)[-1] == ("c2", "ready")


def test_the_index_counts_a_day_whose_list_was_written_when_the_race_for_the_index_was_lost(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(services, "c1")
    replace, lost = derived.replace, []

    def lose_once(services: Services, key: str, *arguments: Any, **options: Any) -> None:
        if key == keys.DAYS_INDEX and not lost:
            lost.append(key)
            raise PreconditionFailed("another worker wrote the index")
        replace(services, key, *arguments, **options)

    monkeypatch.setattr(derived, "replace", lose_once)
    step.publish(services, CHANGED)
    index, _ = derived.read(services, keys.DAYS_INDEX, Days)
    assert index is not None
    assert [(each.day, each.clips) for each in index.days] == [(TODAY, 1)]


def test_the_revision_tells_what_a_reader_sees() -> None:
    record = samples.ready_clip("c1")
    assert not feeds.differs(record, record.evolve(progress=0.5, attempts=2, updated_at=samples.NOW))
    assert feeds.differs(record, record.evolve(links=({"article": "a1", "paragraph": "p1"},)))
    next_ = record.version_facts().evolve(state="processing")
    assert feeds.differs(record, record.evolve(next=next_))
    assert not feeds.differs(record.evolve(next=next_), record.evolve(next=next_.evolve(progress=0.7)))
    assert isinstance(record, ClipRecord)
