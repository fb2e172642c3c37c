"""Link: rebuild an article's record from what is stored, and tell each clip which paragraphs show it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

import structlog

from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import NoSuchObject
from tasks.errors import SourceRejected
from tasks.news.article import decode_article, parse_article
from tasks.news.linking import build_record, failed_record, links_of
from tasks.pipeline.services import Services
from tasks.records import keys, lifecycle
from tasks.records.article_record import ArticleRecord, ArticleSource, ArticleState
from tasks.records.clip_record import ClipRecord

log: Final = structlog.get_logger()
_TEXT_EXTENSIONS: Final = frozenset({"txt"})
_MARKER_TYPE: Final = "application/octet-stream"


def link(services: Services, article_id: str) -> None:
    """Bring the article's record up to date; an article that is gone is left as it stands.

    The record is read before the clips are, and written only if nobody wrote it meanwhile: of two rebuilds that run at
    once, the one that saw the older clips loses and starts again.
    """
    key = _source_key(services, article_id)
    if key is None:
        return
    before: ArticleRecord | None = None

    def rebuilt(current: ArticleRecord | None) -> ArticleRecord | None:
        nonlocal before
        before = current
        try:
            fresh = _read(services, article_id, key)
        except NoSuchObject:
            log.info("upload gone", article=article_id, key=key)
            return current
        # The time alone is no change: the same facts give the same record, byte for byte.
        if current is not None and fresh.evolve(updated_at=current.updated_at) == current:
            return current
        return fresh

    committed = services.articles.update(article_id, rebuilt)
    record = committed.record
    if record is None:
        return
    _tell_clips(services, article_id, before, record)
    _mark(services, record)
    if committed.changed:
        log.info("linked", article=article_id, state=record.state, references=len(record.references))


def _source_key(services: Services, article_id: str) -> str | None:
    try:
        marker = services.store.get(services.settings.media_bucket, keys.article_source(article_id))
    except NoSuchObject:
        log.info("ignored", article=article_id, reason="no upload is known for it")
        return None
    return str(json.loads(marker.body)["key"])


def _read(services: Services, article_id: str, key: str) -> ArticleRecord:
    settings, now = services.settings, utc_now()
    info = services.store.head(settings.incoming_bucket, key)
    source = ArticleSource(key=key, etag=info.etag, size_bytes=info.size_bytes)
    try:
        return _parsed(services, article_id, source, now)
    except SourceRejected as rejection:
        return failed_record(article_id=article_id, source=source, failure=rejection, now=now)


def _parsed(services: Services, article_id: str, source: ArticleSource, now: datetime) -> ArticleRecord:
    settings = services.settings
    extension = keys.extension(source.key)
    if extension not in _TEXT_EXTENSIONS:
        raise SourceRejected(
            "unknown_extension", f"Articles are taken as .txt files; this one ends in “.{extension}”.", source.key
        )
    if source.size_bytes > settings.max_article_bytes:
        raise SourceRejected(
            "too_large",
            f"This article is larger than the {settings.max_article_bytes // 1024**2} MiB that are taken.",
            source.key,
        )
    body = services.store.get(settings.incoming_bucket, source.key).body
    parsed = parse_article(decode_article(body), zone=settings.zone)
    names = {reference.name for reference in parsed.references}
    # The marker first, the clip's record after: whichever of article and clip comes last sees the other.
    for name in sorted(names):
        services.store.put(
            settings.media_bucket, keys.reference_marker(name, article_id), b"", content_type=_MARKER_TYPE
        )
    clips = {keys.fold(name): _clips_named(services, name) for name in names}
    return build_record(article_id=article_id, source=source, parsed=parsed, clips=clips, now=now)


def _clips_named(services: Services, name: str) -> tuple[ClipRecord, ...]:
    prefix = keys.clip_names_prefix(name)
    markers = services.store.list(services.settings.media_bucket, prefix)
    records = [services.clips.get(marker.key.removeprefix(prefix)) for marker in markers]
    return tuple(record for record in records if record is not None)


def _tell_clips(services: Services, article_id: str, before: ArticleRecord | None, record: ArticleRecord) -> None:
    now = utc_now()
    shown = links_of(record)
    for name in sorted(shown.keys() | (links_of(before).keys() if before else set())):
        paragraphs = shown.get(name, ())
        services.clips.update(
            name,
            lambda clip, paragraphs=paragraphs: lifecycle.link(  # type: ignore[misc]
                clip, article_id=article_id, paragraphs=paragraphs, now=now
            ),
        )
    # References that an edit took out: the markers go last, so a rebuild that stops before finds them again.
    wanted = {keys.fold(reference.name) for reference in record.references}
    for reference in before.references if before else ():
        if keys.fold(reference.name) not in wanted:
            services.store.delete(services.settings.media_bucket, keys.reference_marker(reference.name, article_id))


def _mark(services: Services, record: ArticleRecord) -> None:
    bucket = services.settings.media_bucket
    waiting = keys.waiting_marker(record.id)
    if record.state is ArticleState.WAITING:
        services.store.put(bucket, waiting, b"", content_type=_MARKER_TYPE)
    else:
        services.store.delete(bucket, waiting)
    upload = lifecycle.upload_id(record.source.etag, record.source.size_bytes)
    services.store.put(bucket, keys.settled_marker(record.source.key, upload), b"", content_type=_MARKER_TYPE)
