"""The state machine of a clip's record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tasks.errors import LeaseLost
from tasks.records import arrival, lifecycle, orders
from tasks.records.base import Failure, Notice
from tasks.records.clip_facts import Poster, SourceFacts
from tasks.records.clip_record import ClipRecord, ClipState

NOON = datetime(2020, 12, 3, 12, tzinfo=UTC)
LEASE_S = 60.0


def upload(etag: str, *, minute: int = 0, key: str = "clips/a.mp4") -> ClipRecord:
    source = SourceFacts(key=key, etag=etag, size_bytes=10)
    return arrival.first_record(
        name="a",
        source=source,
        version=arrival.derive_version(source, "ladder"),
        queue="transcode",
        uploaded_at=NOON + timedelta(minutes=minute),
        now=NOON + timedelta(minutes=minute),
        parts={},
        warnings=[],
    )


def take(record: ClipRecord, owner: str = "w1", *, minute: float = 0) -> ClipRecord:
    now = NOON + timedelta(minutes=minute)
    return lifecycle.take(record, owner=owner, now=now, lease_s=LEASE_S, max_attempts=3)


def publish(record: ClipRecord, owner: str = "w1") -> ClipRecord:
    return lifecycle.publish(record, owner=owner, now=NOON, made={"hls": f"{record.work.version}/hls"}, warnings=[])


FAILURE = Failure(code="encoder_killed", message="The encoder was ended.")


def test_a_first_upload_is_taken_and_published() -> None:
    record = publish(take(upload("e1")))
    assert (record.state, record.hls, record.lease, record.next) == (
        ClipState.READY,
        f"{record.version}/hls",
        None,
        None,
    )


def test_a_leased_clip_is_not_to_be_had_until_its_lease_ends() -> None:
    record = take(upload("e1"))
    assert take(record, "w2", minute=0.5) is record
    assert take(record, "w2", minute=2).work.lease.owner == "w2"


def test_a_worker_that_lost_its_lease_can_change_nothing() -> None:
    record = take(take(upload("e1")), "w2", minute=2)
    with pytest.raises(LeaseLost):
        publish(record, "w1")
    with pytest.raises(LeaseLost):
        lifecycle.renew(record, owner="w1", now=NOON, lease_s=LEASE_S, progress=0.5, speed=None)
    with pytest.raises(LeaseLost):
        publish(arrival.receive(record, upload("e2", minute=3)), "w2")


def test_work_begun_anew_by_the_same_worker_is_another_attempt() -> None:
    record = lifecycle.become_playable(take(upload("e1")), owner="w1", now=NOON, hls="x/hls")
    anew = lifecycle.begin_anew(record, owner="w1", now=NOON)
    assert (anew.attempts, anew.state, anew.hls, anew.lease) == (2, ClipState.PLAYABLE, "x/hls", record.lease)
    with pytest.raises(LeaseLost):
        lifecycle.begin_anew(record, owner="w2", now=NOON)


def test_work_begun_anew_costs_no_attempt_however_its_worker_ends() -> None:
    record, places = upload("e1"), set[int]()
    for _ in range(5):
        record = lifecycle.begin_anew(take(record), owner="w1", now=NOON)
        assert record.tries == 1
        assert record.attempts not in places
        places.add(record.attempts)
        record = lifecycle.release(record, owner="w1", now=NOON)
    for is_strike in (False, True, True, True):
        assert record.state is not ClipState.FAILED
        record = lifecycle.begin_anew(take(record.evolve(retry_at=None)), owner="w1", now=NOON)
        record = lifecycle.postpone(
            record, owner="w1", now=NOON, failure=FAILURE, delay_s=15, max_attempts=3, is_strike=is_strike
        )
    assert record.failure is not None
    assert (record.state, record.failure.attempts) == (ClipState.FAILED, 3)


def test_what_was_told_of_the_beginning_goes_where_work_is_begun_anew() -> None:
    notices = [Notice(code=code, message="") for code in ("scan", "other")]
    source = SourceFacts(key="clips/a.mp4", etag="e1", size_bytes=10)
    told = lifecycle.describe(take(upload("e1")), owner="w1", now=NOON, source=source, warnings=notices)
    anew = lifecycle.begin_anew(told, owner="w1", now=NOON, untold={"scan", "hdr"})
    assert [each.code for each in anew.warnings] == ["other"]


def test_a_clip_that_kills_its_workers_is_parked_after_three() -> None:
    record = upload("e1")
    for attempt in range(3):
        record = take(record, f"w{attempt}", minute=attempt * 2)
        assert record.attempts == attempt + 1
    record = take(record, "w3", minute=8)
    assert record.state is ClipState.FAILED
    assert record.failure is not None
    assert (record.failure.code, record.failure.retryable, record.failure.attempts) == ("gave_up", True, 3)


def test_a_passing_fault_is_tried_again_later_and_parked_in_the_end() -> None:
    record, minute = upload("e1"), 0.0
    for attempt in range(1, 4):
        record = take(record, minute=minute)
        assert record.attempts == attempt
        record = lifecycle.postpone(
            record,
            owner="w1",
            now=NOON + timedelta(minutes=minute),
            failure=FAILURE,
            delay_s=30,
            max_attempts=3,
            is_strike=True,
        )
        assert take(record, minute=minute) is record, "not before its time"
        minute += 10
    assert record.state is ClipState.FAILED
    assert record.failure is not None
    assert record.failure.retryable


def test_a_fault_of_the_store_is_borne_for_hours_and_counts_no_attempt() -> None:
    record, now, pauses = upload("e1"), NOON, 0
    while not record.state.is_final:
        record = lifecycle.take(record, owner="w1", now=now, lease_s=LEASE_S, max_attempts=3)
        assert record.attempts == 1
        record = lifecycle.postpone(
            record, owner="w1", now=now, failure=FAILURE, delay_s=15, max_attempts=3, is_strike=False
        )
        now, pauses = record.retry_at or now, pauses + 1
    assert now - NOON > timedelta(hours=4)
    assert record.failure is not None
    assert record.failure.retryable


def test_under_one_key_the_store_is_right_whatever_its_clock_says() -> None:
    known = upload("e2", minute=5)
    assert arrival.receive(known, upload("e1", minute=0)).source.etag == "e1"


def test_a_removed_upload_found_under_another_key_is_tried_again() -> None:
    gone = lifecycle.fail(
        take(upload("e1", minute=5)), owner="w1", now=NOON, failure=FAILURE.evolve(code=arrival.UPLOAD_REMOVED)
    )
    found = arrival.receive(gone, upload("e1", key="clips/b/a.mp4"))
    assert (found.state, found.source.key) == (ClipState.RECEIVED, "clips/b/a.mp4")


def test_what_looks_at_a_clip_may_reject_it_unless_somebody_holds_it() -> None:
    record = upload("e1")
    rejected = lifecycle.reject(record, version=record.version, now=NOON, failure=FAILURE)
    assert rejected is not None
    assert rejected.state is ClipState.FAILED
    held = take(record)
    assert lifecycle.reject(held, version=record.version, now=NOON, failure=FAILURE) is held
    assert lifecycle.reject(record, version="other", now=NOON, failure=FAILURE) is record


def test_a_clip_that_a_story_waits_for_changes_its_queue_until_it_is_taken() -> None:
    record = upload("e1")
    hastened = lifecycle.hasten(record, queue="transcode.urgent", now=NOON)
    assert hastened is not None
    assert hastened.queue == "transcode.urgent"
    held = take(record)
    assert lifecycle.hasten(held, queue="transcode.urgent", now=NOON) is held


def test_work_given_back_is_not_counted_as_a_try() -> None:
    record = lifecycle.release(take(upload("e1")), owner="w1", now=NOON)
    assert (record.state, record.attempts, record.lease) == (ClipState.RECEIVED, 0, None)


def test_an_older_upload_under_another_name_does_not_displace_a_newer_one() -> None:
    newer = upload("e2", minute=5, key="clips/a.mov")
    assert arrival.receive(newer, upload("e1")) is newer
    assert arrival.receive(upload("e1"), newer).source.etag == "e2"


def test_a_failed_clip_uploaded_again_is_tried_again() -> None:
    failed = lifecycle.fail(take(upload("e1")), owner="w1", now=NOON, failure=FAILURE)
    assert arrival.receive(failed, upload("e1")) is failed
    assert arrival.receive(failed, upload("e1", minute=1)).state is ClipState.RECEIVED


def test_a_failed_new_version_leaves_the_published_one() -> None:
    first = publish(take(upload("e1")))
    second = lifecycle.fail(take(arrival.receive(first, upload("e2", minute=1))), owner="w1", now=NOON, failure=FAILURE)
    assert (second.state, second.version, second.hls) == (first.state, first.version, first.hls)
    assert second.next is not None
    assert second.next.state is ClipState.FAILED


def test_the_published_bytes_coming_back_end_the_work_on_others() -> None:
    first = publish(take(upload("e1")))
    second = arrival.receive(first, upload("e2", minute=1))
    assert arrival.receive(second, upload("e1", minute=2)).next is None


def test_a_poster_goes_to_the_version_it_was_made_of() -> None:
    first = publish(take(upload("e1")))
    second = arrival.receive(first, upload("e2", minute=1))
    assert second.next is not None
    poster = Poster(url="p", width=2, height=2, time_s=0)
    third = lifecycle.picture(second, version=second.next.version, now=NOON, poster=poster)
    assert third is not None
    assert third.next is not None
    assert (third.poster, third.next.poster) == (None, poster)
    assert lifecycle.picture(third, version="other", now=NOON, poster=poster) is third


STEPS = ["publish", "fail", "postpone", "release", "begin anew"]


class Clip(RuleBasedStateMachine):
    """Any sequence of uploads, workers that live or die, faults and orders."""

    def __init__(self) -> None:
        super().__init__()
        self.record: ClipRecord | None = None
        self.now = NOON
        self.newest = ""
        self.versions: set[str] = set()

    @rule(etag=st.sampled_from(["e1", "e2", "e3"]), late_s=st.integers(1, 200))
    def upload(self, etag: str, late_s: int) -> None:
        self.now += timedelta(seconds=late_s)
        minutes = (self.now - NOON).total_seconds() / 60
        arrived = upload(etag).evolve(updated_at=self.now)
        arrived = arrived.evolve(timings=arrived.timings.evolve(uploaded_at=NOON + timedelta(minutes=minutes)))
        self.record = arrival.receive(self.record, arrived)
        self.newest = etag

    @precondition(lambda self: self.record is not None)
    @rule(
        order=st.sampled_from(["retry", "cancel", "withdraw", "restore", "reprocess", "prioritise"]),
        recipe=st.sampled_from(["ladder", "other"]),
        late_s=st.integers(1, 100),
    )
    def order(self, order: str, recipe: str, late_s: int) -> None:
        self.now += timedelta(seconds=late_s)
        before = self.record
        assert before is not None

        def step(record: ClipRecord) -> ClipRecord:
            if order == "cancel":
                return orders.cancel(record, now=self.now)
            if order == "withdraw":
                return orders.withdraw(record, reason="", now=self.now)
            if order == "restore":
                return orders.restore(record, recipe="ladder", queue="transcode", now=self.now)
            if order == "prioritise":
                return orders.prioritise(record, queue="transcode.bulk", now=self.now)
            if order == "retry":
                return orders.retry(record, queue="transcode", now=self.now)
            version = arrival.derive_version(record.work.source, recipe)
            return orders.reprocess(record, version=version, ladder=recipe, queue="transcode", now=self.now)

        after = step(before)
        assert step(after) is after, "an order given twice is one order"
        if after.work.version != before.work.version and after.next is None and before.next is not None:
            assert (after.version, after.state) == (before.version, before.state)
        elif after.work.version != before.work.version:
            assert after.work.version not in self.versions, "a try begun anew has a place of its own"
        if order in ("retry", "cancel", "reprocess", "prioritise") and before.state is ClipState.READY:
            published = ("state", "version", "hls")
            assert [getattr(after, field) for field in published] == [getattr(before, field) for field in published]
        if order in ("cancel", "withdraw") and after is not before:
            assert after.work.lease is None
        self.record = after

    @invariant()
    def nothing_of_a_withdrawn_clip_is_named(self) -> None:
        if self.record is not None and self.record.state is ClipState.WITHDRAWN:
            assert (self.record.hls, self.record.poster, self.record.next, self.record.links) == (None, None, None, ())
            assert self.record.withdrawn is not None
        elif self.record is not None:
            assert self.record.withdrawn is None

    @precondition(lambda self: self.record is not None)
    @rule(owner=st.sampled_from(["w1", "w2", "w3"]), late_s=st.integers(0, 100))
    def take(self, owner: str, late_s: int) -> None:
        self.now += timedelta(seconds=late_s)
        before = self.record
        assert before is not None
        self.record = lifecycle.take(before, owner=owner, now=self.now, lease_s=LEASE_S, max_attempts=3)
        if before.work.has_live_lease(self.now):
            assert self.record is before

    @precondition(lambda self: self.record is not None)
    @rule(owner=st.sampled_from(["w1", "w2", "w3"]), step=st.sampled_from(STEPS))
    def step(self, owner: str, step: str) -> None:
        assert self.record is not None
        held = self.record.work.lease is not None and self.record.work.lease.owner == owner
        try:
            if step == "publish":
                self.record = lifecycle.publish(self.record, owner=owner, now=self.now, made={"hls": "x"}, warnings=[])
            elif step == "fail":
                self.record = lifecycle.fail(self.record, owner=owner, now=self.now, failure=FAILURE)
            elif step == "begin anew":
                before = self.record.work
                self.record = lifecycle.begin_anew(self.record, owner=owner, now=self.now)
                assert self.record.work.tries == before.tries
            elif step == "release":
                self.record = lifecycle.release(self.record, owner=owner, now=self.now)
            else:
                self.record = lifecycle.postpone(
                    self.record, owner=owner, now=self.now, failure=FAILURE, delay_s=15, max_attempts=3, is_strike=True
                )
            assert held
        except LeaseLost:
            assert not held

    @invariant()
    def the_newest_upload_is_the_one_in_work(self) -> None:
        if self.record is None:
            return
        self.versions |= {self.record.version, self.record.work.version}
        if self.record.withdrawn is None:
            assert self.record.work.source.etag == self.newest
        elif self.record.withdrawn.arrived is not None:
            assert self.record.withdrawn.arrived.etag == self.newest

    @invariant()
    def a_final_state_holds_no_lease_and_a_failure_has_a_name(self) -> None:
        if self.record is None:
            return
        work = self.record.work
        assert not (work.state.is_final and work.lease)
        assert (work.state is not ClipState.FAILED) or work.failure is not None
        assert self.record.next is None or self.record.state is ClipState.READY
        assert 0 <= work.tries <= 3

    @invariant()
    def the_record_survives_its_json(self) -> None:
        if self.record is not None:
            assert ClipRecord.model_validate_json(self.record.to_json()) == self.record


Clip.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAnySequence = Clip.TestCase
