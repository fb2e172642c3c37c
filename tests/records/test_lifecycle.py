"""The state machine of a clip's record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tasks.errors import LeaseLost
from tasks.records import arrival, lifecycle, picture_steps
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
    third = picture_steps.add_picture(second, version=second.next.version, now=NOON, poster=poster)
    assert third is not None
    assert third.next is not None
    assert (third.poster, third.next.poster) == (None, poster)
    assert picture_steps.add_picture(third, version="other", now=NOON, poster=poster) is third
