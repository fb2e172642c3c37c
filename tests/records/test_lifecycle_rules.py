"""What holds of a clip's record after any sequence of steps, however they follow each other."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tasks.errors import LeaseLost
from tasks.records import arrival, lifecycle, orders
from tasks.records.clip_record import ClipRecord, ClipState
from tests.records.test_lifecycle import FAILURE, LEASE_S, NOON, upload

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
