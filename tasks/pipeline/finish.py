"""What follows a change of a clip's record: the articles that refer to it are rebuilt, finished work is marked."""

from __future__ import annotations

from typing import Final

import structlog

from config import queues
from tasks.adapters.clock import utc_now
from tasks.errors import TemporarilyUnavailable
from tasks.pipeline import derived
from tasks.pipeline.services import Services
from tasks.records import arrival, keys, lifecycle
from tasks.records.clip_record import ClipState

log: Final = structlog.get_logger()


def referring_articles(services: Services, name: str) -> tuple[str, ...]:
    """Ids of the articles that refer to the clip, whatever case they write it in."""
    prefix = keys.references_prefix(name)
    found = services.store.list(services.settings.media_bucket, prefix)
    return tuple(mark.key.removeprefix(prefix) for mark in found)


def ring_articles(services: Services, name: str) -> None:
    """Queue the rebuild of every article that refers to the clip."""
    for article_id in referring_articles(services, name):
        # If the ring gets lost, the mark remains for `reconcile`; the rebuild takes it away.
        derived.put_mark(services, keys.waiting_mark(article_id))
        services.doorbell.ring(queues.LINK_TASK, article_id)


def hasten(services: Services, name: str) -> None:
    """An article waits for the clip: if the clip is still queued, queue it again as urgent."""
    committed = services.clips.update(
        name, lambda record: lifecycle.hasten(record, queue=queues.TRANSCODE_URGENT, now=utc_now())
    )
    if committed.changed:
        services.doorbell.ring(queues.TRANSCODE_TASK, name, queue=queues.TRANSCODE_URGENT, again=True)


def announce(services: Services, name: str) -> None:
    """Ring the articles about an intermediate step; if that fails, the clip's end rings them anyway."""
    try:
        ring_articles(services, name)
    except TemporarilyUnavailable as error:
        log.warning("articles not rung", clip=name, error=error.detail)


def settle(services: Services, name: str, *, key: str, etag: str, size_bytes: int) -> None:
    """Ring the articles, then mark the upload as done, once it is: `reconcile` looks at unmarked ones only.

    The mark comes last, so whatever is lost before it is found again. A clip without a poster is rung for once more.
    """
    ring_articles(services, name)
    record = services.clips.get(name)
    if record is None or not record.work.state.is_final:
        return
    if record.work.state is ClipState.READY and record.work.lacks_pictures:
        services.doorbell.ring(queues.THUMBNAILS_TASK, name)
        return
    # What the clip names no more is looked for once, after the time that late readers are given.
    derived.put_mark(services, keys.leftovers_mark(name))
    mark_settled(services, key=key, etag=etag, size_bytes=size_bytes)


def forget_settled(services: Services, key: str) -> None:
    """Remove the marks that uploads under that incoming key are done: there is work for them again."""
    bucket = services.settings.media_bucket
    services.store.delete_all(bucket, [each.key for each in services.store.list(bucket, keys.settled_prefix(key))])


def mark_settled(services: Services, *, key: str, etag: str, size_bytes: int) -> None:
    """Mark the upload under an incoming key as done, and no earlier one: that may come back."""
    bucket = services.settings.media_bucket
    mark = keys.settled_mark(key, arrival.upload_id(etag, size_bytes))
    derived.put_mark(services, mark)
    for other in services.store.list(bucket, keys.settled_prefix(key)):
        if other.key != mark:
            services.store.delete(bucket, other.key)
