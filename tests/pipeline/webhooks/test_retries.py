"""Nothing is lost: failures, restarts, killed workers and a wiped Redis between a change and its receiver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from types import ModuleType
from typing import Any

import pytest
import redis

from tasks.adapters.clock import utc_now
from tasks.pipeline import derived, notify_intake, notify_orders
from tasks.pipeline import notify as step
from tasks.pipeline.notify_orders import ReplayRefused
from tasks.pipeline.services import Services
from tasks.records import deliveries, keys
from tasks.records.deliveries import DeliveryState
from tests.pipeline.webhooks.portals import (
    change,
    outcomes,
    toml,
    until_all_are_done,
    with_endpoints,
)
from tests.receiver import Receiver, answering, receiver
from tests.waiting import eventually


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
    # The portal's own thread waits for it, too.
    assert eventually(lambda: killed == [-signal.SIGKILL])
    step.notify(hooked)
    assert portal.types == ["clip.ready"] * 2
    assert len(set(portal.ids)) == 1
    assert outcomes(hooked) == [("clip.ready", "delivered", 1)]
