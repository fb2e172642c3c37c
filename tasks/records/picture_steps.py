"""The steps of a version's pictures: they come from a task of their own, which holds no lease, as pure functions.

Pictures belong to a version, whether that is in work or published.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tasks.records.base import Notice, with_notices
from tasks.records.clip_facts import Poster, Storyboard
from tasks.records.clip_record import ClipRecord, ClipState, Work


def add_picture(
    record: ClipRecord | None,
    *,
    version: str,
    now: datetime,
    poster: Poster | None = None,
    storyboard: Storyboard | None = None,
    warnings: Sequence[Notice] = (),
) -> ClipRecord | None:
    """Add the poster or the storyboard to the version they were made for, whether it is in progress or published.

    They come from a task of their own that holds no lease: they belong to a version. A poster that is no longer the one
    an editor wants does not take the place of another.
    """
    if record is None:
        return None
    work = record.work_of(version)
    if work is None or work.state is ClipState.WITHDRAWN:
        return record
    changes: dict[str, object] = {"warnings": with_notices(work.warnings, warnings)}
    if poster and (work.poster is None or poster.chosen_s == work.poster_wish_s):
        changes |= {"poster": poster, "timings": work.timings.evolve(poster_at=work.timings.poster_at or now)}
    if storyboard:
        changes["storyboard"] = storyboard
    return _with_version(record, work, now, **changes)


def lack_picture(record: ClipRecord | None, *, version: str, now: datetime, notice: Notice) -> ClipRecord | None:
    """Record that a version will not have all its pictures; a poster that it has is kept."""
    work = record.work_of(version) if record is not None else None
    if record is None or work is None or work.state is ClipState.WITHDRAWN:
        return record
    is_complete = work.poster is not None and bool(work.poster.sources) and work.storyboard is not None
    return _with_version(
        record,
        work,
        now,
        poster_wish_s=work.poster.chosen_s if work.poster else work.poster_wish_s,
        warnings=work.warnings if is_complete else with_notices(work.warnings, [notice]),
    )


def _with_version(record: ClipRecord, work: Work, now: datetime, **changes: object) -> ClipRecord:
    if work is record:
        return record.evolve(**changes, updated_at=now)
    return record.evolve(next=work.evolve(**changes), updated_at=now)
