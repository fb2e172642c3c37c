"""The schedule of webhooks as a table and as properties, and which events a change is."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.records import deliveries
from tasks.records.deliveries import Answer, Delivery, DeliveryState, after, again, asked_for
from tasks.records.deliveries_events import EVENT_TYPES, Shard, remembered, shard_of, take, types_of
from tasks.records.feeds import Change

NOW = datetime(2026, 3, 12, 11, 0, 30, tzinfo=UTC)
DAY = timedelta(hours=24)
PLANNED_S = [0, 5, 35, 155, 755, 4355, 15155, 36755, 79955, 86400]


def delivery(**changes: Any) -> Delivery:
    facts = {"id": "msg_1_0", "endpoint": "portal", "type": "clip.ready", "body": "{}", "created_at": NOW}
    return Delivery.model_validate({**facts, **changes})


def run(*, jitter: float = 0.0, answer: Answer | None = None) -> tuple[list[datetime], Delivery]:
    """The moments of all tries, each made when it is due, and what comes of them."""
    each, moments = delivery(), [NOW]
    while True:
        each = after(each, answer or Answer(status=500), now=moments[-1], jitter=jitter)
        if each.next_at is None:
            return moments, each
        moments.append(each.next_at)


def test_tries_are_made_at_these_times_and_the_last_one_after_a_day() -> None:
    moments, outcome = run()
    assert [(each - NOW).total_seconds() for each in moments] == PLANNED_S
    assert (outcome.state, outcome.attempts) == (DeliveryState.GIVEN_UP, len(PLANNED_S))


@given(st.floats(0, 1))
def test_jitter_puts_tries_off_by_a_tenth_at_most(jitter: float) -> None:
    moments, outcome = run(jitter=jitter)
    assert outcome.state is DeliveryState.GIVEN_UP
    assert moments[-1] == NOW + DAY
    for planned_s, moment in zip(PLANNED_S, moments, strict=False):
        assert planned_s <= (moment - NOW).total_seconds() + 0.001 <= planned_s * 1.1 + 0.01


ANSWERS = st.builds(
    Answer,
    status=st.none() | st.integers(100, 599),
    retry_after=st.none() | st.integers(0, 10**12).map(str) | st.text(max_size=30),
)


@given(st.lists(st.tuples(ANSWERS, st.floats(0, 1), st.integers(0, 10**6)), min_size=1, max_size=12))
def test_whatever_is_answered_it_ends_once_and_within_a_day_of_the_first_try(
    tries: list[tuple[Answer, float, int]],
) -> None:
    each, now = delivery(), NOW
    for answer, jitter, late_s in tries:
        each = after(each, answer, now=now, jitter=jitter)
        assert each.first_at == NOW
        assert (each.next_at is None) == (each.state is not DeliveryState.PENDING)
        assert (each.state is DeliveryState.DELIVERED) == answer.is_taken
        if each.next_at is None:
            return
        assert now < each.next_at <= NOW + DAY
        assert Delivery.model_validate_json(each.to_json()) == each
        assert not each.is_due(each.next_at - timedelta(milliseconds=1))
        now = each.next_at + timedelta(seconds=late_s)
        assert each.is_due(now)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer(status=200), DeliveryState.DELIVERED),
        (Answer(status=204), DeliveryState.DELIVERED),
        (Answer(status=302), DeliveryState.PENDING),
        (Answer(status=404), DeliveryState.PENDING),
        (Answer(status=410), DeliveryState.GIVEN_UP),
        (Answer(status=503), DeliveryState.PENDING),
        (Answer(status=None, error="No answer."), DeliveryState.PENDING),
    ],
)
def test_only_success_is_success_and_only_gone_is_final(answer: Answer, state: DeliveryState) -> None:
    assert after(delivery(), answer, now=NOW, jitter=0).state is state


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", None),
        ("99999999999999", 86400),
        (format_datetime(NOW + timedelta(minutes=3), usegmt=True), 180),
        (format_datetime(NOW - timedelta(minutes=3), usegmt=True), None),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(text: str, seconds: int | None) -> None:
    found = asked_for(text, NOW)
    assert (None if found is None else (found - NOW).total_seconds()) == seconds


def test_an_endpoint_is_left_alone_for_as_long_as_it_asks() -> None:
    held = after(delivery(), Answer(status=429, retry_after="600"), now=NOW, jitter=0)
    assert held.next_at == held.held_until == NOW + timedelta(minutes=10)
    shorter = after(delivery(attempts=4, first_at=NOW), Answer(status=503, retry_after="1"), now=NOW, jitter=0)
    assert shorter.next_at == NOW + timedelta(hours=1)


def test_a_replay_has_all_its_tries_again() -> None:
    _, given_up = run()
    later = NOW + timedelta(days=2)
    each = again(given_up, now=later)
    assert (each.id, each.body, each.replays) == (given_up.id, given_up.body, 1)
    assert each.is_due(later)
    assert after(each, Answer(status=500), now=later, jitter=0).next_at == later + timedelta(seconds=5)


def test_first_tries_come_in_order_after_pings_and_before_retries() -> None:
    retry = delivery(id="msg_1_0", attempts=1, next_at=NOW)
    first, second = delivery(id="msg_2_0"), delivery(id="msg_3_0")
    ping = delivery(id="ping_1_a", type=deliveries.PING)
    assert sorted([second, retry, first, ping], key=lambda each: each.order) == [ping, first, second, retry]


def change(sequence: int = 1, **changes: Any) -> Change:
    facts = {
        "kind": "clip",
        "name": "Đê 1",
        "title": "Đê 1",
        "day": "2026-03-12",
        "state": "received",
        "version": "v1",
        "updated_at": NOW,
        "record": "../clips/%C4%90%C3%AA%201/clip.json",
        "revision": "r1",
        "sequence": sequence,
        "at": NOW,
    }
    return Change.model_validate({**facts, **changes})


BASE = "https://cdn.example/media/"
READY = {"state": "ready", "revision": "r2"}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (None, {}, ["clip.received"]),
        (None, {**READY, "next_state": "failed"}, ["clip.ready", "clip.failed"]),
        ({}, {}, []),
        ({}, {"state": "playable"}, ["clip.playable"]),
        ({}, {"revision": "r2"}, ["clip.updated"]),
        (READY, {**READY, "version": "v2"}, ["clip.ready"]),
        (READY, {**READY, "next_state": "received", "revision": "r3"}, ["clip.received"]),
        ({**READY, "next_state": "playable"}, {**READY, "next_state": "failed", "revision": "r3"}, ["clip.failed"]),
        ({**READY, "next_state": "playable"}, {**READY, "version": "v2", "revision": "r3"}, ["clip.ready"]),
        ({**READY, "next_state": "failed"}, {**READY, "revision": "r3"}, ["clip.updated"]),
        (READY, {"state": "withdrawn", "revision": ""}, ["clip.withdrawn"]),
        ({"state": "withdrawn"}, {"state": "withdrawn", "revision": ""}, []),
        ({"kind": "article", "state": "waiting"}, {"kind": "article", "state": "complete"}, ["article.complete"]),
        ({}, {"state": "of the future"}, []),
    ],
)
def test_a_change_is_these_events(before: dict[str, Any] | None, now: dict[str, Any], expected: list[str]) -> None:
    shard = Shard() if before is None else remembered(Shard(), [change(1, **before)], 1)
    _, events = take(shard, [change(2, **now)], base=BASE)
    assert [each.type for each in events] == expected


def test_an_event_says_what_happened_to_what_and_where_its_record_is() -> None:
    _, (event,) = take(Shard(), [change(41, **READY, links=("tin",))], base=BASE)
    assert event.id == "msg_000000000000041_0"
    assert json.loads(event.body) == {
        "type": "clip.ready",
        "timestamp": "2026-03-12T11:00:30.000Z",
        "data": {
            "kind": "clip",
            "name": "Đê 1",
            "title": "Đê 1",
            "day": "2026-03-12",
            "state": "ready",
            "version": "v1",
            "next_state": None,
            "updated_at": "2026-03-12T11:00:30.000Z",
            "duration_s": None,
            "record": "https://cdn.example/media/clips/%C4%90%C3%AA%201/clip.json",
            "links": ["tin"],
            "revision": "r2",
            "sequence": 41,
        },
    }


CHANGES = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["a", "b"]),
            "state": st.sampled_from(["received", "processing", "playable", "ready", "failed", "withdrawn"]),
            "version": st.sampled_from(["v1", "v2"]),
            "next_state": st.none() | st.sampled_from(["received", "failed"]),
            "revision": st.sampled_from(["r1", "r2", "r3"]),
        }
    ),
    max_size=12,
)


@given(CHANGES, st.integers(0, 12), st.integers(0, 12))
def test_no_event_is_lost_or_made_twice_wherever_a_worker_ends(
    facts: list[dict[str, Any]], cut: int, back: int
) -> None:
    changes = [change(number, **each) for number, each in enumerate(facts, 1)]
    after_all, expected = take(Shard(), changes, base=BASE)
    half, first = take(Shard(), changes[:cut], base=BASE)
    # The memory was written and the cursor was not: the next worker begins further back.
    whole, second = take(half, changes[min(cut, back) :], base=BASE)
    assert (*first, *second) == expected
    assert whole == after_all
    assert len({each.id for each in expected}) == len(expected)
    assert {each.type for each in expected} <= set(EVENT_TYPES)
    # A feed that was lost names every record once more: nothing of that is news.
    last = {each.name: each for each in changes}
    told_anew = [each.evolve(sequence=1000 + place) for place, each in enumerate(last.values())]
    assert take(whole, told_anew, base=BASE)[1] == ()


def test_a_record_is_always_remembered_in_the_same_shard() -> None:
    assert shard_of(change(1)) == shard_of(change(7, **READY))
    assert len({shard_of(change(1, name=f"c{number}")) for number in range(2000)}) == 256


def test_what_was_told_later_is_not_forgotten_for_what_was_told_before() -> None:
    later = remembered(Shard(), [change(9, **READY)], 9)
    assert remembered(later, [change(3)], 3) == later
    assert types_of(later.told["clip/Đê 1"], change(10, **READY)) == ()
