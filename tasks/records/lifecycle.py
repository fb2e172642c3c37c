"""The clip record's state machine: every legal step, as a pure function from one record to the next.

    received ──take──▶ processing ──become_playable──▶ playable ──publish──▶ ready
       ▲                    │                               │         (publish also straight from processing)
       ├──release, postpone─┴───────────────────────────────┤
       │                                                    └──fail──▶ failed
       └──take, after the last attempt: failed

`tasks.records.arrival` has the steps by which a version comes about, `tasks.records.picture_steps` those of its
pictures, `tasks.records.orders` those of operators. Only the worker whose lease is in the record may take a worker's
step; any other gets `LeaseLost`. A step returns its argument unchanged if there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import datetime, timedelta
from typing import Final

from tasks.errors import LeaseLost
from tasks.records.base import Failure, Notice, with_notices
from tasks.records.clip_facts import ArticleLink, Lease, SourceFacts
from tasks.records.clip_record import ClipRecord, ClipState, Work

_LONGEST_DELAY: Final = timedelta(minutes=15)
# With the delays growing from 15 s to 15 min, about five hours.
_MOST_POSTPONED: Final = 24


def take(record: ClipRecord, *, owner: str, now: datetime, lease_s: float, max_attempts: int) -> ClipRecord:
    """Give the work to a worker, if it is available: not final, not leased, not waiting for its next attempt.

    The attempt is counted here, before the start, so that a clip that kills its workers is parked after the last one.
    """
    work = record.work
    if work.state.is_final or work.has_live_lease(now) or (work.retry_at is not None and work.retry_at > now):
        return record
    if work.tries >= max_attempts:
        failure = Failure(
            code="gave_up",
            message=f"This clip was tried {work.tries} times, and each time its worker was lost.",
            detail=work.failure.detail if work.failure else "see the workers' logs",
            retryable=True,
            attempts=work.tries,
        )
        return _with_work(record, now, state=ClipState.FAILED, failure=failure, lease=None, retry_at=None)
    attempt = work.attempts + 1
    return _with_work(
        record,
        now,
        state=ClipState.PLAYABLE if work.hls else ClipState.PROCESSING,
        attempts=attempt,
        progress=0.0,
        speed=None,
        retry_at=None,
        lease=_lease(owner, attempt, now, lease_s),
    )


def renew(
    record: ClipRecord | None, *, owner: str, now: datetime, lease_s: float, progress: float, speed: float | None
) -> ClipRecord:
    """Show that the worker is alive, and how far it has come."""
    record, work = _owned(record, owner)
    attempt = work.attempts
    return _with_work(record, now, progress=progress, speed=speed, lease=_lease(owner, attempt, now, lease_s))


def begin_anew(record: ClipRecord | None, *, owner: str, now: datetime, untold: Set[str] = frozenset()) -> ClipRecord:
    """Begin another attempt of the same worker, which does not count against the clip.

    What the last one has put up is left alone, and stays until the end. Its notices with the codes ``untold`` go.
    """
    record, work = _owned(record, owner)
    return _with_work(
        record,
        now,
        attempts=work.attempts + 1,
        begun_anew=work.begun_anew + 1,
        progress=0.0,
        speed=None,
        warnings=tuple(each for each in work.warnings if each.code not in untold),
    )


def describe(
    record: ClipRecord | None, *, owner: str, now: datetime, source: SourceFacts, warnings: Sequence[Notice]
) -> ClipRecord:
    """Record what probing found."""
    record, work = _owned(record, owner)
    return _with_work(record, now, source=source, warnings=with_notices(work.warnings, warnings))


def become_playable(record: ClipRecord | None, *, owner: str, now: datetime, hls: str) -> ClipRecord:
    """The first segments are up: playback may start at ``hls`` while the rest is being made."""
    record, work = _owned(record, owner)
    timings = work.timings.evolve(playable_at=work.timings.playable_at or now)
    return _with_work(record, now, state=ClipState.PLAYABLE, hls=hls, timings=timings)


def publish(
    record: ClipRecord | None, *, owner: str, now: datetime, made: dict[str, object], warnings: Sequence[Notice]
) -> ClipRecord:
    """Switch readers to the finished version; ``made`` holds the fields of `Work` that name what was uploaded."""
    record, work = _owned(record, owner)
    timings = work.timings.evolve(playable_at=work.timings.playable_at or now, ready_at=now)
    finished = work.evolve(
        **made,
        state=ClipState.READY,
        progress=1.0,
        speed=None,
        lease=None,
        failure=None,
        retry_at=None,
        warnings=with_notices(work.warnings, warnings),
        timings=timings,
    )
    return record.evolve(**dict(finished.version_facts()), next=None, updated_at=now)


def fail(record: ClipRecord | None, *, owner: str | None, now: datetime, failure: Failure) -> ClipRecord:
    """End the version in work for good; ``owner`` None is the step of ingest, before anybody took it."""
    record, work = _owned(record, owner)
    return _with_work(
        record,
        now,
        state=ClipState.FAILED,
        failure=failure.evolve(attempts=work.tries),
        lease=None,
        retry_at=None,
        speed=None,
        hls=None,
    )


def reject(record: ClipRecord | None, *, version: str, now: datetime, failure: Failure) -> ClipRecord | None:
    """Fail a version that nobody holds, since examining it showed that it is not a clip; it need not wait in a queue.

    A worker that holds it finds the same by itself.
    """
    if record is None:
        return None
    work = record.work
    if work.version != version or work.state.is_final or work.has_live_lease(now):
        return record
    return _with_work(record, now, state=ClipState.FAILED, failure=failure, lease=None, retry_at=None)


def hasten(record: ClipRecord | None, *, queue: str, now: datetime) -> ClipRecord | None:
    """Move work that nobody has taken yet to another queue."""
    if record is None:
        return None
    work = record.work
    if work.state.is_final or work.has_live_lease(now) or work.queue == queue:
        return record
    return _with_work(record, now, queue=queue)


def postpone(
    record: ClipRecord | None,
    *,
    owner: str,
    now: datetime,
    failure: Failure,
    delay_s: float,
    max_attempts: int,
    is_strike: bool,
) -> ClipRecord:
    """Postpone the work after a temporary fault, twice as long each time; in the end, park it.

    A fault that this clip may have caused (``is_strike``: its encoder was killed) counts as an attempt, and the last
    one parks it. One of the store or the disk is not the clip's fault: that is tolerated for some hours.
    """
    record, work = _owned(record, owner)
    failure = failure.evolve(attempts=work.tries, retryable=True)
    postponed = work.postponed + 1
    if work.tries >= max_attempts if is_strike else postponed > _MOST_POSTPONED:
        return fail(record, owner=owner, now=now, failure=failure)
    attempts = work.attempts if is_strike else max(0, work.attempts - 1)
    delay = min(timedelta(seconds=delay_s * 2 ** min(postponed - 1, 16)), _LONGEST_DELAY)
    return _with_work(
        record,
        now,
        state=_resting(work),
        attempts=attempts,
        postponed=postponed,
        failure=failure,
        lease=None,
        retry_at=now + delay,
        speed=None,
        progress=0.0,
    )


def release(record: ClipRecord | None, *, owner: str, now: datetime) -> ClipRecord:
    """Give the work back without counting the attempt: the worker has to stop, which is not the clip's fault."""
    record, work = _owned(record, owner)
    return _with_work(
        record, now, state=_resting(work), attempts=max(0, work.attempts - 1), lease=None, speed=None, progress=0.0
    )


def link(record: ClipRecord | None, *, article_id: str, paragraphs: Sequence[str], now: datetime) -> ClipRecord | None:
    """Record which paragraphs of that article show the clip; with none, or if it is withdrawn, none of it is kept."""
    if record is None:
        return None
    if record.state is ClipState.WITHDRAWN:
        paragraphs = ()
    others = [each for each in record.links if each.article != article_id]
    links = others + [ArticleLink(article=article_id, paragraph=paragraph) for paragraph in paragraphs]
    ordered = tuple(sorted(links, key=lambda each: (each.article, each.paragraph)))
    return record if ordered == record.links else record.evolve(links=ordered, updated_at=now)


def _owned(record: ClipRecord | None, owner: str | None) -> tuple[ClipRecord, Work]:
    holder = record.work.lease.owner if record is not None and record.work.lease is not None else None
    if record is None or holder != owner:
        raise LeaseLost(f"{record.name if record else 'the clip'} is no longer ours: held by {holder or 'nobody'}")
    return record, record.work


def _resting(work: Work) -> ClipState:
    # What an unfinished try has put up stays there, and the next one makes the same again under the same names.
    return ClipState.PLAYABLE if work.hls else ClipState.RECEIVED


def _with_work(record: ClipRecord, now: datetime, **changes: object) -> ClipRecord:
    if record.next is not None:
        return record.evolve(next=record.next.evolve(**changes), updated_at=now)
    return record.evolve(**changes, updated_at=now)


def _lease(owner: str, attempt: int, now: datetime, lease_s: float) -> Lease:
    return Lease(owner=owner, attempt=attempt, heartbeat_at=now, expires_at=now + timedelta(seconds=lease_s))
