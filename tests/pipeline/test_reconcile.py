"""Reconcile: what it finds by merging listings, what it collects, and that a dry run does nothing."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from config import queues
from tasks import reconcile as reconcile_task
from tasks.adapters.clock import utc_now
from tasks.adapters.external_sort import in_order, missing, unmatched
from tasks.adapters.object_store import ObjectInfo
from tasks.errors import TemporarilyUnavailable
from tasks.pipeline import collect, finish
from tasks.pipeline.ingest import ingest
from tasks.pipeline.link import link
from tasks.pipeline.reconcile import marks, reconcile, unfinished
from tasks.pipeline.services import Services
from tasks.records import arrival, keys
from tasks.records.article_record import ArticleState
from tasks.records.clip_facts import Mp4, Poster, Rendition, SourceFacts, Storyboard
from tasks.records.clip_record import ClipRecord, ClipState

Put = Callable[[str, Path | bytes], str]
NOON = datetime(2020, 12, 3, 12, tzinfo=UTC)
STORY = "Đắp đê\nThứ 5, 03.12.2020 | 18:00:30\n\nMột đoạn văn.\n"


def info(key: str, etag: str = "e") -> ObjectInfo:
    return ObjectInfo(key=key, etag=etag, size_bytes=10, modified_at=NOON)


def upload(number: int) -> ObjectInfo:
    return info(f"clips/120320_CLIP{number}.mp4", f"e{number}")


def mark(of: ObjectInfo) -> ObjectInfo:
    return info(keys.settled_mark(of.key, arrival.upload_id(of.etag, of.size_bytes)))


def shuffled(count: int, make: Callable[[int], ObjectInfo]) -> Iterator[ObjectInfo]:
    """As many objects as that in no order to rely on, made when they are asked for."""
    return (make(number * 7919 % count) for number in range(count))


def test_of_many_uploads_those_without_a_mark_are_found_with_flat_memory(tmp_path: Path) -> None:
    count, lost = 6_000, {11, 4_242, 5_999}
    settled = (mark(upload(number)) for number in random.Random(1).sample(range(count), count) if number not in lost)
    tracemalloc.start()
    with (
        in_order(unfinished(shuffled(count, upload)), folder=tmp_path, run_lines=600) as uploads,
        in_order(marks(settled), folder=tmp_path, run_lines=600) as done,
    ):
        found = {line.partition("\t")[2] for side, line in unmatched(uploads, done) if side == 0}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == {f'"clips/120320_CLIP{number}.mp4"' for number in lost}
    # All lines together take 2 MB; of each listing one run and a buffer for each file are held.
    assert peak < 1_200_000
    assert list(tmp_path.iterdir()) == []


def test_keys_with_line_breaks_and_tabs_are_merged_as_any_other(tmp_path: Path) -> None:
    odd = [info("clips/a\nb.mp4"), info("clips/a\tb.mp4"), info("clips/a\u2028b.mp4")]
    for done in (odd, odd[:1], []):
        with (
            in_order(unfinished(odd), folder=tmp_path, run_lines=1) as uploads,
            in_order(marks(map(mark, done)), folder=tmp_path, run_lines=1) as settled,
        ):
            assert [side for side, _ in unmatched(uploads, settled)] == [0] * (len(odd) - len(done))


def test_both_sides_of_a_comparison_are_told_what_the_other_lacks() -> None:
    left, right = ["a\t1", "b\t1", "d\t1"], ["b\t2", "c\t2", "c\t3"]
    assert list(unmatched(left, right)) == [(0, "a\t1"), (1, "c\t2"), (1, "c\t3"), (0, "d\t1")]
    assert list(missing(left, right)) == ["a\t1", "d\t1"]


def test_marks_of_uploads_that_are_gone_are_forgotten_after_the_grace_and_others_kept(
    services: Services, put: Put
) -> None:
    kept, gone = "clips/kept.mp4", "clips/gone.mp4"
    for key in (kept, gone):
        finish.mark_settled(services, key=key, etag=put(key, b"x"), size_bytes=1)
    services.store.delete(services.settings.incoming_bucket, gone)

    def marked(key: str) -> bool:
        return bool(list(services.store.list(services.settings.media_bucket, keys.settled_prefix(key))))

    reconcile(services, collects=True)
    assert marked(gone), "younger than the grace"
    told: list[str] = []
    reconcile(with_grace(services, 0), tell=told.append, is_dry=True, collects=True)
    assert any("uploads that are gone" in each for each in told)
    reconcile(with_grace(services, 0), collects=False)
    assert marked(gone), "not asked to collect, or a dry run"
    reconcile(with_grace(services, 0), collects=True)
    assert (marked(kept), marked(gone)) == (True, False)
    services.store.delete(services.settings.incoming_bucket, kept)


def test_an_article_whose_upload_is_deleted_unseen_is_withdrawn_and_then_left_alone(
    services: Services, put: Put
) -> None:
    put("articles/unseen.txt", STORY.encode())
    ingest(services, "articles/unseen.txt")
    link(services, "unseen")
    services.doorbell.answered(queues.LINK_TASK, "unseen")
    services.store.delete(services.settings.incoming_bucket, "articles/unseen.txt")
    told: list[str] = []
    reconcile(services, tell=told.append)
    assert "queue the article unseen, whose upload is gone" in told
    link(services, "unseen")
    record = services.articles.get("unseen")
    assert record is not None
    assert record.state is ArticleState.WITHDRAWN
    told.clear()
    reconcile(services, tell=told.append, is_dry=True)
    assert not any("unseen" in each for each in told)


def publish(services: Services, name: str, version: str = "v2") -> None:
    record = ClipRecord(
        name=name,
        state=ClipState.READY,
        version=version,
        hls=f"{version}/hls/master.m3u8",
        source=SourceFacts(key=f"clips/{name}.mp4", etag="e", size_bytes=1),
        updated_at=utc_now(),
    )
    services.clips.update(name, lambda _: record)
    mark = keys.leftovers_mark(name)
    services.store.put(services.settings.media_bucket, mark, b"", content_type="application/octet-stream")


def have(services: Services, *paths: str) -> None:
    for path in paths:
        services.store.put(services.settings.media_bucket, f"clips/{path}", b"x", content_type="video/mp4")


def files(services: Services, name: str) -> list[str]:
    listed = services.store.list(services.settings.media_bucket, f"clips/{name}/")
    return sorted(each.key.removeprefix(f"clips/{name}/") for each in listed)


def with_grace(services: Services, seconds: float) -> Services:
    return replace(services, settings=services.settings.model_copy(update={"version_grace_s": seconds}))


def test_versions_that_no_record_names_go_after_their_grace_and_no_others(services: Services) -> None:
    publish(services, "old")
    have(services, "old/v1/hls/1.m4s", "old/v1/2/hls/1.m4s", "old/v2/hls/1.m4s", "old/v2/3/hls/1.m4s")
    told: list[str] = []
    reconcile(services, collects=True)
    assert "v1/hls/1.m4s" in files(services, "old"), "younger than the grace"
    at_once = with_grace(services, 0)
    assert reconcile(at_once, tell=told.append, is_dry=True, collects=True) >= 2
    assert "delete 2 files of clips/old/v1, which no record names" in told
    assert len(files(services, "old")) == 5, "a dry run deletes nothing"
    reconcile(at_once, collects=True)
    assert files(services, "old") == ["clip.json", "v2/hls/1.m4s"]
    have(services, "old/v0/hls/1.m4s")
    reconcile(at_once, collects=True)
    assert "v0/hls/1.m4s" in files(services, "old"), "nothing happened to the clip, so nobody looked"
    reconcile(at_once, collects=True, is_thorough=True)
    assert files(services, "old") == ["clip.json", "v2/hls/1.m4s"]


def test_the_parts_of_a_version_that_later_tries_replaced_are_left_behind_its_pictures_are_not() -> None:
    record = ClipRecord(
        name="a",
        state=ClipState.READY,
        version="v",
        hls="v/2/hls/master.m3u8",
        mp4=(Mp4(url="v/2/mp4/video.mp4", width=2, height=2, bitrate_bps=1, size_bytes=1, codecs="avc1"),),
        poster=Poster(url="v/poster.jpg", width=2, height=2, time_s=0),
        storyboard=Storyboard(vtt="v/storyboard/storyboard.vtt", images=("v/storyboard/sheet-1.jpg",), interval_s=1),
        source=SourceFacts(key="clips/a.mp4", etag="e", size_bytes=1),
        updated_at=NOON,
    )
    paths = ["v/hls/1.m4s", "v/2/hls/1.m4s", "v/3/hls/1.m4s", "v/poster.jpg", "v/storyboard/sheet-1.jpg", "clip.json"]
    listed = [info(f"clips/a/{path}") for path in paths]
    found = {folder: [each.key for each in objects] for folder, objects in collect.unnamed(record, listed).items()}
    assert found == {"v": ["clips/a/v/hls/1.m4s"], "v/3": ["clips/a/v/3/hls/1.m4s"]}
    in_work = record.evolve(state=ClipState.PLAYABLE)
    assert collect.unnamed(in_work, listed) == {}
    assert set(collect.unnamed(None, listed)) == {"v"}


def test_what_was_played_only_until_the_ladder_was_done_is_left_behind() -> None:
    top = Rendition(name="360p", width=640, height=360, frame_rate=25, codecs="avc1.64001e", bitrate_bps=1)
    record = ClipRecord(
        name="a",
        state=ClipState.READY,
        version="v",
        hls="v/hls/main.m3u8",
        renditions=(top,),
        source=SourceFacts(key="clips/a.mp4", etag="e", size_bytes=1),
        updated_at=NOON,
    )
    kept = ["main.m3u8", "360p/1.m4s", "audio-whole/1.m4s", "audio-2/1.m4s", "captions/1.vtt"]
    passed = ["original/1.m4s", "original-audio/1.m4s", "240p/1.m4s", "audio/1.m4s"]
    listed = [info(f"clips/a/v/hls/{path}") for path in kept + passed]
    found = collect.unnamed(record, listed)
    assert set(found) == {f"v/hls/{path.partition('/')[0]}" for path in passed}
    copied = record.evolve(renditions=(top.evolve(name="original"),))
    assert "v/hls/original" not in collect.unnamed(copied, listed)
    assert collect.unnamed(record.evolve(state=ClipState.PLAYABLE), listed) == {}


def test_an_upload_in_parts_that_nobody_goes_on_with_is_given_up_after_a_day(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, bucket = services.store, services.settings.incoming_bucket
    store._client.create_multipart_upload(Bucket=bucket, Key="clips/half.mp4")
    reconcile(services, collects=True)
    assert [each.key for each in store.unfinished_uploads(bucket)] == ["clips/half.mp4"]
    monkeypatch.setattr(collect, "_UNFINISHED_FOR", timedelta(0))
    reconcile(services, collects=True)
    assert list(store.unfinished_uploads(bucket)) == []


def test_marks_of_uploads_that_are_gone_are_forgotten(services: Services, put: Put) -> None:
    put("clips/passing.xyz", b"no clip")
    with pytest.raises(Exception, match="not accepted as clips"):
        ingest(services, "clips/passing.xyz")
    prefix = keys.settled_prefix("clips/passing.xyz")
    bucket = services.settings.media_bucket
    reconcile(with_grace(services, 0), collects=True)
    assert list(services.store.list(bucket, prefix)), "its upload is there"
    services.store.delete(services.settings.incoming_bucket, "clips/passing.xyz")
    reconcile(services, collects=True)
    assert list(services.store.list(bucket, prefix)), "younger than the grace"
    reconcile(with_grace(services, 0), collects=True)
    assert not list(services.store.list(bucket, prefix))


def test_media_are_sought_once_in_their_interval(services: Services) -> None:
    at_once = with_grace(services, 0)
    reconcile(at_once)
    publish(services, "spaced")
    have(services, "spaced/v1/hls/1.m4s")
    reconcile(at_once)
    assert "v1/hls/1.m4s" in files(services, "spaced")
    services.doorbell._client.flushdb()
    reconcile(at_once)
    assert files(services, "spaced") == ["clip.json"]


def test_a_search_that_failed_is_due_again(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    services.doorbell._client.flushdb()
    at_once = with_grace(services, 0)
    publish(services, "owed")
    have(services, "owed/v1/hls/1.m4s")

    def away(*_: object, **__: object) -> int:
        raise TemporarilyUnavailable("store_unavailable", "The object store did not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(collect, "leftovers", away)
        with pytest.raises(TemporarilyUnavailable):
            reconcile(at_once)
    reconcile(at_once)
    assert files(services, "owed") == ["clip.json"]


def test_messages_that_piled_up_are_one_round(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    services.doorbell._client.flushdb()
    rounds: list[Services] = []
    monkeypatch.setattr(reconcile_task.step, "reconcile", rounds.append)
    for _ in range(3):
        reconcile_task.reconcile.run.__func__(SimpleNamespace(services=services))
    assert rounds == [services]


def test_a_dry_run_rings_for_nothing(services: Services, put: Put) -> None:
    put("clips/dry.mp4", b"bytes")
    told: list[str] = []
    assert reconcile(services, tell=told.append, is_dry=True) >= 1
    assert "queue clips/dry.mp4, which is not finished" in told
    assert not services.doorbell.is_waiting(queues.INGEST_TASK, "clips/dry.mp4")
    assert reconcile(services) >= 1
    assert services.doorbell.is_waiting(queues.INGEST_TASK, "clips/dry.mp4")
