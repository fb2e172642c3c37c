"""Webhooks from a record's change to a real receiver: nothing is lost, whatever ends, fails or is wiped on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from types import ModuleType
from typing import Any

import pytest
import redis
from pydantic import SecretStr

from config import queues
from config.celery import celery_options
from config.settings import Settings
from tasks.adapters import notifier, outbox
from tasks.adapters.changes import CHANGED, REBUILD
from tasks.adapters.clock import utc_now
from tasks.adapters.endpoints import read_endpoints
from tasks.adapters.outbox import Outbox
from tasks.errors import TemporarilyUnavailable
from tasks.pipeline import derived, feeds, notify_intake, notify_orders
from tasks.pipeline import notify as step
from tasks.pipeline.notify_orders import ReplayRefused
from tasks.pipeline.services import Services
from tasks.records import deliveries, keys
from tasks.records.deliveries import Delivery, DeliveryState
from tests.gateway import samples
from tests.receiver import SECRET, Receiver, answering, hanging, receiver


def toml(*portals: Receiver, events: str = '["*"]') -> str:
    return "".join(
        f'[[endpoint]]\nname = "p{place}"\nurl = "{each.url}"\nsecret = "{SECRET}"\nevents = {events}\n'
        for place, each in enumerate(portals)
    )


def with_endpoints(services: Services, text: str) -> Services:
    bucket = services.settings.media_bucket
    return replace(services, outbox=Outbox(services.store, bucket, read_endpoints(text)))


@pytest.fixture(autouse=True)
def _clean(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty media bucket with feeds of nothing; nobody waits for more, and retries are due at once."""
    monkeypatch.setattr(feeds, "_GATHER_S", 0)
    monkeypatch.setattr(deliveries, "PAUSES_S", (0.001,))
    bucket = services.settings.media_bucket
    services.store.delete_all(bucket, [info.key for info in services.store.list(bucket, "")])
    feeds.publish(services, REBUILD)


@pytest.fixture
def portal() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture
def hooked(services: Services, portal: Receiver) -> Services:
    """Services with that portal as their one endpoint, which has begun to hear of changes."""
    made = with_endpoints(services, toml(portal))
    step.notify(made)
    return made


def change(services: Services, name: str, **changes: Any) -> None:
    """Change a clip's record as the pipeline does, and have the feeds tell of it."""
    services.store.put(services.settings.media_bucket, keys.clip_name_marker(name), b"", content_type="text/plain")
    services.clips.update(name, lambda record: (record or samples.clip(name)).evolve(**changes))
    feeds.publish(services, CHANGED)


def change_article(services: Services, article_id: str, **changes: Any) -> None:
    services.articles.update(article_id, lambda record: (record or samples.article(article_id)).evolve(**changes))
    feeds.publish(services, CHANGED)


def outcomes(services: Services) -> list[tuple[str, str, int]]:
    return [(each.type, each.state.value, each.attempts) for each in notify_orders.listed(services)]


def until_all_are_done(services: Services) -> None:
    """Ring as the scheduler does, until nothing is under way."""
    deadline = time.monotonic() + 60
    step.notify(services)
    while any(each.state is DeliveryState.PENDING for each in notify_orders.listed(services)):
        assert time.monotonic() < deadline
        step.notify(services)


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


def test_a_message_that_fails_is_tried_again_under_the_same_id(hooked: Services, portal: Receiver) -> None:
    portal.conduct = [answering(500), answering(302, Location=portal.url)]
    change(hooked, "c1", state="ready")
    until_all_are_done(hooked)
    assert portal.types == ["clip.ready"] * 3
    assert len(set(portal.ids)) == 1
    assert len({str(each.body) for each in portal.messages}) == 1
    assert outcomes(hooked) == [("clip.ready", "delivered", 3)]


def test_a_retry_waits_for_its_time(hooked: Services, portal: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "PAUSES_S", (600.0,))
    portal.conduct = [answering(500)]
    change(hooked, "c1", state="ready")
    for _ in range(3):
        step.notify(hooked)
    assert len(portal.messages) == 1
    (kept,) = hooked.outbox.pending("p0")
    assert kept.delivery.next_at is not None
    assert kept.delivery.next_at > utc_now() + timedelta(seconds=500)


def test_a_receiver_that_goes_away_gets_everything_when_it_is_back(services: Services) -> None:
    with receiver() as portal:
        text = toml(portal)
        made = with_endpoints(services, text)
        step.notify(made)
    for number in range(3):
        change(made, f"c{number}", state="ready")
    step.notify(made)
    assert {state for _, state, _ in outcomes(made)} == {"pending"}
    assert made.outbox.pending("p0")[0].delivery.last_error == "The endpoint refused the connection."
    with receiver() as back:
        # The same name at another port: what was noted goes to where it is now.
        until_all_are_done(moved := with_endpoints(services, toml(back)))
        assert sorted(each.body["data"]["name"] for each in back.messages) == ["c0", "c1", "c2"]
    assert {state for _, state, _ in outcomes(moved)} == {"delivered"}


def test_a_message_is_given_up_after_a_day_and_can_be_replayed(hooked: Services, portal: Receiver) -> None:
    change(hooked, "c1", state="ready")
    notify_intake.take_in(hooked)
    (kept,) = hooked.outbox.pending("p0")
    long_ago = utc_now() - timedelta(hours=24, seconds=1)
    hooked.outbox._put(
        keys.webhook_pending("p0", kept.delivery.id), kept.delivery.evolve(attempts=9, first_at=long_ago)
    )
    portal.conduct = [answering(500)]
    step.notify(hooked)
    step.notify(hooked)
    assert len(portal.messages) == 1
    assert outcomes(hooked) == [("clip.ready", "given_up", 10)]
    (replayed,) = notify_orders.replay(hooked, kept.delivery.id)
    assert replayed.state is DeliveryState.PENDING
    step.notify(hooked)
    assert portal.ids == [kept.delivery.id] * 2
    assert outcomes(hooked) == [("clip.ready", "delivered", 1)]
    assert notify_orders.listed(hooked)[0].replays == 1


def test_what_was_delivered_can_be_replayed_under_the_same_id(hooked: Services, portal: Receiver) -> None:
    change(hooked, "c1", state="ready")
    step.notify(hooked)
    notify_orders.replay(hooked, portal.ids[0], endpoint="p0")
    step.notify(hooked)
    assert len(portal.messages) == 2
    assert len(set(portal.ids)) == 1
    for webhook_id, endpoint in (("msg_0_0", None), (portal.ids[0], "p9"), ("../p0/done/x", None), ("x", "../p0")):
        with pytest.raises(ReplayRefused) as refused:
            notify_orders.replay(hooked, webhook_id, endpoint=endpoint)
        assert refused.value.code == "not_found"


def test_a_wiped_redis_loses_nothing(hooked: Services, portal: Receiver, redis_url: str) -> None:
    portal.conduct = [answering(500)]
    change(hooked, "c1", state="ready")
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        step.notify(hooked)
        change(hooked, "c1", state="withdrawn")
        client.flushdb()
    until_all_are_done(hooked)
    assert sorted(set(portal.types)) == ["clip.ready", "clip.withdrawn"]
    assert {state for _, state, _ in outcomes(hooked)} == {"delivered"}


@pytest.mark.parametrize(("module", "where"), [(derived, "replace"), (notify_intake, "_deliveries")])
def test_an_intake_that_ends_half_way_makes_the_same_deliveries_once(
    hooked: Services, portal: Receiver, monkeypatch: pytest.MonkeyPatch, module: ModuleType, where: str
) -> None:
    change(hooked, "c1", state="ready")
    change(hooked, "c2", state="failed")
    whole, calls = getattr(module, where), []

    def die(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, where, die)
        with pytest.raises(KeyboardInterrupt):
            notify_intake.take_in(hooked)
    step.notify(hooked)
    assert portal.types == ["clip.ready", "clip.failed"]


def test_two_workers_at_once_make_each_delivery_once(hooked: Services) -> None:
    for number in range(12):
        change(hooked, f"c{number}", state="ready")
    start = threading.Barrier(3)

    def work() -> None:
        start.wait()
        notify_intake.take_in(hooked)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [each.body_json["data"]["name"] for each in notify_orders.listed(hooked)]
    assert sorted(names) == sorted(f"c{number}" for number in range(12))


WORKER = """
from config.settings import load_settings
from tasks.pipeline.notify import notify
from workers.services import build_services
notify(build_services(load_settings()))
"""


def worker(services: Services, text: str) -> subprocess.Popen[bytes]:
    """A process of its own that sends what is due."""
    settings = services.settings
    env = {
        **os.environ,
        "NEWSREEL_BROKER_URL": settings.broker_url,
        "NEWSREEL_S3_ENDPOINT_URL": str(settings.s3_endpoint_url),
        "NEWSREEL_INCOMING_BUCKET": settings.incoming_bucket,
        "NEWSREEL_MEDIA_BUCKET": settings.media_bucket,
        "NEWSREEL_CAGE": "off",
        "NEWSREEL_WEBHOOKS": text,
    }
    return subprocess.Popen([sys.executable, "-c", WORKER], env=env, stdout=subprocess.DEVNULL)


def test_a_worker_that_is_killed_between_sending_and_noting_sends_the_same_id_again(
    hooked: Services, portal: Receiver
) -> None:
    change(hooked, "c1", state="ready")
    killed: list[int] = []

    def kill(_: BaseHTTPRequestHandler) -> bool:
        os.kill(process.pid, signal.SIGKILL)
        killed.append(process.wait())
        return False

    portal.conduct = [kill]
    process = worker(hooked, toml(portal))
    process.wait(60)
    assert killed == [-signal.SIGKILL]
    step.notify(hooked)
    assert portal.types == ["clip.ready"] * 2
    assert len(set(portal.ids)) == 1
    assert outcomes(hooked) == [("clip.ready", "delivered", 1)]


def test_a_slow_endpoint_delays_no_other(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "_LOOK_AGAIN_S", 0.05)
    release = threading.Event()
    with ExitStack() as opened:
        slow, fast = (opened.enter_context(receiver()) for _ in range(2))
        slow.conduct = [lambda _: release.wait(12) and False]
        made = with_endpoints(services, toml(slow, fast))
        step.notify(made)
        change(made, "c1", state="ready")
        thread = threading.Thread(target=step.notify, args=(made,))
        thread.start()
        try:
            waited(lambda: bool(slow.messages and fast.messages))
            # It comes while the slow one is waited for, by the same task.
            change(made, "c2", state="ready")
            waited(lambda: len(fast.messages) == 2)
            assert len(slow.messages) == 1
            assert not release.is_set()
        finally:
            release.set()
            thread.join()
        until_all_are_done(made)
        assert [each.body["data"]["name"] for each in fast.messages] == ["c1", "c2"]
        assert {each.body["data"]["name"] for each in slow.messages} == {"c1", "c2"}


def waited(is_so: Any, patience_s: float = 11.0) -> None:
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_silence_costs_one_message_of_a_round_not_all(
    hooked: Services, portal: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "TOTAL_S", 0.3)
    monkeypatch.setattr(deliveries, "PAUSES_S", (600.0,))
    portal.conduct = [hanging(30)] * 2
    for number in range(4):
        change(hooked, f"c{number}", state="ready")
    step.notify(hooked)
    assert len(portal.messages) == 1
    assert [each.delivery.attempts for each in hooked.outbox.pending("p0")] == [1, 0, 0, 0]
    step.notify(hooked)
    step.notify(hooked)
    assert [each.body["data"]["name"] for each in portal.messages] == ["c0", "c1", "c2", "c3"]


def test_an_endpoint_that_asks_for_patience_is_left_alone(hooked: Services, portal: Receiver) -> None:
    portal.conduct = [answering(503, Retry_After="600")]
    for number in range(2):
        change(hooked, f"c{number}", state="ready")
    for _ in range(3):
        step.notify(hooked)
    assert len(portal.messages) == 1


def test_an_endpoint_that_is_gone_is_told_nothing_until_it_is_configured_anew_or_takes_a_ping(
    hooked: Services, services: Services, portal: Receiver
) -> None:
    portal.conduct = [answering(410)]
    for number in range(2):
        change(hooked, f"c{number}", state="ready")
    step.notify(hooked)
    change(hooked, "c2", state="ready")
    step.notify(hooked)
    assert len(portal.messages) == 1
    assert {state for _, state, _ in outcomes(hooked)} == {"given_up"}
    (known,) = notify_orders.endpoints(hooked)
    assert known.disabled_at is not None
    with pytest.raises(ReplayRefused, match="newsreel webhooks test p0"):
        notify_orders.replay(hooked, portal.ids[0])
    portal.conduct = [answering(500)]
    notify_orders.ping(hooked, "p0")
    step.notify(hooked)
    assert notify_orders.endpoints(hooked)[0].disabled_at is not None
    notify_orders.ping(hooked, "p0")
    step.notify(hooked)
    change(hooked, "c3", state="ready")
    step.notify(hooked)
    assert portal.types == ["clip.ready", "newsreel.ping", "newsreel.ping", "clip.ready"]
    portal.conduct = [answering(410)]
    change(hooked, "c4", state="ready")
    step.notify(hooked)
    anew = with_endpoints(services, toml(portal, events='["clip.*"]'))
    change(anew, "c5", state="ready")
    step.notify(anew)
    assert portal.messages[-1].body["data"]["name"] == "c5"


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


def test_one_endpoints_broken_store_does_not_keep_the_others_waiting(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as opened:
        first, second = (opened.enter_context(receiver()) for _ in range(2))
        made = with_endpoints(services, toml(first, second))
        step.notify(made)
        change(made, "c1", state="ready")
        whole = made.outbox.note

        def note(kept: outbox.Kept, outcome: Delivery) -> None:
            if outcome.endpoint == "p0" and not failed:
                failed.append(outcome.id)
                raise TemporarilyUnavailable("store_unavailable", "The object store did not answer.")
            whole(kept, outcome)

        failed: list[str] = []
        monkeypatch.setattr(made.outbox, "note", note)
        step.notify(made)
        until_all_are_done(made)
        assert (len(first.messages), len(set(first.ids)), len(second.messages)) == (2, 1, 1)
