"""Operators' orders, against a real store, broker and ffmpeg."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from config import queues
from tasks.adapters.clock import utc_now
from tasks.errors import NewsreelError
from tasks.pipeline import orders
from tasks.pipeline.ingest import ingest
from tasks.pipeline.link import link
from tasks.pipeline.order_steps import OrderRefused
from tasks.pipeline.reconcile import reconcile
from tasks.pipeline.services import Services
from tasks.pipeline.transcode import transcode
from tasks.records import keys, lifecycle, picture_steps
from tasks.records.article_record import ReferenceState
from tasks.records.base import Failure
from tasks.records.clip_facts import ArticleLink, Poster
from tasks.records.clip_record import ClipRecord, ClipState
from tests import clips

Put = Callable[[str, Path | bytes], str]
BYTES = b"not looked at in these tests"


def clip_of(services: Services, name: str) -> ClipRecord:
    record = services.clips.get(name)
    assert record is not None
    return record


def arrive(services: Services, put: Put, name: str, content: bytes = BYTES) -> ClipRecord:
    put(f"clips/{name}.mp4", content)
    ingest(services, f"clips/{name}.mp4")
    return clip_of(services, name)


def take(services: Services, name: str, owner: str = "w1") -> None:
    services.clips.update(
        name, lambda record: record and lifecycle.take(record, owner=owner, now=utc_now(), lease_s=60, max_attempts=3)
    )


def publish(services: Services, put: Put, name: str, content: bytes = BYTES) -> ClipRecord:
    """A clip as its worker publishes it, with a few files."""
    version = arrive(services, put, name, content).work.version
    take(services, name)
    for path in ("hls/master.m3u8", "hls/720p/1.m4s", "poster.jpg"):
        store_file(services, name, f"{version}/{path}")
    poster = Poster(url=f"{version}/poster.jpg", width=2, height=2, time_s=0)
    made = {"hls": f"{version}/hls/master.m3u8", "poster": poster}
    services.clips.update(
        name, lambda record: lifecycle.publish(record, owner="w1", now=utc_now(), made=made, warnings=[])
    )
    return clip_of(services, name)


def fail(services: Services, put: Put, name: str) -> ClipRecord:
    arrive(services, put, name)
    take(services, name)
    failure = Failure(code="encoder_killed", message="The encoder was ended.")
    services.clips.update(name, lambda record: lifecycle.fail(record, owner="w1", now=utc_now(), failure=failure))
    return clip_of(services, name)


def store_file(services: Services, name: str, path: str) -> None:
    key = f"clips/{name}/{path}"
    services.store.put(services.settings.media_bucket, key, b"x", content_type="application/octet-stream")


def files(services: Services, name: str) -> list[str]:
    listed = services.store.list(services.settings.media_bucket, f"clips/{name}/")
    return sorted(each.key.removeprefix(f"clips/{name}/") for each in listed)


def rings_for(services: Services, queue: str, name: str) -> int:
    with redis.Redis.from_url(services.settings.broker_url) as client:
        return sum(f"'{name}'" in message.decode() for message in client.lrange(queue, 0, -1))


def is_marked(services: Services, key: str) -> bool:
    return bool(list(services.store.list(services.settings.media_bucket, keys.settled_prefix(key))))


def test_a_failed_clip_starts_anew_at_once_under_a_name_of_its_own(services: Services, put: Put) -> None:
    failed = fail(services, put, "again1")
    ingest(services, "clips/again1.mp4")
    assert is_marked(services, "clips/again1.mp4")
    outcome = orders.retry(services, "again1")
    work = clip_of(services, "again1").work
    assert outcome.changed
    assert (work.state, work.attempts, work.failure) == (ClipState.RECEIVED, 0, None)
    assert work.version != failed.version, "its last worker may still be writing"
    assert not is_marked(services, "clips/again1.mp4"), "if the bell is lost, reconcile must ring"
    assert rings_for(services, queues.INGEST, "clips/again1.mp4") == 1
    assert not orders.retry(services, "again1").changed
    take(services, "again1")
    assert clip_of(services, "again1").work.attempts == 1


def test_a_clip_is_not_retried_without_its_upload(services: Services, put: Put) -> None:
    fail(services, put, "again2")
    services.store.delete(services.settings.incoming_bucket, "clips/again2.mp4")
    with pytest.raises(OrderRefused, match="Upload the file again") as refused:
        orders.retry(services, "again2")
    assert refused.value.code == "upload_removed"


def test_a_ready_clip_is_not_retried_and_an_unknown_one_is_refused(services: Services, put: Put) -> None:
    before = publish(services, put, "again3")
    assert not orders.retry(services, "again3").changed
    assert clip_of(services, "again3") == before
    with pytest.raises(OrderRefused) as refused:
        orders.retry(services, "never-heard-of")
    assert refused.value.code == "not_found"


def test_a_postponed_clip_is_to_be_had_at_once(services: Services, put: Put) -> None:
    arrive(services, put, "again4")
    take(services, "again4")
    failure = Failure(code="store_unavailable", message="The store is away.")
    services.clips.update(
        "again4",
        lambda record: lifecycle.postpone(
            record, owner="w1", now=utc_now(), failure=failure, delay_s=600, max_attempts=3, is_strike=False
        ),
    )
    assert clip_of(services, "again4").work.retry_at is not None
    assert orders.retry(services, "again4").changed
    take(services, "again4", "w2")
    lease = clip_of(services, "again4").work.lease
    assert lease is not None
    assert lease.owner == "w2"


def test_a_cancelled_clip_ends_its_encode_within_two_seconds_and_stays_ended(
    services: Services, put: Put, tmp_path: Path
) -> None:
    # So large that the encode takes far longer than the test may.
    put("clips/long.mp4", clips.progressive(tmp_path / "l.mp4", seconds=40, size="1280x720", sound=False))
    ingest(services, "clips/long.mp4")

    def work() -> None:
        with contextlib.suppress(NewsreelError):
            transcode(services, "long")

    worker = threading.Thread(target=work)
    worker.start()
    deadline = time.monotonic() + 60
    while not clip_of(services, "long").work.progress:
        assert worker.is_alive(), "it ended before it could be cancelled"
        assert time.monotonic() < deadline, "the encode did not begin"
        time.sleep(0.1)
    assert orders.cancel(services, "long").changed
    began = time.monotonic()
    worker.join(30)
    assert not worker.is_alive()
    assert time.monotonic() - began < 10, "two seconds are promised; a busy machine is given more"
    work_now = clip_of(services, "long").work
    assert work_now.failure is not None
    assert (work_now.state, work_now.failure.code, work_now.lease) == (ClipState.FAILED, "cancelled", None)
    assert not orders.cancel(services, "long").changed
    services.doorbell.answered(queues.INGEST_TASK, "clips/long.mp4")
    assert rings_for(services, queues.INGEST, "clips/long.mp4") == 0
    reconcile(services)
    assert rings_for(services, queues.INGEST, "clips/long.mp4") == 0, "reconcile lets it rest"
    ingest(services, "clips/long.mp4")
    assert clip_of(services, "long").work.state is ClipState.FAILED
    assert orders.retry(services, "long").changed


def test_cancelling_a_new_version_leaves_the_published_one(services: Services, put: Put) -> None:
    before = publish(services, put, "keep1")
    arrive(services, put, "keep1", b"new bytes")
    orders.cancel(services, "keep1")
    after = clip_of(services, "keep1")
    assert (after.state, after.version, after.hls) == (ClipState.READY, before.version, before.hls)
    assert after.next is not None
    assert after.next.state is ClipState.FAILED


def test_a_withdrawn_clip_names_nothing_and_nothing_of_it_is_left(services: Services, put: Put) -> None:
    record = publish(services, put, "gone1")
    arrive(services, put, "gone1", b"a second upload, in work")
    store_file(services, "gone1", "0ther/hls/1.m4s")
    link_to = ArticleLink(article="story", paragraph="p1")
    services.clips.update("gone1", lambda now: now and now.evolve(links=(link_to,)))
    outcome = orders.withdraw(services, "gone1", reason="Court order 12/2026.")
    after = clip_of(services, "gone1")
    assert outcome.changed
    assert after.state is ClipState.WITHDRAWN
    assert after.withdrawn is not None
    assert after.withdrawn.reason == "Court order 12/2026."
    public = after.to_json().decode()
    assert (after.hls, after.mp4, after.poster, after.next, after.links) == (None, (), None, None, ())
    assert f"{record.version}/" not in public
    assert files(services, "gone1") == ["clip.json"]
    assert rings_for(services, queues.LINK, "story") == 1
    assert not orders.withdraw(services, "gone1").changed


def test_an_article_no_longer_shows_a_withdrawn_clip(services: Services, put: Put) -> None:
    publish(services, put, "120320_OGONE2")
    put(
        "articles/take-down.txt",
        "Đắp đê\nThứ 5, 03.12.2020 | 18:00:30\n\nMột đoạn.\n\nVideo: 120320_OGONE2.mp4".encode(),
    )
    ingest(services, "articles/take-down.txt")
    link(services, "take-down")
    assert clip_of(services, "120320_OGONE2").links
    orders.withdraw(services, "120320_OGONE2")
    link(services, "take-down")
    article = services.articles.get("take-down")
    assert article is not None
    assert not any(paragraph.clips for paragraph in article.paragraphs)
    assert article.references[0].state is ReferenceState.WAITING
    assert "withdrawn" in article.references[0].message
    assert clip_of(services, "120320_OGONE2").links == ()


def test_a_worker_of_a_withdrawn_clip_can_publish_nothing_and_what_it_put_up_is_collected(
    services: Services, put: Put
) -> None:
    arrive(services, put, "gone3")
    take(services, "gone3")
    version = clip_of(services, "gone3").version
    orders.withdraw(services, "gone3")
    with pytest.raises(NewsreelError):
        services.clips.update(
            "gone3", lambda record: lifecycle.publish(record, owner="w1", now=utc_now(), made={}, warnings=[])
        )
    poster = Poster(url="p", width=2, height=2, time_s=0)
    services.clips.update(
        "gone3", lambda record: picture_steps.add_picture(record, version=version, now=utc_now(), poster=poster)
    )
    assert clip_of(services, "gone3").poster is None
    store_file(services, "gone3", f"{version}/hls/late.m4s")
    reconcile(services)
    assert files(services, "gone3") == ["clip.json"]


def test_what_is_uploaded_meanwhile_waits_for_the_restoration(services: Services, put: Put) -> None:
    first = publish(services, put, "back1")
    orders.withdraw(services, "back1")
    etag = put("clips/back1.mp4", b"a later cut")
    ingest(services, "clips/back1.mp4")
    blocked = clip_of(services, "back1")
    assert blocked.state is ClipState.WITHDRAWN
    assert blocked.withdrawn is not None
    assert blocked.withdrawn.arrived is not None
    assert blocked.withdrawn.arrived.etag == etag
    assert orders.restore(services, "back1").changed
    assert rings_for(services, queues.INGEST, "clips/back1.mp4") >= 1
    ingest(services, "clips/back1.mp4")
    work = clip_of(services, "back1").work
    assert (work.state, work.source.etag) == (ClipState.RECEIVED, etag)
    assert not work.version.startswith(first.version)
    assert clip_of(services, "back1").withdrawn is None
    assert not orders.restore(services, "back1").changed


def test_without_an_upload_nothing_is_restored(services: Services, put: Put) -> None:
    publish(services, put, "back2")
    orders.withdraw(services, "back2")
    services.store.delete(services.settings.incoming_bucket, "clips/back2.mp4")
    with pytest.raises(OrderRefused, match="Upload it, then restore it"):
        orders.restore(services, "back2")
    assert clip_of(services, "back2").state is ClipState.WITHDRAWN


def test_a_clip_is_reprocessed_by_another_ladder_beside_the_published_version(services: Services, put: Put) -> None:
    before = publish(services, put, "ladder1")
    assert orders.reprocess(services, "ladder1", ladder="archive").changed
    between = clip_of(services, "ladder1")
    assert (between.state, between.version) == (ClipState.READY, before.version)
    assert between.next is not None
    assert (between.next.ladder, between.next.state) == ("archive", ClipState.RECEIVED)
    assert between.next.version.partition("-")[0] != before.version
    assert not orders.reprocess(services, "ladder1", ladder="archive").changed
    ingest(services, "clips/ladder1.mp4")
    assert clip_of(services, "ladder1") == between, "an event of the same bytes does not undo the order"
    take(services, "ladder1")
    services.clips.update(
        "ladder1", lambda record: lifecycle.publish(record, owner="w1", now=utc_now(), made={}, warnings=[])
    )
    after = clip_of(services, "ladder1")
    assert (after.ladder, after.version, after.next) == ("archive", between.next.version, None)
    ingest(services, "clips/ladder1.mp4")
    assert clip_of(services, "ladder1") == after
    assert orders.reprocess(services, "ladder1").changed, "the usual ladder is another one now"


def test_a_clip_made_by_the_usual_ladder_already_is_left_alone(services: Services, put: Put) -> None:
    before = publish(services, put, "ladder2")
    assert not orders.reprocess(services, "ladder2").changed
    assert clip_of(services, "ladder2") == before


def test_an_unknown_ladder_is_refused_when_it_is_named(services: Services, put: Put) -> None:
    publish(services, put, "ladder3")
    for ladder in ("nope", "../../etc/passwd", "/tmp/mine.toml", ""):
        with pytest.raises(OrderRefused) as refused:
            orders.reprocess(services, "ladder3", ladder=ladder)
        assert refused.value.code == "unknown_ladder"


def test_a_clip_that_waits_changes_its_queue_and_leaves_the_old_one(services: Services, put: Put) -> None:
    arrive(services, put, "turn1")
    assert rings_for(services, queues.TRANSCODE, "turn1") == 1
    assert orders.prioritise(services, "turn1", "bulk").changed
    assert rings_for(services, queues.TRANSCODE, "turn1") == 0
    assert rings_for(services, queues.TRANSCODE_BULK, "turn1") == 1
    assert clip_of(services, "turn1").queue == queues.TRANSCODE_BULK
    assert not orders.prioritise(services, "turn1", "bulk").changed
    take(services, "turn1")
    outcome = orders.prioritise(services, "turn1", "urgent")
    assert (outcome.changed, outcome.message) == (False, "A worker has it already.")
