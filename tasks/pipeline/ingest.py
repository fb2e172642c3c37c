"""Ingest: an event named an upload; look at what is really there, and queue the work for it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Final

import structlog

from config import queues
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import NoSuchObject, ObjectInfo
from tasks.adapters.records import report
from tasks.errors import RecordUnreadable, SourceRejected
from tasks.media.clip import ClipName, parse_clip_name
from tasks.news.reading import EXTENSIONS
from tasks.pipeline import derived, finish
from tasks.pipeline.services import Services
from tasks.records import arrival, keys
from tasks.records.base import Failure, Notice
from tasks.records.clip_facts import SourceFacts
from tasks.records.clip_record import ClipRecord, ClipState

log: Final = structlog.get_logger()
_BULK_AFTER: Final = timedelta(hours=24)


def ingest(services: Services, key: str) -> None:
    """Record the object under that key of the incoming bucket; one that is gone, or not meant for us, is ignored.

    Raises:
        SourceRejected: it is no clip. The record says so already; this tells whoever watches tasks.
        RecordUnreadable: the clip has a record that can't be read. It may say that the clip was withdrawn, so none
            takes its place.
    """
    if not is_upload(key):
        log.info("ignored", key=key, reason="not under clips/ or articles/")
        return
    try:
        info = services.store.head(services.settings.incoming_bucket, key)
    except NoSuchObject:
        if key.startswith(keys.ARTICLES):
            _release_article(services, key)
        else:
            log.info("ignored", key=key, reason="gone")
        return
    if key.startswith(keys.ARTICLES):
        _ingest_article(services, info)
    else:
        _ingest_clip(services, info)


def is_upload(key: str) -> bool:
    """Whether an object of the incoming bucket is a clip or an article: no folder, no file that systems leave."""
    file_name = key.rsplit("/", 1)[-1]
    hidden = file_name.startswith(".") or file_name in ("", "Thumbs.db", "desktop.ini")
    return key.startswith((keys.CLIPS, keys.ARTICLES)) and not hidden


def _ingest_article(services: Services, info: ObjectInfo) -> None:
    article_id = keys.stem(info.key)
    if _is_displaced(services, article_id, info):
        log.info("ignored", key=info.key, reason="another upload of that name is the article")
        return
    services.store.put(
        services.settings.media_bucket,
        keys.article_source(article_id),
        json.dumps({"key": info.key}, ensure_ascii=False).encode(),
        content_type="application/json; charset=utf-8",
    )
    services.doorbell.ring(queues.LINK_TASK, article_id)


def read_source(mark: bytes) -> str | None:
    """The incoming key that an article's mark (`keys.article_source`) names; None if it can't be read."""
    try:
        key = json.loads(mark)["key"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return key if isinstance(key, str) and key.startswith(keys.ARTICLES) else None


def _release_article(services: Services, key: str) -> None:
    """The upload of an article is gone: if it was the one that is shown, have the record say so."""
    article_id = keys.stem(key)
    try:
        mark = services.store.get(services.settings.media_bucket, keys.article_source(article_id))
    except NoSuchObject:
        log.info("ignored", key=key, reason="gone")
        return
    if read_source(mark.body) in (key, None):
        services.doorbell.ring(queues.LINK_TASK, article_id)


def _is_displaced(services: Services, article_id: str, info: ObjectInfo) -> bool:
    """The article is read from another upload, which is newer, or of a kind that can be read when this one is not."""
    settings = services.settings
    try:
        mark = services.store.get(settings.media_bucket, keys.article_source(article_id))
        shown = read_source(mark.body)
        if shown is None:
            return False
        known = services.store.head(settings.incoming_bucket, shown)
    except NoSuchObject:
        return False
    if known.key == info.key:
        return False
    if keys.extension(info.key) not in EXTENSIONS:
        return keys.extension(known.key) in EXTENSIONS
    return (known.modified_at, known.key) > (info.modified_at, info.key) and keys.extension(known.key) in EXTENSIONS


def _ingest_clip(services: Services, info: ObjectInfo) -> None:
    clip = parse_clip_name(keys.stem(info.key))
    refused = rejection(services, info)
    arrived = _first_record(services, info, clip, refused)
    # The mark comes first: an article that looks for the name between the two finds no record, and waits.
    derived.put_mark(services, keys.clip_name_mark(arrived.name))
    try:
        committed = services.clips.update(
            arrived.name, lambda record: _received(record, arrived, displace=refused is None)
        )
    except RecordUnreadable as error:
        # `reconcile` rings for the upload until somebody has mended that, and so this is told again and again.
        report(error)
        raise
    record = committed.record
    assert record is not None  # noqa: S101 # receive never removes a record
    if committed.changed:
        log.info("received", clip=record.name, version=record.work.version, state=record.work.state)
    if record.work.state.is_final:
        finish.settle(services, record.name, key=info.key, etag=info.etag, size_bytes=info.size_bytes)
        if refused is not None and committed.changed:
            raise refused
        return
    if committed.changed:
        finish.ring_articles(services, record.name)
    if record.work.lacks_pictures:
        services.doorbell.ring(queues.THUMBNAILS_TASK, record.name)
    if not record.work.has_live_lease(utc_now()):
        services.doorbell.ring(queues.TRANSCODE_TASK, record.name, queue=record.work.queue)


def _received(record: ClipRecord | None, arrived: ClipRecord, *, displace: bool) -> ClipRecord:
    # A file that is no clip (a sidecar with the clip's name) must not push a clip aside.
    if not displace and record is not None and record.work.source.key != arrived.source.key:
        return record
    return arrival.receive(record, arrived)


def _first_record(services: Services, info: ObjectInfo, clip: ClipName, refused: SourceRejected | None) -> ClipRecord:
    now = utc_now()
    source = SourceFacts(key=info.key, etag=info.etag, size_bytes=info.size_bytes)
    record = arrival.first_record(
        name=clip.name,
        source=source,
        version=arrival.derive_version(source, services.ladder.revision),
        queue=_queue(services, clip.name, info),
        uploaded_at=info.modified_at,
        now=now,
        parts={"air_date": clip.air_date, "slug": clip.slug, "take": clip.take},
        warnings=[] if clip.is_conventional else [_unconventional(clip.name)],
    )
    if refused is None:
        return record
    failure = Failure(code=refused.code, message=refused.message, detail=refused.detail)
    return record.evolve(state=ClipState.FAILED, failure=failure, queue=None)


def rejection(services: Services, info: ObjectInfo) -> SourceRejected | None:
    """Why an upload is refused by its name or size alone; None if it is not."""
    extension = keys.extension(info.key)
    if extension not in keys.CLIP_EXTENSIONS:
        told = f"Files ending in “.{extension}” are" if extension else "Files without an extension are"
        return SourceRejected(
            "unknown_extension", f"{told} not accepted as clips; export it as .mp4, .mov or .mxf.", info.key
        )
    if info.size_bytes == 0:
        return SourceRejected("empty_upload", "This upload is empty (0 bytes). Upload the file again.", info.key)
    if info.size_bytes > services.settings.max_source_bytes:
        limit = f"{services.settings.max_source_bytes / 1024**3:.0f} GiB"
        return SourceRejected("too_large", f"This upload is larger than the {limit} that are accepted.", info.key)
    return None


def _queue(services: Services, name: str, info: ObjectInfo) -> str:
    """A clip that an article waits for is urgent; one that is found a day late is bulk."""
    if finish.referring_articles(services, name):
        return queues.TRANSCODE_URGENT
    return queues.TRANSCODE_BULK if utc_now() - info.modified_at > _BULK_AFTER else queues.TRANSCODE


def _unconventional(name: str) -> Notice:
    return Notice(
        code="name_unconventional",
        message=f"The name “{name}” is not of the form MMDDYY_SLUG1, so its date, slug and take are not known.",
    )
