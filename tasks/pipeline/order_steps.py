"""What operators' orders have in common: their refusal, their outcome, and the steps that they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from config import queues
from tasks.adapters.object_store import NoSuchObject, ObjectInfo
from tasks.errors import NewsreelError
from tasks.pipeline import finish
from tasks.pipeline.ingest import rejection
from tasks.pipeline.services import Services
from tasks.records import arrival
from tasks.records.clip_record import ClipRecord, ClipState

log: Final = structlog.get_logger()


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


def existing(services: Services, name: str) -> ClipRecord:
    """The clip's record.

    Raises:
        OrderRefused: there is none (``not_found``).
    """
    record = services.clips.get(name)
    if record is None:
        raise OrderRefused("not_found", f"There is no record of a clip {name[:200]!r}.")
    return record


def refuse_withdrawn(record: ClipRecord) -> None:
    """A withdrawn clip can only be restored.

    Raises:
        OrderRefused: it is one (``withdrawn``).
    """
    if record.state is ClipState.WITHDRAWN:
        raise OrderRefused("withdrawn", f"{record.name} is withdrawn. Restore it first.")


def upload_of(services: Services, record: ClipRecord) -> ObjectInfo:
    """The upload of the version in progress.

    Raises:
        OrderRefused: it no longer exists, was uploaded again, or can't be a clip.
    """
    source = record.work.source
    try:
        info = services.store.head(services.settings.incoming_bucket, source.key)
    except NoSuchObject:
        raise OrderRefused(
            arrival.UPLOAD_REMOVED, f"The upload {source.key} no longer exists. Upload the file again."
        ) from None
    if info.etag != source.etag:
        services.doorbell.ring(queues.INGEST_TASK, source.key)
        raise OrderRefused("uploaded_anew", f"{source.key} was uploaded again: the new file is being processed.")
    refused = rejection(services, info)
    if refused is not None:
        raise OrderRefused(refused.code, refused.message)
    return info


def is_there(services: Services, key: str) -> bool:
    """Whether there is an upload under that key."""
    try:
        services.store.head(services.settings.incoming_bucket, key)
    except NoSuchObject:
        return False
    return True


def queue_of(services: Services, name: str) -> str:
    """The clip's queue: clips that an article refers to come first."""
    return queues.TRANSCODE_URGENT if finish.referring_articles(services, name) else queues.TRANSCODE


def begin(
    services: Services, name: str, change: Callable[[ClipRecord], ClipRecord], uploads: list[str] | None = None
) -> tuple[bool, ClipRecord]:
    """Change the record so that there is work again, and ring for it."""
    known = uploads or [existing(services, name).work.source.key]
    for key in known:
        finish.forget_settled(services, key)
    changed, record = changed_by(services, name, change)
    for key in known:
        if changed and record.work.state is not ClipState.READY:
            # A late `settle` of the former end may have come between the two.
            finish.forget_settled(services, key)
        services.doorbell.ring(queues.INGEST_TASK, key)
    return changed, record


def changed_by(services: Services, name: str, change: Callable[[ClipRecord], ClipRecord]) -> tuple[bool, ClipRecord]:
    """Change the record; whether that changed anything, and the record as it stands.

    Raises:
        OrderRefused: there is none (``not_found``).
    """
    committed = services.clips.update(name, lambda record: record and change(record))
    if committed.record is None:
        raise OrderRefused("not_found", f"There is no record of a clip {name[:200]!r}.")
    return committed.changed, committed.record


def done(order: str, record: ClipRecord, message: str) -> Outcome:
    """An order that changed something."""
    log.info("ordered", order=order, clip=record.name, state=record.state, work=record.work.state)
    return Outcome(order=order, changed=True, message=message, record=record)


def nothing(order: str, record: ClipRecord, message: str) -> Outcome:
    """An order that found nothing to do."""
    return Outcome(order=order, changed=False, message=message, record=record)
