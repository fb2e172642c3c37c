"""Endpoints that are slow, silent, gone or broken: no other suffers for it."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from tasks.adapters import notifier, outbox
from tasks.errors import TemporarilyUnavailable
from tasks.pipeline import notify as step
from tasks.pipeline import notify_orders
from tasks.pipeline.notify_orders import ReplayRefused
from tasks.pipeline.services import Services
from tasks.records import deliveries
from tasks.records.deliveries import Delivery
from tests.pipeline.webhooks.portals import (
    change,
    outcomes,
    toml,
    until_all_are_done,
    waited,
    with_endpoints,
)
from tests.receiver import Receiver, answering, hanging, receiver


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
