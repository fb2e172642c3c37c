"""Objects that can't be read: cut off, overwritten by hand, of a newer release.

One of them never stops work for others; what is derived is made again, and a clip's record waits for an operator.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from rich.console import Console

from config import queues
from tasks.adapters import outbox as outboxes
from tasks.adapters.clock import utc_now
from tasks.adapters.outbox import Outbox
from tasks.errors import RecordUnreadable
from tasks.pipeline import decisions, feeds
from tasks.pipeline.ingest import ingest
from tasks.pipeline.link import link
from tasks.pipeline.reconcile import reconcile
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.article_record import ArticleRecord, ArticleState, ReferenceState
from tasks.records.deliveries import Delivery
from tasks.records.feeds import Changes, Day
from tests.gateway.conftest import serving
from tests.gateway.samples import article
from tests.pipeline.published import Put
from tests.pipeline.stored import empty, media, publish, rung, withdraw, write
from workers.client import Client
from workers.commands import status
from workers.overview import find, gather

GARBAGE = (b"", b'{"schema": "newsreel/clip/2", "name": "120320_BAD1"}', b"\xff\x00 no json")
BAD, GOOD, GONE = "120320_BAD1", "120320_GOOD1", "120320_GONE1"
STORY = "Đắp đê\nThứ 5, 03.12.2020 | 18:00:30\n\nMột đoạn văn.\nVideo: {}.mp4\n\nĐoạn hai.\nVideo: {}.mp4\n"
DAY = datetime(2026, 3, 12, tzinfo=UTC).date()


@pytest.fixture(autouse=True)
def _clean(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty buckets with feeds of nothing."""
    monkeypatch.setattr(feeds, "_GATHER_S", 0)
    empty(services)
    feeds.rebuild(services)


@pytest.fixture
def at_once(services: Services) -> Services:
    """Services without a grace: what nobody names may be deleted at once."""
    return replace(services, settings=services.settings.model_copy(update={"version_grace_s": 0}))


def body_of(services: Services, key: str) -> bytes:
    return services.store.get(services.settings.media_bucket, key).body


def with_story(services: Services, put: Put, *names: str) -> None:
    put("articles/story.txt", STORY.format(*names).encode())
    ingest(services, "articles/story.txt")


def record_of(services: Services) -> ArticleRecord:
    found = services.articles.get("story")
    assert found is not None
    return found


def told_of(services: Services, name: str) -> list[str]:
    """The states that the feed of changes has told of the clip, or article."""
    latest = Changes.model_validate_json(body_of(services, keys.LATEST_CHANGES))
    return [each.state for each in latest.changes if each.name == name]


def listed(services: Services) -> list[str]:
    return [each.name for each in Day.model_validate_json(body_of(services, keys.day_file(DAY))).clips]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_other_withdrawals_and_all_of_a_round_are_completed_and_its_own_media_stay(
    services: Services, at_once: Services, garbage: bytes
) -> None:
    publish(services, BAD)
    write(services, keys.withdrawn_mark(BAD))
    write(services, keys.leftovers_mark(BAD))
    write(services, f"{keys.CLIPS}{BAD}/v0/hls/1.m4s")
    withdraw(services, GOOD)
    write(services, keys.clip_record(BAD), garbage)
    before = media(services, BAD)
    # What the last step of a round, `feeds.check`, rings for.
    services.store.delete(services.settings.media_bucket, keys.DAYS_INDEX)
    told: list[str] = []
    reconcile(at_once, tell=told.append, collects=True, is_thorough=True)
    assert media(services, GOOD) == ["clip.json"]
    assert media(services, BAD) == before, "no media of a clip are deleted since its record can't be read"
    assert any(keys.clip_record(BAD) in each and "reconcile --thorough" in each for each in told)
    assert rung(services, queues.FEEDS_TASK, "rebuild")
    listed_marks = services.store.list(services.settings.media_bucket, "index/")
    assert {keys.withdrawn_mark(BAD), keys.leftovers_mark(BAD)} <= {each.key for each in listed_marks}


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_clips_record_is_never_made_anew_in_the_place_of_one_that_cant_be_read(
    services: Services, put: Put, garbage: bytes
) -> None:
    write(services, keys.clip_record(BAD), garbage)
    put(f"clips/{BAD}.mp4", b"film")
    with pytest.raises(RecordUnreadable, match=r"clip\.json can't be read.*Remedy: put its last good version back"):
        ingest(services, f"clips/{BAD}.mp4")
    assert body_of(services, keys.clip_record(BAD)) == garbage


def test_the_error_passes_from_process_to_process() -> None:
    error = RecordUnreadable("clips/a/clip.json", "do this.", "line 1")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 # our own bytes
    assert (str(again), again.key, again.remedy, again.detail) == (str(error), error.key, "do this.", "line 1")


def test_the_feeds_tell_of_all_others_and_of_it_once_it_was_mended(services: Services) -> None:
    publish(services, BAD)
    feeds.publish(services, "changed")
    good = body_of(services, keys.clip_record(BAD))
    publish(services, BAD, version="fedcba9876543210")
    newer = body_of(services, keys.clip_record(BAD))
    assert newer != good
    write(services, keys.clip_record(BAD), b"")
    publish(services, GOOD)
    feeds.publish(services, "changed")
    assert told_of(services, GOOD) == ["ready"]
    assert told_of(services, BAD) == ["ready"], "it was neither changed nor withdrawn"
    assert listed(services) == [BAD, GOOD]
    marks = [each.key for each in services.store.list(services.settings.media_bucket, keys.CHANGED)]
    assert len(marks) == 1, "what was not told is still to be told"
    write(services, keys.clip_record(BAD), newer)
    services.changes.hand_over(marks)
    feeds.publish(services, "changed")
    assert told_of(services, BAD) == ["ready", "ready"]
    assert not list(services.store.list(services.settings.media_bucket, keys.CHANGED))


@pytest.mark.parametrize("garbage", GARBAGE)
def test_the_feeds_can_be_made_again(services: Services, garbage: bytes) -> None:
    for name in (BAD, GOOD):
        publish(services, name)
    services.articles.update("bad", lambda _: article("bad"))
    feeds.publish(services, "changed")
    write(services, keys.clip_record(BAD), garbage)
    write(services, keys.article_record("bad"), garbage)
    feeds.rebuild(services)
    assert listed(services) == [BAD, GOOD], "what is known of it stays"
    assert (told_of(services, BAD), told_of(services, "bad")) == (["ready"], ["complete"]), "it was not withdrawn"
    for key in (keys.LATEST_CHANGES, keys.DAYS_INDEX, keys.day_file(DAY)):
        rung(services, queues.FEEDS_TASK, "rebuild")
        write(services, key, garbage)
        feeds.check(services)
        assert rung(services, queues.FEEDS_TASK, "rebuild")
    feeds.rebuild(services)
    assert listed(services) == [GOOD], "nothing is known of it now"


def test_a_story_is_joined_with_its_other_clips(services: Services, put: Put) -> None:
    for name in (BAD, GOOD):
        publish(services, name)
    good = body_of(services, keys.clip_record(BAD))
    with_story(services, put, BAD, GOOD)
    link(services, "story")
    assert record_of(services).state is ArticleState.COMPLETE
    write(services, keys.clip_record(BAD), b"")
    link(services, "story")
    states = {each.name: each.state for each in record_of(services).references}
    assert states == {BAD: ReferenceState.WAITING, GOOD: ReferenceState.LINKED}
    assert body_of(services, keys.clip_record(BAD)) == b""
    write(services, keys.clip_record(BAD), good)
    link(services, "story")
    assert record_of(services).state is ArticleState.COMPLETE


@pytest.mark.parametrize(("garbage", "is_waiting"), [*((each, False) for each in GARBAGE), (b"", True)])
def test_an_articles_record_is_made_again(services: Services, put: Put, garbage: bytes, is_waiting: bool) -> None:
    for name in (BAD,) if is_waiting else (BAD, GOOD):
        publish(services, name)
    with_story(services, put, BAD, GOOD)
    link(services, "story")
    # The links that it gives its clips change their records once more; after this nothing changes.
    link(services, "story")
    before = record_of(services)
    rung(services, queues.LINK_TASK, "story")
    write(services, keys.article_record("story"), garbage)
    reconcile(services, collects=True, is_thorough=True)
    assert rung(services, queues.LINK_TASK, "story")
    link(services, "story")
    assert record_of(services).evolve(updated_at=before.updated_at) == before


def test_an_unreadable_article_whose_upload_is_gone_is_withdrawn(services: Services, put: Put) -> None:
    with_story(services, put, BAD, GOOD)
    link(services, "story")
    services.store.delete(services.settings.incoming_bucket, "articles/story.txt")
    write(services, keys.article_record("story"), b"Mot doan van")
    link(services, "story")
    assert record_of(services).state is ArticleState.WITHDRAWN


@pytest.mark.parametrize("garbage", [b"", b"{}", b"[]", b"[" * 5000, b'{"key": 1}', b"\xff"])
def test_marks_of_an_article_heal(services: Services, put: Put, garbage: bytes) -> None:
    publish(services, GOOD)
    with_story(services, put, GOOD, GOOD)
    rung(services, queues.LINK_TASK, "story")
    for mark in (keys.article_source("story"), keys.waiting_mark("story"), keys.decisions("story")):
        write(services, mark, garbage)
    rung(services, queues.INGEST_TASK, "articles/story.txt")
    link(services, "story")
    assert rung(services, queues.INGEST_TASK, "articles/story.txt"), "the uploads tell what the mark does not"
    ingest(services, "articles/story.txt")
    link(services, "story")
    assert record_of(services).state is ArticleState.COMPLETE
    assert json.loads(body_of(services, keys.article_source("story"))) == {"key": "articles/story.txt"}
    write(services, keys.article_source("story"), garbage)
    services.store.delete(services.settings.incoming_bucket, "articles/story.txt")
    rung(services, queues.LINK_TASK, "story")
    ingest(services, "articles/story.txt")
    assert rung(services, queues.LINK_TASK, "story")
    link(services, "story")
    assert record_of(services).state is ArticleState.WITHDRAWN


def test_decisions_that_cant_be_read_are_those_that_the_story_shows(services: Services, put: Put) -> None:
    publish(services, GOOD)
    with_story(services, put, "120320_GOODE1", "120320_OTHER1")
    link(services, "story")
    assert decisions.decide(services, "story", "120320_GOODE1", GOOD)
    link(services, "story")
    write(services, keys.decisions("story"), b"")
    assert decisions.read(services, "story") == {keys.fold("120320_GOODE1"): GOOD}
    assert decisions.decide(services, "story", "120320_OTHER1", GOOD), "written over what could not be read"
    stored = json.loads(body_of(services, keys.decisions("story")))
    assert stored == {keys.fold(name): GOOD for name in ("120320_GOODE1", "120320_OTHER1")}


def delivery(number: int) -> Delivery:
    return Delivery(id=f"evt_{number}", endpoint="portal", type="clip.ready", body="{}", created_at=utc_now())


def test_other_deliveries_are_made(services: Services) -> None:
    made = Outbox(services.store, services.settings.media_bucket, ())
    for number in (1, 2):
        made.add(delivery(number))
    write(services, keys.webhook_pending("portal", "evt_1"))
    write(services, keys.webhook_done("portal", "evt_0"), b"{")
    for _ in range(2):
        assert [each.delivery.id for each in made.pending("portal")] == ["evt_2"]
    assert list(made.done("portal")) == []
    assert made.find("portal", "evt_1") is None

    def left() -> list[str]:
        return [
            each.key for each in services.store.list(services.settings.media_bucket, keys.webhook_pending("portal"))
        ]

    configured = Outbox(services.store, services.settings.media_bucket, ())
    configured.endpoints = (type("Configured", (), {"name": "portal"})(),)
    configured.pending("portal")
    configured.collect(utc_now() + outboxes.KEPT_FOR - timedelta(minutes=1))
    assert len(left()) == 2
    configured.collect(utc_now() + outboxes.KEPT_FOR + timedelta(minutes=1))
    assert left() == [keys.webhook_pending("portal", "evt_2")], "the bad one is gone, no other"


def test_status_shows_all_others_and_names_key_and_remedy(services: Services, put: Put) -> None:
    publish(services, GOOD)
    write(services, keys.clip_name_mark(BAD))
    write(services, keys.clip_record(BAD))
    put(f"clips/{BAD}.mp4", b"film")
    with_story(services, put, GOOD, BAD)
    write(services, keys.article_record("story"), b"{")
    write(services, keys.clip_name_mark(GONE))
    put(f"clips/{GONE}.mp4", b"film")
    client = Client(
        settings=services.settings, store=services.store, clips=services.clips, articles=services.articles, env={}
    )
    overview = gather(client)
    assert [each.name for each in overview.clips] == [GOOD]
    assert {each.key for each in overview.unreadable} == {keys.clip_record(BAD), keys.article_record("story")}
    assert [each.key for each in overview.unseen] == [f"clips/{GONE}.mp4"]
    assert overview.recordless == {GONE}
    shown = status.summary(overview)["unreadable"]
    assert isinstance(shown, list)
    assert all("reconcile --thorough" in each["remedy"] for each in shown)
    for name in (BAD, "story"):
        with pytest.raises(RecordUnreadable):
            find(client, name)


def test_status_prints_them(
    services: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(services, keys.clip_name_mark(BAD))
    write(services, keys.clip_record(BAD))
    client = Client(
        settings=services.settings, store=services.store, clips=services.clips, articles=services.articles, env={}
    )
    monkeypatch.setattr(status, "console", lambda: Console(width=400))
    status._show_all(gather(client), is_json=False)
    printed = capsys.readouterr().out
    assert f"UNREADABLE  clips/{BAD}/clip.json can't be read" in printed
    assert "newsreel reconcile --thorough" in printed


@pytest.fixture
def http(services: Services) -> Iterator[httpx.Client]:
    with serving(services) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def test_the_gateway_names_the_problem_and_lists_the_others(services: Services, put: Put, http: httpx.Client) -> None:
    for name in (BAD, GOOD):
        publish(services, name)
    with_story(services, put, BAD, GOOD)
    link(services, "story")
    write(services, keys.article_record("bad"), record_of(services).evolve(id="bad").to_json())
    feeds.rebuild(services)
    write(services, keys.article_record("bad"), b"{")
    write(services, keys.clip_record(BAD), b"")
    site = services.settings.gateway_url.rstrip("/")
    for path in (f"/api/v1/clips/{BAD}", "/api/v1/articles/bad", f"/oembed?url={site}/embed/{BAD}"):
        answer = http.get(path)
        assert (path, answer.status_code, answer.json()["code"]) == (path, 503, "record_unreadable")
        assert "Retry-After" in answer.headers
    assert http.get(f"/embed/{BAD}").status_code == 503
    bad_story = http.get("/stories/bad")
    assert (bad_story.status_code, "can't be read" in bad_story.text.replace("&#39;", "'")) == (503, True)
    for path in ("/", "/stories/story", "/desk?day=2020-12-03", "/feeds/media.rss", "/sitemap-video-1.xml"):
        answer = http.get(path)
        assert (path, answer.status_code) == (path, 200)
    assert GOOD in http.get("/stories/story").text
    assert GOOD in http.get("/feeds/media.rss").text
    assert "/stories/story" in http.get("/").text
    assert "/stories/bad" not in http.get("/").text
    assert http.get(f"/embed/{GOOD}").status_code == 200
    assert http.get("/api/v1/clips").json()["items"]
