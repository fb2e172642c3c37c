"""Link: rebuild an article's record from what is stored, and tell each clip which paragraphs show it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from config import queues
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import NoSuchObject
from tasks.adapters.records import report
from tasks.errors import RecordUnreadable, SourceRejected, TemporarilyUnavailable
from tasks.news.article import ParsedArticle
from tasks.news.linking import build_record, failed_record, links_of, needs_suggestions, withdrawn_record
from tasks.news.reading import EXTENSIONS, read_article
from tasks.news.references import ReferenceStyle
from tasks.news.reread import as_parsed
from tasks.pipeline import candidates, decisions, finish
from tasks.pipeline.ingest import is_upload, read_source
from tasks.pipeline.services import Services
from tasks.records import keys, lifecycle
from tasks.records.article_record import ArticleRecord, ArticleSource, ArticleState, NextArticle
from tasks.records.base import Failure
from tasks.records.clip_record import ClipRecord, ClipState

log: Final = structlog.get_logger()
_MARKER_TYPE: Final = "application/octet-stream"
_TRIES: Final = 24


@dataclass(frozen=True, kw_only=True)
class _Rebuilt:
    """A record as it should be, and what it was made of: if that is the same later, so is the record."""

    record: ArticleRecord
    names: tuple[str, ...] = ()
    seen: str = ""


def link(services: Services, article_id: str) -> None:
    """Bring the article's record up to date; one whose upload is gone becomes ``withdrawn``, and leaves its clips.

    The record is read before the clips are, and written only if nobody wrote it meanwhile: of two rebuilds that run at
    once, the one that saw the older clips loses and starts again. An article that waits, and of which nothing changed
    since its last rebuild, is left as it is. A record or a marker of the article that can't be read counts as absent,
    and so does a clip whose record can't be read: the story goes on without it.

    Raises:
        TemporarilyUnavailable: the store failed, or others won every one of many races.
    """
    key = _source_key(services, article_id)
    if key is None or _is_unchanged(services, article_id, key):
        return
    for _ in range(_TRIES):
        before, etag = services.articles.get_with_etag(article_id)
        rebuilt = _rebuilt(services, article_id, key, before, is_new=etag is None)
        if rebuilt is None:
            log.info("ignored", article=article_id, reason="its upload is gone")
            return
        record = rebuilt.record
        if record is not before:
            # Before the record forgets them: a rebuild that stops here is done again, one that stops later is not.
            _take_links(services, before, record)
            if before is not None and before.state is ArticleState.WITHDRAWN:
                services.store.delete(services.settings.media_bucket, keys.gone_marker(article_id))
        committed = services.articles.update(article_id, partial(_replaced, before=before, after=record))
        if committed.record == record:
            break
    else:
        raise TemporarilyUnavailable("record_contended", "Too many workers wrote this record at once.", article_id)
    _give_links(services, record)
    _drop_references(services, before, record)
    _hasten(services, record)
    _mark(services, rebuilt)
    if committed.changed:
        log.info("linked", article=article_id, state=record.state, references=len(record.references))


def _replaced(
    current: ArticleRecord | None, *, before: ArticleRecord | None, after: ArticleRecord
) -> ArticleRecord | None:
    return after if current == before else current


def _rebuilt(
    services: Services, article_id: str, key: str, before: ArticleRecord | None, *, is_new: bool
) -> _Rebuilt | None:
    """The record as it should be, ``before`` itself if that is the same; None if there never was an upload."""
    try:
        fresh = _read(services, article_id, key, before)
    except NoSuchObject:
        if is_new:
            return None
        fresh = _Rebuilt(record=withdrawn_record(before or _unknown(article_id, key), utc_now()))
    # The time alone is no change: the same facts give the same record, byte for byte.
    is_same = before is not None and fresh.record.evolve(updated_at=before.updated_at) == before
    return replace(fresh, record=before) if before is not None and is_same else fresh


def _unknown(article_id: str, key: str) -> ArticleRecord:
    """What stands for a record that can't be read, of an upload that is gone."""
    source = ArticleSource(key=key, etag="", size_bytes=0)
    return ArticleRecord(id=article_id, state=ArticleState.WITHDRAWN, updated_at=utc_now(), source=source)


def _is_unchanged(services: Services, article_id: str, key: str) -> bool:
    """The article waits, and neither its upload nor a clip that it could show was written since its last rebuild."""
    settings = services.settings
    try:
        told = services.store.get(settings.media_bucket, keys.waiting_marker(article_id)).body
        marker = _read_waiting(told)
        if marker is None:
            return False  # somebody wants it rebuilt
        waited_for, waited_with = marker
        source = services.store.head(settings.incoming_bucket, key)
    except NoSuchObject:
        return False
    etags: dict[str, str] = {}
    unmatched = []
    decided = decisions.read(services, article_id)
    for name in waited_for:
        found = candidates.names_for(services, name, decided)
        for each in found:
            with suppress(NoSuchObject):
                etags[each] = services.store.head(settings.media_bucket, keys.clip_record(each)).etag
        if not any(each in etags for each in found):
            unmatched.append(name)
    existing = candidates.existing(services, sorted(unmatched)) if unmatched else ()
    seen = _fingerprint(services, source.etag, etags, existing, decided)
    # A record that is gone, or can't be read, is made again.
    return seen == waited_with and services.articles.get(article_id) is not None


def _read_waiting(marker: bytes) -> tuple[list[str], str] | None:
    """The names that the article waits for, and what was seen of them; None if it is empty or can't be read."""
    try:
        told = json.loads(marker)
        return [str(name) for name in told["names"]], str(told["seen"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _fingerprint(
    services: Services, source: str, etags: Mapping[str, str], existing: Iterable[str], decided: Mapping[str, str]
) -> str:
    style = (services.settings.reference_labels, services.settings.reference_shortcodes)
    seen = json.dumps([source, sorted(etags.items()), sorted(existing), style, sorted(decided.items())])
    return hashlib.sha256(seen.encode()).hexdigest()


def _source_key(services: Services, article_id: str) -> str | None:
    try:
        marker = services.store.get(services.settings.media_bucket, keys.article_source(article_id))
    except NoSuchObject:
        log.info("ignored", article=article_id, reason="no upload is known for it")
        return None
    return read_source(marker.body) or _found_source(services, article_id)


def _found_source(services: Services, article_id: str) -> str | None:
    """In the place of a marker that can't be read: None where `ingest` is rung to set it anew, from the uploads."""
    log.warning("object unreadable", key=keys.article_source(article_id))
    listed = services.store.list(services.settings.incoming_bucket, keys.ARTICLES)
    uploads = [each.key for each in listed if keys.stem(each.key) == article_id and is_upload(each.key)]
    for key in uploads:
        services.doorbell.ring(queues.INGEST_TASK, key)
    if uploads:
        return None
    record = services.articles.get(article_id)
    # Under the bare id lies no upload, or it would have been found.
    return record.source.key if record is not None else keys.ARTICLES + article_id


def _read(services: Services, article_id: str, key: str, previous: ArticleRecord | None) -> _Rebuilt:
    settings, now = services.settings, utc_now()
    info = services.store.head(settings.incoming_bucket, key)
    source = ArticleSource(key=key, etag=info.etag, size_bytes=info.size_bytes)
    try:
        return _assembled(services, article_id, source, _parsed(services, source), previous, now)
    except SourceRejected as rejection:
        if previous is None or previous.state not in (ArticleState.WAITING, ArticleState.COMPLETE):
            return _Rebuilt(record=failed_record(article_id=article_id, source=source, failure=rejection, now=now))
        # What is published stays, and goes on to be joined with its clips; the new upload's fault stands beside it.
        kept = _assembled(services, article_id, previous.source, as_parsed(previous), previous, now, upload=source)
        failure = Failure(code=rejection.code, message=rejection.message, detail=rejection.detail)
        return replace(kept, record=kept.record.evolve(next=NextArticle(source=source, failure=failure)))


def _parsed(services: Services, source: ArticleSource) -> ParsedArticle:
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
    return read_article(body, extension, zone=settings.zone, style=style)


def _assembled(
    services: Services,
    article_id: str,
    source: ArticleSource,
    parsed: ParsedArticle,
    previous: ArticleRecord | None,
    now: datetime,
    *,
    upload: ArticleSource | None = None,
) -> _Rebuilt:
    names = {reference.name for reference in parsed.references}
    decided = decisions.read(services, article_id)
    shown = [decided[each] for each in map(keys.fold, names) if each in decided]
    # The marker first, the clip's record after: whichever of article and clip comes last sees the other.
    for name in sorted(candidates.awaited(names, shown)):
        services.store.put(
            services.settings.media_bucket, keys.reference_marker(name, article_id), b"", content_type=_MARKER_TYPE
        )
    clips: dict[str, tuple[ClipRecord, ...]] = {}
    etags: dict[str, str] = {}
    for name in names:
        found = [_readable(services, each) for each in candidates.names_for(services, name, decided)]
        clips[keys.fold(name)] = tuple(record for record, _ in found if record is not None)
        etags |= {record.name: etag for record, etag in found if record is not None and etag is not None}
    unmatched = sorted(name for name in names if needs_suggestions(name, clips))
    existing = candidates.existing(services, unmatched) if unmatched else set[str]()
    record = build_record(
        article_id=article_id,
        source=source,
        parsed=parsed,
        clips=clips,
        now=now,
        previous=previous,
        existing=existing,
        decisions=decided,
    )
    seen = _fingerprint(services, (upload or source).etag, etags, existing, decided)
    return _Rebuilt(record=record, names=tuple(sorted(names)), seen=seen)


def _readable(services: Services, name: str) -> tuple[ClipRecord | None, str | None]:
    try:
        return services.clips.get_with_etag(name)
    except RecordUnreadable as error:
        report(error)
        return None, None


def _awaited(record: ArticleRecord) -> set[str]:
    """The names of all clips that the record's references wait for, or show."""
    decided = (each.decided for each in record.references if each.decided is not None)
    return candidates.awaited((each.name for each in record.references), decided)


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
    try:
        services.clips.update(
            name, lambda clip: lifecycle.link(clip, article_id=article_id, paragraphs=paragraphs, now=utc_now())
        )
    except RecordUnreadable as error:
        report(error)


def _drop_references(services: Services, before: ArticleRecord | None, record: ArticleRecord) -> None:
    """Remove the markers of references that an edit took out; one that stays costs a rebuild that changes nothing."""
    wanted = set(map(keys.fold, _awaited(record)))
    for name in sorted(_awaited(before) if before else ()):
        if keys.fold(name) not in wanted:
            services.store.delete(services.settings.media_bucket, keys.reference_marker(name, record.id))


def _hasten(services: Services, record: ArticleRecord) -> None:
    """Let the clips that the story waits for pass others."""
    for paragraph in record.paragraphs:
        for clip in paragraph.clips:
            if clip.state is ClipState.RECEIVED:
                with suppress(RecordUnreadable):
                    finish.hasten(services, clip.name)


def _mark(services: Services, rebuilt: _Rebuilt) -> None:
    bucket, record = services.settings.media_bucket, rebuilt.record
    waiting = keys.waiting_marker(record.id)
    if record.state is ArticleState.WAITING:
        told = json.dumps({"names": rebuilt.names, "seen": rebuilt.seen}, ensure_ascii=False).encode()
        services.store.put(bucket, waiting, told, content_type="application/json; charset=utf-8")
    else:
        services.store.delete(bucket, waiting)
    if record.state is ArticleState.WITHDRAWN:
        # The mark of a deleted upload would make reconcile pass over the same bytes when they come back.
        finish.forget_settled(services, record.source.key)
        decisions.forget(services, record.id)
        services.store.put(bucket, keys.gone_marker(record.id), b"", content_type=_MARKER_TYPE)
        return
    source = record.next.source if record.next else record.source
    finish.mark_settled(services, key=source.key, etag=source.etag, size_bytes=source.size_bytes)
