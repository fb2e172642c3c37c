"""What follows a change of a clip's record: the articles that refer to it are rebuilt, finished work is marked."""

from __future__ import annotations

from config import queues
from tasks.pipeline.services import Services
from tasks.records import keys, lifecycle
from tasks.records.clip_record import ClipState

NO_POSTER = "no_poster"


def referring_articles(services: Services, name: str) -> tuple[str, ...]:
    """Ids of the articles that refer to the clip, whatever case they write it in."""
    prefix = keys.references_prefix(name)
    found = services.store.list(services.settings.media_bucket, prefix)
    return tuple(marker.key.removeprefix(prefix) for marker in found)


def ring_articles(services: Services, name: str) -> None:
    """Ask for the rebuild of every article that refers to the clip."""
    for article_id in referring_articles(services, name):
        services.doorbell.ring(queues.LINK_TASK, article_id)


def settle(services: Services, name: str, *, key: str, etag: str, size_bytes: int) -> None:
    """Ring the articles, then mark the upload as done, once it is: `reconcile` looks at unmarked ones only.

    The mark comes last, so whatever is lost before it is found again. A clip without a poster is rung for once more.
    """
    ring_articles(services, name)
    record = services.clips.get(name)
    if record is None or not record.work.state.is_final:
        return
    has_picture = record.work.poster is not None and record.work.storyboard is not None
    gave_up = any(warning.code == NO_POSTER for warning in record.work.warnings)
    if record.work.state is ClipState.READY and not (has_picture or gave_up):
        services.doorbell.ring(queues.THUMBNAILS_TASK, name)
        return
    marker = keys.settled_marker(key, lifecycle.upload_id(etag, size_bytes))
    services.store.put(services.settings.media_bucket, marker, b"", content_type="application/octet-stream")
