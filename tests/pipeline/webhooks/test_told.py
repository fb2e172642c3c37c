"""What webhooks tell, of what and in which order: a record's change at a real receiver."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from pydantic import SecretStr

from config import queues
from config.celery import celery_options
from config.settings import Settings
from tasks.adapters import outbox
from tasks.adapters.changes import REBUILD
from tasks.adapters.clock import utc_now
from tasks.pipeline import feeds, notify_orders
from tasks.pipeline import notify as step
from tasks.pipeline.services import Services
from tasks.records import keys
from tests.gateway import samples
from tests.pipeline.webhooks.portals import (
    change,
    change_article,
    outcomes,
    toml,
    until_all_are_done,
    with_endpoints,
)
from tests.receiver import SECRET, Receiver, answering


def test_a_clips_and_an_articles_way_are_told_in_their_order_and_signed(hooked: Services, portal: Receiver) -> None:
    for state in ("received", "processing", "playable", "ready"):
        change(hooked, "Đê 1", state=state)
    change(hooked, "c2", state="failed")
    for state in ("waiting", "complete"):
        change_article(hooked, "tin", state=state)
    step.notify(hooked)
    assert portal.types == [
        *("clip.received", "clip.processing", "clip.playable", "clip.ready"),
        *("clip.failed", "article.waiting", "article.complete"),
    ]
    assert all(each.is_genuine for each in portal.messages)
    assert portal.ids == sorted(set(portal.ids))
    ready = portal.messages[3].body["data"]
    assert (ready["name"], ready["state"], ready["version"]) == ("Đê 1", "ready", samples.VERSION)
    assert ready["record"] == f"{hooked.settings.gateway_url}/media/clips/%C4%90%C3%AA%201/clip.json"
    step.notify(hooked)
    assert len(portal.messages) == 7
    assert {each[1:] for each in outcomes(hooked)} == {("delivered", 1)}


def test_an_endpoint_hears_of_what_it_asked_for_and_of_nothing_before_it_was_there(
    services: Services, portal: Receiver
) -> None:
    change(services, "old", state="ready")
    made = with_endpoints(services, toml(portal, events='["clip.ready", "article.*"]'))
    step.notify(made)
    change(made, "old", links=[{"article": "tin", "paragraph": "p1"}])
    change(made, "c1", state="received")
    change(made, "c1", state="ready")
    change_article(made, "tin")
    step.notify(made)
    assert portal.types == ["clip.ready", "article.complete"]


def test_a_feed_that_is_made_anew_tells_nothing_twice(hooked: Services, portal: Receiver) -> None:
    for number in range(3):
        change(hooked, f"c{number}", state="ready")
    step.notify(hooked)
    hooked.store.delete(hooked.settings.media_bucket, keys.LATEST_CHANGES)
    feeds.publish(hooked, REBUILD)
    change(hooked, "c1", state="withdrawn")
    step.notify(hooked)
    assert portal.types == ["clip.ready"] * 3 + ["clip.withdrawn"]


def test_changes_on_past_pages_are_told(hooked: Services, portal: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.records.feeds.PAGE_CHANGES", 2)
    for number in range(7):
        change(hooked, f"c{number}", state="ready")
    step.notify(hooked)
    assert [each.body["data"]["name"] for each in portal.messages] == [f"c{number}" for number in range(7)]


def test_what_is_done_with_stays_listed_for_a_while_and_goes_then(
    hooked: Services, portal: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        change(hooked, f"c{number}", state="ready")
    step.notify(hooked)
    assert hooked.outbox.collect() == 0
    monkeypatch.setattr(outbox, "KEPT", 2)
    assert hooked.outbox.collect() == 1
    assert [each.body_json["data"]["name"] for each in notify_orders.listed(hooked)] == ["c2", "c1"]
    later = utc_now() + timedelta(hours=73)
    assert hooked.outbox.collect(later) == 2
    assert notify_orders.listed(hooked) == []
    assert [each.name for each in notify_orders.endpoints(hooked)] == ["p0"]
    assert with_endpoints(hooked, "").outbox.collect(later) == 1
    assert notify_orders.endpoints(hooked) == []


def test_no_object_in_the_store_holds_a_secret(hooked: Services, portal: Receiver) -> None:
    portal.conduct = [answering(500)]
    change(hooked, "c1", state="ready")
    until_all_are_done(hooked)
    bucket = hooked.settings.media_bucket
    stored = [hooked.store.get(bucket, info.key).body.decode() for info in hooked.store.list(bucket, "index/webhooks/")]
    assert len(stored) >= 3
    assert not any(SECRET in each or "of-the-url" in each for each in stored)
    assert not any(keys.WEBHOOK_ENDPOINTS.startswith(public) for public in keys.PUBLIC)


def test_a_change_rings_where_there_are_endpoints_and_the_scheduler_does_too(
    services: Services, hooked: Services, portal: Receiver, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        change(services, "c1")
        assert client.llen(queues.NOTIFY) == 0
        change(hooked, "c2")
        assert client.llen(queues.NOTIFY) == 1
    quiet = celery_options(Settings())["beat_schedule"]
    told = celery_options(Settings(webhooks=SecretStr(toml(portal))))["beat_schedule"]
    assert isinstance(quiet, dict)
    assert isinstance(told, dict)
    assert set(told) - set(quiet) == {"notify"}
    assert SECRET not in repr(told)
