"""Operators' orders, from the command line or over HTTP: the record first, then the bells; each may be given twice.

What an order means for the record is told in `tasks.records.orders`. Before work begins anew the mark that its upload
is done goes away, so if the bell is lost `reconcile` rings again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from config import queues
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import NoSuchObject, ObjectInfo
from tasks.errors import ConfigurationError, NewsreelError
from tasks.media.ladder import Ladder
from tasks.pipeline import collect, finish
from tasks.pipeline.ingest import rejection
from tasks.pipeline.services import Services
from tasks.records import arrival, keys, orders
from tasks.records.clip_record import ClipRecord, ClipState

log: Final = structlog.get_logger()
_MARKER_TYPE: Final = "application/octet-stream"
# A path would name a file of the machine on which the order is given, not of the worker's.
_LADDER: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

PRIORITIES: Final = {
    "urgent": queues.TRANSCODE_URGENT,
    "normal": queues.TRANSCODE,
    "bulk": queues.TRANSCODE_BULK,
}
"""The queue of each priority that an operator may name."""


class OrderRefused(NewsreelError):  # noqa: N818
    """The order can't be carried out as things are; ``code`` is stable, the message says why and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an order: whether it changed anything, in words, and the record as it now stands."""

    order: str
    changed: bool
    message: str
    record: ClipRecord


def retry(services: Services, name: str) -> Outcome:
    """Start a failed, parked or postponed clip anew, at once.

    Raises:
        OrderRefused: there is no such clip, it is withdrawn, or its upload is not there any more or no clip.
    """
    record = _existing(services, name)
    _refuse_withdrawn(record)
    if record.work.state is ClipState.READY:
        return _nothing("retry", record, "It is ready: there is nothing to do again.")
    if record.work.state is ClipState.FAILED:
        _upload_of(services, record)
    queue = record.work.queue or _queue(services, name)
    changed, record = _begin(services, name, lambda now: orders.retry(now, queue=queue, now=utc_now()))
    if changed:
        return _done("retry", record, "It starts anew.")
    return _nothing("retry", record, "It is in work already.")


def cancel(services: Services, name: str) -> Outcome:
    """End the work on a clip; its worker's ffmpeg ends within two seconds, and what is published stays.

    Raises:
        OrderRefused: there is no such clip.
    """
    record = _existing(services, name)
    changed, record = _changed(services, name, lambda now: orders.cancel(now, now=utc_now()))
    if record.work.failure is not None and record.work.failure.code == orders.CANCELLED:
        source = record.work.source
        finish.settle(services, name, key=source.key, etag=source.etag, size_bytes=source.size_bytes)
    if not changed:
        return _nothing("cancel", record, f"There is no work to end: it is {record.work.state.value}.")
    kept = " The published version stays." if record.state is ClipState.READY else ""
    return _done("cancel", record, f"The work on it ends.{kept} newsreel retry {name} starts it anew.")


def withdraw(services: Services, name: str, *, reason: str = "") -> Outcome:
    """Take a clip from public view, with all its media and links, until it is restored.

    Raises:
        OrderRefused: there is no such clip.
    """
    before = _existing(services, name)
    # The marker first: whatever this call does not come to is completed by `reconcile`.
    marker = keys.withdrawn_marker(name)
    services.store.put(services.settings.media_bucket, marker, b"", content_type=_MARKER_TYPE)
    changed, record = _changed(services, name, lambda now: orders.withdraw(now, reason=reason, now=utc_now()))
    removed = collect.collect_withdrawn(services, name)
    source = record.source
    finish.settle(services, name, key=source.key, etag=source.etag, size_bytes=source.size_bytes)
    for each in before.links:
        services.doorbell.ring(queues.LINK_TASK, each.article)
    if changed:
        message = f"It is out of public view, {removed} files are deleted. It stays so until restored."
        return _done("withdraw", record, message)
    return _nothing("withdraw", record, "It is withdrawn already.")


def restore(services: Services, name: str) -> Outcome:
    """Let a withdrawn clip be made and published again, of the newest upload.

    Raises:
        OrderRefused: there is no such clip, or no upload of it is there any more.
    """
    record = _existing(services, name)
    if record.withdrawn is None:
        return _nothing("restore", record, "It is not withdrawn.")
    arrived = record.withdrawn.arrived
    uploads = list(dict.fromkeys([*([arrived.key] if arrived else []), record.source.key]))
    if not any(_is_there(services, key) for key in uploads):
        raise OrderRefused("upload_removed", f"No upload of {name} is there any more. Upload it, then restore it.")
    queue = _queue(services, name)
    services.store.delete(services.settings.media_bucket, keys.withdrawn_marker(name))
    recipe = services.ladder.revision
    changed, record = _begin(
        services, name, lambda now: orders.restore(now, recipe=recipe, queue=queue, now=utc_now()), uploads
    )
    if changed:
        return _done("restore", record, "It is made again, of its newest upload.")
    return _nothing("restore", record, "It is not withdrawn.")


def reprocess(services: Services, name: str, *, ladder: str | None = None) -> Outcome:
    """Make a new version of the clip's newest upload by that ladder, or by the usual one; the old one stays meanwhile.

    Raises:
        OrderRefused: there is no such clip or ladder, it is withdrawn, or its upload is not there any more or no clip.
    """
    record = _existing(services, name)
    _refuse_withdrawn(record)
    recipe = services.ladder if ladder is None else _ladder(services, ladder)
    _upload_of(services, record)
    version = arrival.derive_version(record.work.source, recipe.revision)
    queue = record.work.queue or _queue(services, name)
    changed, record = _begin(
        services,
        name,
        lambda now: (
            orders.reprocess(now, version=version, ladder=ladder, queue=queue, now=utc_now())
            # Another upload came meanwhile, which is made by the usual ladder as every new one.
            if arrival.identity(now.work.source) == arrival.identity(record.work.source)
            else now
        ),
    )
    if changed and not record.work.state.is_final:
        kept = " The published version stays until it is ready." if record.state is ClipState.READY else ""
        return _done("reprocess", record, f"It is made by the ladder {ladder or services.settings.ladder}.{kept}")
    if changed:
        return _done("reprocess", record, "The published version is of that ladder; other work on it ends.")
    return _nothing("reprocess", record, "A version by that ladder is published, or in work, already.")


def prioritise(services: Services, name: str, priority: str) -> Outcome:
    """Move a clip that waits for its turn to the queue of that priority (`PRIORITIES`).

    Raises:
        OrderRefused: there is no such clip, or no such priority.
    """
    if priority not in PRIORITIES:
        known = ", ".join(PRIORITIES)
        raise OrderRefused("unknown_priority", f"There is no priority {priority[:40]!r}; name one of: {known}.")
    queue = PRIORITIES[priority]
    before = _existing(services, name)
    changed, record = _changed(services, name, lambda now: orders.prioritise(now, queue=queue, now=utc_now()))
    if changed:
        # The message that waits where it was would be answered there, however low the new priority.
        services.doorbell.take_back(queues.TRANSCODE_TASK, name, queue=before.work.queue or queues.TRANSCODE)
        services.doorbell.ring(queues.TRANSCODE_TASK, name, queue=queue, again=True)
        return _done("priority", record, f"It waits in the queue {queue}.")
    if record.work.state.is_final:
        return _nothing("priority", record, f"It waits for nothing: it is {record.work.state.value}.")
    if record.work.queue == queue:
        return _nothing("priority", record, f"It is in the queue {queue} already.")
    return _nothing("priority", record, "A worker has it already.")


def choose_poster(services: Services, name: str, time_s: float | None) -> Outcome:
    """Have the poster taken at that moment, in seconds (to the millisecond); None: where newsreel finds it best.

    Raises:
        OrderRefused: there is no such clip or moment, it has no poster, or its upload is not there any more.
    """
    record = _existing(services, name)
    _refuse_withdrawn(record)
    is_sound = bool(record.source.audio) and record.source.video is None
    if record.state is ClipState.FAILED or record.poster is None or is_sound:
        raise OrderRefused("no_poster", f"{name} has no poster yet that another could take the place of.")
    duration_s = record.source.duration_s
    if time_s is not None and not 0 <= time_s <= (duration_s if duration_s is not None else time_s):
        raise OrderRefused("no_such_moment", f"{name} has no moment {time_s:g} s: it is {duration_s or 0:g} s long.")
    if record.next is not None and arrival.identity(record.next.source) != arrival.identity(record.source):
        raise OrderRefused("newer_upload", f"A newer upload of {name} is in work: choose when that one is ready.")
    _upload_of(services, record)
    wish_s = None if time_s is None else round(time_s, 3)
    finish.forget_settled(services, record.source.key)
    seen = arrival.identity(record.source)
    changed, record = _changed(
        services,
        name,
        # What was chosen is a moment of this upload; of one that was published meanwhile it says nothing.
        lambda now: (
            orders.choose_poster(now, time_s=wish_s, now=utc_now()) if arrival.identity(now.source) == seen else now
        ),
    )
    # Also where nothing changed: what the ring before was to bring about may not have been done.
    services.doorbell.ring(queues.THUMBNAILS_TASK, name)
    where = "where newsreel finds it best" if wish_s is None else f"at {wish_s:g} s"
    if changed:
        return _done("poster", record, f"Its poster is taken {where}.")
    return _nothing("poster", record, f"Its poster is taken {where} already.")


def _existing(services: Services, name: str) -> ClipRecord:
    record = services.clips.get(name)
    if record is None:
        raise OrderRefused("not_found", f"There is no record of a clip {name[:200]!r}.")
    return record


def _refuse_withdrawn(record: ClipRecord) -> None:
    if record.state is ClipState.WITHDRAWN:
        raise OrderRefused("withdrawn", f"{record.name} is withdrawn. Restore it first.")


def _ladder(services: Services, name: str) -> Ladder:
    if not _LADDER.fullmatch(name):
        raise OrderRefused("unknown_ladder", f"{name[:200]!r} is no name of a ladder that ships with newsreel.")
    try:
        return services.find_ladder(name)
    except ConfigurationError as error:
        raise OrderRefused("unknown_ladder", str(error)) from error


def _upload_of(services: Services, record: ClipRecord) -> ObjectInfo:
    """The upload that the work is of, if it is there and can be a clip."""
    source = record.work.source
    try:
        info = services.store.head(services.settings.incoming_bucket, source.key)
    except NoSuchObject:
        raise OrderRefused(
            arrival.UPLOAD_REMOVED, f"The upload {source.key} is not there any more. Upload the file again."
        ) from None
    if info.etag != source.etag:
        services.doorbell.ring(queues.INGEST_TASK, source.key)
        raise OrderRefused("uploaded_anew", f"{source.key} was uploaded anew: the new file is being taken up.")
    refused = rejection(services, info)
    if refused is not None:
        raise OrderRefused(refused.code, refused.message)
    return info


def _is_there(services: Services, key: str) -> bool:
    try:
        services.store.head(services.settings.incoming_bucket, key)
    except NoSuchObject:
        return False
    return True


def _queue(services: Services, name: str) -> str:
    return queues.TRANSCODE_URGENT if finish.referring_articles(services, name) else queues.TRANSCODE


def _begin(
    services: Services, name: str, change: Callable[[ClipRecord], ClipRecord], uploads: list[str] | None = None
) -> tuple[bool, ClipRecord]:
    """Change the record so that there is work again, and ring for it."""
    known = uploads or [_existing(services, name).work.source.key]
    for key in known:
        finish.forget_settled(services, key)
    changed, record = _changed(services, name, change)
    for key in known:
        if changed and record.work.state is not ClipState.READY:
            # A late `settle` of the former end may have come between the two.
            finish.forget_settled(services, key)
        services.doorbell.ring(queues.INGEST_TASK, key)
    return changed, record


def _changed(services: Services, name: str, change: Callable[[ClipRecord], ClipRecord]) -> tuple[bool, ClipRecord]:
    committed = services.clips.update(name, lambda record: record and change(record))
    if committed.record is None:
        raise OrderRefused("not_found", f"There is no record of a clip {name[:200]!r}.")
    return committed.changed, committed.record


def _done(order: str, record: ClipRecord, message: str) -> Outcome:
    log.info("ordered", order=order, clip=record.name, state=record.state, work=record.work.state)
    return Outcome(order=order, changed=True, message=message, record=record)


def _nothing(order: str, record: ClipRecord, message: str) -> Outcome:
    return Outcome(order=order, changed=False, message=message, record=record)
