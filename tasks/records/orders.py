"""What an operator may order of a clip, as pure steps from one record to the next, like those of `lifecycle`.

    retry       failed ──▶ received; work that is put off, or whose worker is lost, starts at once
    cancel      received, processing, playable ──▶ failed (``cancelled``); what is published stays published
    withdraw    any ──▶ withdrawn: the record names nothing any more
    restore     withdrawn ──▶ received
    reprocess   a new version of the newest upload by some ladder, under ``next`` where a version is published
    prioritise  work that nobody has taken goes to another queue
    choose_poster  the poster is to be taken at another moment, of every version of the same upload

Each takes the lease from whoever holds it, where it ends what that worker does. Each is idempotent: a step returns its
argument unchanged where there is nothing to do.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tasks.records import arrival
from tasks.records.base import Failure
from tasks.records.clip_facts import SourceFacts, Timings
from tasks.records.clip_record import ClipRecord, ClipState, Withdrawal, Work

CANCELLED: Final = "cancelled"


def retry(record: ClipRecord, *, queue: str, now: datetime) -> ClipRecord:
    """Start a failed version anew, its attempts forgotten; one that waits for its next try, or for its lost worker's
    lease to end, is to be had at once.
    """
    work = record.work
    if work.state is ClipState.FAILED:
        return _in_work(record, _anew(work, work.version, queue=queue, now=now), now)
    if work.state.is_final or work.has_live_lease(now) or (work.retry_at is None and work.lease is None):
        return record
    # Its attempts stay counted: each has its own place in the store, and the lost worker may yet write to its.
    return _in_work(record, work.evolve(retry_at=None, lease=None, postponed=0), now)


def cancel(record: ClipRecord, *, now: datetime) -> ClipRecord:
    """End the work that waits or goes on."""
    work = record.work
    if work.state.is_final:
        return record
    failure = Failure(
        code=CANCELLED,
        message="The work on this clip was cancelled by an operator.",
        detail=f"in state {work.state.value}, at {work.progress:.0%}",
        retryable=True,
        attempts=work.tries,
    )
    ended = work.evolve(state=ClipState.FAILED, failure=failure, lease=None, retry_at=None, speed=None, hls=None)
    return _in_work(record, ended, now)


def withdraw(record: ClipRecord, *, reason: str, now: datetime) -> ClipRecord:
    """Take the clip from public view: whatever the record names is gone from it, and the worker has no lease.

    Which upload it was stays known, so that the same one is not taken for a new one.
    """
    if record.state is ClipState.WITHDRAWN:
        return record
    newest = record.work
    return ClipRecord(
        name=record.name,
        air_date=record.air_date,
        slug=record.slug,
        take=record.take,
        version=newest.version,
        state=ClipState.WITHDRAWN,
        source=arrival.identity(newest.source),
        timings=Timings(uploaded_at=newest.timings.uploaded_at, received_at=newest.timings.received_at),
        withdrawn=Withdrawal(at=now, reason=reason),
        updated_at=now,
    )


def restore(record: ClipRecord, *, recipe: str, queue: str, now: datetime) -> ClipRecord:
    """Let a withdrawn clip be made again, of the newest upload that there was; ``recipe`` as for `derive_version`."""
    if record.withdrawn is None:
        return record
    arrived = record.withdrawn.arrived
    work = record.version_facts()
    if arrived is not None:
        source = SourceFacts(key=arrived.key, etag=arrived.etag, size_bytes=arrived.size_bytes)
        work = work.evolve(source=source, timings=Timings(uploaded_at=arrived.uploaded_at, received_at=now))
    restored = _anew(work, arrival.derive_version(work.source, recipe), queue=queue, now=now)
    return record.evolve(**dict(restored), withdrawn=None, updated_at=now)


def reprocess(record: ClipRecord, *, version: str, ladder: str | None, queue: str, now: datetime) -> ClipRecord:
    """Make the newest upload by that ladder (None: the usual one); ``version`` is the name that `derive_version` gives.

    A version that is published, or in work, by the same ladder already is left as it is; if it is the published one,
    other work on the same upload ends.
    """
    if record.state is ClipState.WITHDRAWN:
        return record
    if record.next is None and record.state is not ClipState.FAILED and _root(record.version) == version:
        return record
    work = record.work
    if record.next is not None and _root(record.version) == version:
        return record.evolve(next=None, updated_at=now)
    if _root(work.version) == version and work.state is not ClipState.FAILED:
        return record
    again = _anew(work, version, queue=queue, now=now).evolve(ladder=ladder)
    if record.state is ClipState.READY:
        return record.evolve(next=again, updated_at=now)
    return _in_work(record, again, now)


def prioritise(record: ClipRecord, *, queue: str, now: datetime) -> ClipRecord:
    """Let work that nobody has taken yet wait in another queue."""
    work = record.work
    if work.state.is_final or work.has_live_lease(now) or work.queue == queue:
        return record
    return _in_work(record, work.evolve(queue=queue), now)


def choose_poster(record: ClipRecord, *, time_s: float | None, now: datetime) -> ClipRecord:
    """Want the poster taken at that moment, in seconds; None: where newsreel finds it best."""
    if record.state is ClipState.WITHDRAWN:
        return record
    is_same = record.next is not None and arrival.identity(record.next.source) == arrival.identity(record.source)
    following = record.next.evolve(poster_wish_s=time_s) if record.next is not None and is_same else record.next
    wanted = record.evolve(poster_wish_s=time_s, next=following)
    return record if wanted == record else wanted.evolve(updated_at=now)


def _anew(work: Work, version: str, *, queue: str, now: datetime) -> Work:
    """The same upload from the beginning, under a name of its own: who worked on the last try may still be writing."""
    return Work(
        version=f"{_root(version)}-{int(now.timestamp() * 1000):x}",
        state=ClipState.RECEIVED,
        queue=queue,
        ladder=work.ladder,
        source=work.source,
        poster_wish_s=work.poster_wish_s,
        warnings=tuple(each for each in work.warnings if each.code == "name_unconventional"),
        timings=Timings(uploaded_at=work.timings.uploaded_at, received_at=now),
    )


def _root(version: str) -> str:
    """The name that `derive_version` gave, without what tells its repetitions apart."""
    return version.partition("-")[0]


def _in_work(record: ClipRecord, work: Work, now: datetime) -> ClipRecord:
    if record.next is not None:
        return record.evolve(next=work, updated_at=now)
    return record.evolve(**dict(work.version_facts()), updated_at=now)
