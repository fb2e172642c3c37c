"""Link: rebuild an article's record from what is stored, and tell each clip which paragraphs show it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

import structlog

from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import NoSuchObject
from tasks.errors import SourceRejected
from tasks.news.linking import build_record, failed_record, links_of, needs_suggestions, withdrawn_record
from tasks.news.reading import EXTENSIONS, read_article
from tasks.news.references import ReferenceStyle, spellings
from tasks.news.suggest import date_prefixes
from tasks.pipeline import finish
from tasks.pipeline.services import Services
from tasks.records import arrival, keys, lifecycle
from tasks.records.article_record import ArticleRecord, ArticleSource, ArticleState
from tasks.records.clip_record import ClipRecord, ClipState

log: Final = structlog.get_logger()
# Names to look through for a “did you mean”: those near by date first, then any.
_NEAR_NAMES: Final = 1_000
_ALL_NAMES: Final = 5_000
_MARKER_TYPE: Final = "application/octet-stream"


def link(services: Services, article_id: str) -> None:
    """Bring the article's record up to date; one whose upload is gone becomes ``withdrawn``, and leaves its clips.

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
            fresh = _read(services, article_id, key, current)
        except NoSuchObject:
            if current is None:
                log.info("ignored", article=article_id, reason="its upload is gone")
                return None
            fresh = withdrawn_record(current, utc_now())
        # The time alone is no change: the same facts give the same record, byte for byte.
        if current is not None and fresh.evolve(updated_at=current.updated_at) == current:
            return current
        # Before the record forgets them: a rebuild that stops here is done again, one that stops later is not.
        _take_links(services, current, fresh)
        return fresh

    committed = services.articles.update(article_id, rebuilt)
    record = committed.record
    if record is None:
        return
    _give_links(services, record)
    _drop_references(services, before, record)
    _hasten(services, record)
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


def _read(services: Services, article_id: str, key: str, previous: ArticleRecord | None) -> ArticleRecord:
    settings, now = services.settings, utc_now()
    info = services.store.head(settings.incoming_bucket, key)
    source = ArticleSource(key=key, etag=info.etag, size_bytes=info.size_bytes)
    try:
        return _parsed(services, article_id, source, previous, now)
    except SourceRejected as rejection:
        return failed_record(article_id=article_id, source=source, failure=rejection, now=now)


def _parsed(
    services: Services, article_id: str, source: ArticleSource, previous: ArticleRecord | None, now: datetime
) -> ArticleRecord:
    settings = services.settings
    extension = keys.extension(source.key)
    if extension in EXTENSIONS and source.size_bytes > settings.max_article_bytes:
        raise SourceRejected(
            "too_large",
            f"This article is larger than the {settings.max_article_bytes // 1024**2} MiB that are taken.",
            source.key,
        )
    body = services.store.get(settings.incoming_bucket, source.key).body if extension in EXTENSIONS else b""
    style = ReferenceStyle(labels=settings.reference_labels, shortcodes=settings.reference_shortcodes)
    parsed = read_article(body, extension, zone=settings.zone, style=style)
    names = {reference.name for reference in parsed.references}
    # The marker first, the clip's record after: whichever of article and clip comes last sees the other.
    for name in sorted(_spelt(names)):
        services.store.put(
            settings.media_bucket, keys.reference_marker(name, article_id), b"", content_type=_MARKER_TYPE
        )
    clips = {keys.fold(name): _clips_named(services, name) for name in names}
    unmatched = sorted(name for name in names if needs_suggestions(name, clips))
    return build_record(
        article_id=article_id,
        source=source,
        parsed=parsed,
        clips=clips,
        now=now,
        previous=previous,
        existing=_existing(services, unmatched) if unmatched else (),
    )


def _spelt(names: Iterable[str]) -> set[str]:
    """The names in each spelling under which their clips may arrive."""
    return {spelling for name in names for spelling in spellings(name)}


def _existing(services: Services, unmatched: Iterable[str]) -> set[str]:
    """Names of clips that there are, as many as are worth looking through."""
    prefixes = dict.fromkeys(keys.CLIP_NAMES + date for name in unmatched for date in date_prefixes(name))
    bucket = services.settings.media_bucket
    names: set[str] = set()
    for prefix, most in [*((each, _NEAR_NAMES) for each in prefixes), (keys.CLIP_NAMES, _ALL_NAMES)]:
        markers = islice(services.store.list(bucket, prefix), most)
        names.update(marker.key.rpartition("/")[2] for marker in markers)
    return names


def _clips_named(services: Services, name: str) -> tuple[ClipRecord, ...]:
    found: dict[str, ClipRecord] = {}
    for prefix in dict.fromkeys(map(keys.clip_names_prefix, spellings(name))):
        for marker in services.store.list(services.settings.media_bucket, prefix):
            record = services.clips.get(marker.key.removeprefix(prefix))
            if record is not None:
                found[record.name] = record
    return tuple(found.values())


def _take_links(services: Services, before: ArticleRecord | None, record: ArticleRecord) -> None:
    """Take the article out of the clips that it no longer shows."""
    shown = links_of(record)
    for name in links_of(before) if before else ():
        if name not in shown:
            _set_links(services, name, record.id, ())


def _give_links(services: Services, record: ArticleRecord) -> None:
    """Tell each clip which of the article's paragraphs show it."""
    for name, paragraphs in links_of(record).items():
        _set_links(services, name, record.id, paragraphs)


def _set_links(services: Services, name: str, article_id: str, paragraphs: Sequence[str]) -> None:
    services.clips.update(
        name, lambda clip: lifecycle.link(clip, article_id=article_id, paragraphs=paragraphs, now=utc_now())
    )


def _drop_references(services: Services, before: ArticleRecord | None, record: ArticleRecord) -> None:
    """Remove the markers of references that an edit took out; one that stays costs a rebuild that changes nothing."""
    wanted = set(map(keys.fold, _spelt(reference.name for reference in record.references)))
    for name in sorted(_spelt(reference.name for reference in before.references) if before else ()):
        if keys.fold(name) not in wanted:
            services.store.delete(services.settings.media_bucket, keys.reference_marker(name, record.id))


def _hasten(services: Services, record: ArticleRecord) -> None:
    """Let the clips that the story waits for pass others."""
    for paragraph in record.paragraphs:
        for clip in paragraph.clips:
            if clip.state is ClipState.RECEIVED:
                finish.hasten(services, clip.name)


def _mark(services: Services, record: ArticleRecord) -> None:
    bucket = services.settings.media_bucket
    waiting = keys.waiting_marker(record.id)
    if record.state is ArticleState.WAITING:
        services.store.put(bucket, waiting, b"", content_type=_MARKER_TYPE)
    else:
        services.store.delete(bucket, waiting)
    if record.state is ArticleState.WITHDRAWN:
        # The mark of a deleted upload would make reconcile pass over the same bytes when they come back.
        _forget(services, record)
        return
    source = record.source
    finish.mark_settled(services, key=source.key, etag=source.etag, size_bytes=source.size_bytes)


def _forget(services: Services, record: ArticleRecord) -> None:
    upload = arrival.upload_id(record.source.etag, record.source.size_bytes)
    services.store.delete(services.settings.media_bucket, keys.settled_marker(record.source.key, upload))
