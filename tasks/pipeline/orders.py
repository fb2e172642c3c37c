"""Operators' orders, from the command line or over HTTP: the record first, then the rings; each may be given twice.

`tasks.records.orders` says what an order means for the record. Before work begins again, the mark that its upload is
done is removed, so that `reconcile` rings again if the ring is lost.
"""

from __future__ import annotations

import re
from typing import Final

from config import queues
from tasks.adapters.clock import utc_now
from tasks.errors import ConfigurationError
from tasks.media.ladder import Ladder
from tasks.pipeline import collect, derived, finish
from tasks.pipeline.order_steps import (
    OrderRefused,
    Outcome,
    begin,
    changed_by,
    done,
    existing,
    is_there,
    nothing,
    queue_of,
    refuse_withdrawn,
    upload_of,
)
from tasks.pipeline.services import Services
from tasks.records import arrival, keys, orders
from tasks.records.clip_record import ClipState

# A path would name a file of the machine on which the order is given, not of the worker's.
_LADDER: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

PRIORITIES: Final = {
    "urgent": queues.TRANSCODE_URGENT,
    "normal": queues.TRANSCODE,
    "bulk": queues.TRANSCODE_BULK,
}
"""The queue of each priority that an operator may name."""


def retry(services: Services, name: str) -> Outcome:
    """Process a failed, parked or postponed clip again, at once.

    Raises:
        OrderRefused: there is no such clip, it is withdrawn, or its upload no longer exists or is not a clip.
    """
    record = existing(services, name)
    refuse_withdrawn(record)
    if record.work.state is ClipState.READY:
        return nothing("retry", record, "It is ready already.")
    if record.work.state is ClipState.FAILED:
        upload_of(services, record)
    queue = record.work.queue or queue_of(services, name)
    changed, record = begin(services, name, lambda now: orders.retry(now, queue=queue, now=utc_now()))
    if changed:
        return done("retry", record, "It is processed again.")
    return nothing("retry", record, "It is being processed already.")


def cancel(services: Services, name: str) -> Outcome:
    """Stop processing a clip; its worker's ffmpeg ends within two seconds, and a published version stays.

    Raises:
        OrderRefused: there is no such clip.
    """
    record = existing(services, name)
    changed, record = changed_by(services, name, lambda now: orders.cancel(now, now=utc_now()))
    if record.work.failure is not None and record.work.failure.code == orders.CANCELLED:
        source = record.work.source
        finish.settle(services, name, key=source.key, etag=source.etag, size_bytes=source.size_bytes)
    if not changed:
        return nothing("cancel", record, f"There is nothing to stop: it is {record.work.state.value}.")
    kept = " The published version stays." if record.state is ClipState.READY else ""
    return done("cancel", record, f"Processing it is stopped.{kept} To start again: newsreel retry {name}")


def withdraw(services: Services, name: str, *, reason: str = "") -> Outcome:
    """Take a clip offline, with all its media and links, until it is restored.

    Raises:
        OrderRefused: there is no such clip.
    """
    before = existing(services, name)
    # The mark first: whatever this call does not come to is completed by `reconcile`.
    derived.put_mark(services, keys.withdrawn_mark(name))
    changed, record = changed_by(services, name, lambda now: orders.withdraw(now, reason=reason, now=utc_now()))
    removed = collect.collect_withdrawn(services, name)
    source = record.source
    finish.settle(services, name, key=source.key, etag=source.etag, size_bytes=source.size_bytes)
    for each in before.links:
        services.doorbell.ring(queues.LINK_TASK, each.article)
    if changed:
        message = f"It is offline, and {removed} files were deleted. newsreel restore {name} publishes it again."
        return done("withdraw", record, message)
    return nothing("withdraw", record, "It is withdrawn already.")


def restore(services: Services, name: str) -> Outcome:
    """Process a withdrawn clip again, from its newest upload.

    Raises:
        OrderRefused: there is no such clip, or no upload of it exists any more.
    """
    record = existing(services, name)
    if record.withdrawn is None:
        return nothing("restore", record, "It is not withdrawn.")
    arrived = record.withdrawn.arrived
    uploads = list(dict.fromkeys([*([arrived.key] if arrived else []), record.source.key]))
    if not any(is_there(services, key) for key in uploads):
        raise OrderRefused("upload_removed", f"No upload of {name} exists any more. Upload it, then restore it.")
    queue = queue_of(services, name)
    services.store.delete(services.settings.media_bucket, keys.withdrawn_mark(name))
    recipe = services.ladder.revision
    changed, record = begin(
        services, name, lambda now: orders.restore(now, recipe=recipe, queue=queue, now=utc_now()), uploads
    )
    if changed:
        return done("restore", record, "It is processed again, from its newest upload.")
    return nothing("restore", record, "It is not withdrawn.")


def reprocess(services: Services, name: str, *, ladder: str | None = None) -> Outcome:
    """Encode the clip's newest upload again, with that ladder or the default one; the old version stays meanwhile.

    Raises:
        OrderRefused: there is no such clip or ladder, it is withdrawn, or its upload no longer exists or is not a clip.
    """
    record = existing(services, name)
    refuse_withdrawn(record)
    recipe = services.ladder if ladder is None else _ladder(services, ladder)
    upload_of(services, record)
    version = arrival.derive_version(record.work.source, recipe.revision)
    queue = record.work.queue or queue_of(services, name)
    changed, record = begin(
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
        return done("reprocess", record, f"It is encoded with the ladder {ladder or services.settings.ladder}.{kept}")
    if changed:
        return done("reprocess", record, "The published version was made with it; other work on the clip is stopped.")
    return nothing("reprocess", record, "A version with that ladder is already published or being made.")


def prioritise(services: Services, name: str, priority: str) -> Outcome:
    """Move a clip that waits for its turn to the queue of that priority (`PRIORITIES`).

    Raises:
        OrderRefused: there is no such clip, or no such priority.
    """
    if priority not in PRIORITIES:
        known = ", ".join(PRIORITIES)
        raise OrderRefused("unknown_priority", f"There is no priority {priority[:40]!r}; choose one of: {known}.")
    queue = PRIORITIES[priority]
    before = existing(services, name)
    changed, record = changed_by(services, name, lambda now: orders.prioritise(now, queue=queue, now=utc_now()))
    if changed:
        # The message that waits where it was would be answered there, however low the new priority.
        services.doorbell.take_back(queues.TRANSCODE_TASK, name, queue=before.work.queue or queues.TRANSCODE)
        services.doorbell.ring(queues.TRANSCODE_TASK, name, queue=queue, again=True)
        return done("priority", record, f"It waits in the queue {queue}.")
    if record.work.state.is_final:
        return nothing("priority", record, f"It is not waiting: it is {record.work.state.value}.")
    if record.work.queue == queue:
        return nothing("priority", record, f"It is in the queue {queue} already.")
    return nothing("priority", record, "A worker has it already.")


def choose_poster(services: Services, name: str, time_s: float | None) -> Outcome:
    """Take the poster at that moment, in seconds (to the millisecond); None lets newsreel choose.

    Raises:
        OrderRefused: there is no such clip or moment, it has no poster, or its upload no longer exists.
    """
    record = existing(services, name)
    refuse_withdrawn(record)
    is_sound = bool(record.source.audio) and record.source.video is None
    if record.state is ClipState.FAILED or record.poster is None or is_sound:
        raise OrderRefused("no_poster", f"{name} has no poster yet.")
    duration_s = record.source.duration_s
    if time_s is not None and not 0 <= time_s <= (duration_s if duration_s is not None else time_s):
        raise OrderRefused("no_such_moment", f"{time_s:g} s is not within {name}, which lasts {duration_s or 0:g} s.")
    if record.next is not None and arrival.identity(record.next.source) != arrival.identity(record.source):
        raise OrderRefused("newer_upload", f"A newer upload of {name} is being processed: choose when it is ready.")
    upload_of(services, record)
    wish_s = None if time_s is None else round(time_s, 3)
    finish.forget_settled(services, record.source.key)
    seen = arrival.identity(record.source)
    changed, record = changed_by(
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
        return done("poster", record, f"Its poster is taken {where}.")
    return nothing("poster", record, f"Its poster is taken {where} already.")


def _ladder(services: Services, name: str) -> Ladder:
    if not _LADDER.fullmatch(name):
        raise OrderRefused("unknown_ladder", f"{name[:200]!r} is not the name of a ladder that ships with newsreel.")
    try:
        return services.find_ladder(name)
    except ConfigurationError as error:
        raise OrderRefused("unknown_ladder", str(error)) from error
