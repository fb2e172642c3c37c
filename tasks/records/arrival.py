"""How uploads arrive: the version that an upload makes, and what becomes of the clip's record when it comes.

Pure, as `tasks.records.lifecycle` is, which tells how a version goes on from there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tasks.records.base import Notice
from tasks.records.clip_facts import SourceFacts, Timings
from tasks.records.clip_record import Arrived, ClipRecord, ClipState, Work

UPLOAD_REMOVED: Final = "upload_removed"


def upload_id(etag: str, size_bytes: int) -> str:
    """A short id of what was uploaded: the same bytes, sent in the same way, have the same one."""
    return hashlib.sha256(f"{etag}\n{size_bytes}".encode()).hexdigest()[:16]


def derive_version(source: SourceFacts, recipe: str) -> str:
    """A version's name: what was uploaded, and how it is encoded (``recipe``, the ladder's revision)."""
    return hashlib.sha256(f"{source.etag}\n{source.size_bytes}\n{recipe}".encode()).hexdigest()[:16]


def first_record(
    *,
    name: str,
    source: SourceFacts,
    version: str,
    queue: str,
    uploaded_at: datetime,
    now: datetime,
    parts: dict[str, object],
    warnings: Sequence[Notice],
) -> ClipRecord:
    """The record of an upload that nothing is known of yet; ``parts`` are air_date, slug and take."""
    return ClipRecord(
        name=name,
        version=version,
        state=ClipState.RECEIVED,
        queue=queue,
        source=source,
        warnings=tuple(warnings),
        timings=Timings(uploaded_at=uploaded_at, received_at=now),
        updated_at=now,
        **parts,
    )


def receive(
    record: ClipRecord | None,
    arrived: ClipRecord,
) -> ClipRecord:
    """Record an upload; ``arrived`` is the record that a first upload would get.

    The same upload again changes nothing, nor does one older than what is in work under another key. A new upload of a
    clip that is published goes under ``next``, so readers keep what they have. One of a withdrawn clip is noted.
    """
    if record is None:
        return arrived
    known, new = record.work, arrived.work
    if record.withdrawn is not None:
        return _noted(record, new, arrived.updated_at)
    if _same_upload(known, new):
        if not _is_tried_again(known, new):
            return record
        if record.next is not None and _same_upload(record, new):
            # They are published as they are: only what was made of them anew had failed.
            return record.evolve(next=None, updated_at=arrived.updated_at)
    elif _same_upload(record, new) and record.state is ClipState.READY:
        # The published bytes came back while others were in work: those are no longer wanted.
        return record.evolve(next=None, updated_at=arrived.updated_at)
    elif _is_older(new, known) and _holds_its_place(known):
        return record
    if record.state is ClipState.READY:
        return record.evolve(next=arrived.version_facts(), updated_at=arrived.updated_at)
    return arrived.evolve(links=record.links)


def identity(source: SourceFacts) -> SourceFacts:
    """Which upload it is, without what is known of its content."""
    return SourceFacts(key=source.key, etag=source.etag, size_bytes=source.size_bytes)


def _noted(record: ClipRecord, new: Work, now: datetime) -> ClipRecord:
    """A withdrawn clip stays withdrawn, whatever is uploaded; restoring it uses the newest upload."""
    if record.withdrawn is None:
        return record
    before = record.withdrawn.arrived
    if before is not None and before.key != new.source.key and _seconds(before.uploaded_at) > _uploaded_at(new):
        return record
    # The very upload that was withdrawn, be it there again, needs no note: the record names it.
    arrived = None if _same_upload(record, new) else _arrived(new)
    if before == arrived:
        return record
    return record.evolve(withdrawn=record.withdrawn.evolve(arrived=arrived), updated_at=now)


def _arrived(new: Work) -> Arrived:
    return Arrived(
        key=new.source.key,
        etag=new.source.etag,
        size_bytes=new.source.size_bytes,
        uploaded_at=new.timings.uploaded_at,
    )


def _same_upload(one: Work, other: Work) -> bool:
    return (one.source.etag, one.source.size_bytes) == (other.source.etag, other.source.size_bytes)


def _is_older(one: Work, other: Work) -> bool:
    # Under one key the store's own answer is the truth, whatever its clock says; clocks only judge between keys.
    if one.source.key == other.source.key:
        return False
    return (_uploaded_at(one), one.source.key) < (_uploaded_at(other), other.source.key)


def _is_tried_again(known: Work, new: Work) -> bool:
    """Whether the same bytes came again after they had failed: uploaded again, or under another key."""
    if known.state is not ClipState.FAILED or known.failure is None:
        return False
    moved = known.failure.code == UPLOAD_REMOVED and new.source.key != known.source.key
    return moved or _uploaded_at(new) > _uploaded_at(known)


def _holds_its_place(work: Work) -> bool:
    # A rejected file (a sidecar, a wrong export) must not keep an older but good one out.
    return work.state is not ClipState.FAILED


def _uploaded_at(work: Work) -> float:
    return _seconds(work.timings.uploaded_at)


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0
