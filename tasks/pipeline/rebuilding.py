"""Rebuilding an article: its record as it should be, from its upload and the clips that it refers to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import NoSuchObject
from tasks.adapters.records import report
from tasks.errors import RecordUnreadable, SourceRejected
from tasks.news.article import ParsedArticle
from tasks.news.linking import build_record, failed_record, needs_suggestions, withdrawn_record
from tasks.news.reading import EXTENSIONS, read_article
from tasks.news.references import ReferenceStyle
from tasks.news.reread import as_parsed
from tasks.pipeline import candidates, decisions, derived, waiting
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.article_record import ArticleRecord, ArticleSource, ArticleState, NextArticle
from tasks.records.base import Failure
from tasks.records.clip_record import ClipRecord


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """A record as it should be, and what it was made of: if that is the same later, so is the record."""

    record: ArticleRecord
    names: tuple[str, ...] = ()
    seen: str = ""


def rebuild(
    services: Services, article_id: str, key: str, before: ArticleRecord | None, *, is_new: bool
) -> Rebuilt | None:
    """The record as it should be, ``before`` itself if that is the same; None if there never was an upload."""
    try:
        fresh = _read(services, article_id, key, before)
    except NoSuchObject:
        if is_new:
            return None
        fresh = Rebuilt(record=withdrawn_record(before or _unknown(article_id, key), utc_now()))
    # The time alone is no change: the same facts give the same record, byte for byte.
    is_same = before is not None and fresh.record.evolve(updated_at=before.updated_at) == before
    return replace(fresh, record=before) if before is not None and is_same else fresh


def _unknown(article_id: str, key: str) -> ArticleRecord:
    """The record to write in the place of one that can't be read, if its upload is gone."""
    source = ArticleSource(key=key, etag="", size_bytes=0)
    return ArticleRecord(id=article_id, state=ArticleState.WITHDRAWN, updated_at=utc_now(), source=source)


def _read(services: Services, article_id: str, key: str, previous: ArticleRecord | None) -> Rebuilt:
    settings, now = services.settings, utc_now()
    info = services.store.head(settings.incoming_bucket, key)
    source = ArticleSource(key=key, etag=info.etag, size_bytes=info.size_bytes)
    try:
        return _assembled(services, article_id, source, _parsed(services, source), previous, now)
    except SourceRejected as rejection:
        if previous is None or previous.state not in (ArticleState.WAITING, ArticleState.COMPLETE):
            return Rebuilt(record=failed_record(article_id=article_id, source=source, failure=rejection, now=now))
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
            f"This article is larger than the {settings.max_article_bytes // 1024**2} MiB that are accepted.",
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
) -> Rebuilt:
    names = {reference.name for reference in parsed.references}
    decided = decisions.read(services, article_id)
    shown = [decided[each] for each in map(keys.fold, names) if each in decided]
    # The mark first, the clip's record after: whichever of article and clip comes last sees the other.
    for name in sorted(candidates.awaited(names, shown)):
        derived.put_mark(services, keys.reference_mark(name, article_id))
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
    seen = waiting.fingerprint(services, (upload or source).etag, etags, existing, decided)
    return Rebuilt(record=record, names=tuple(sorted(names)), seen=seen)


def _readable(services: Services, name: str) -> tuple[ClipRecord | None, str | None]:
    try:
        return services.clips.get_with_etag(name)
    except RecordUnreadable as error:
        report(error)
        return None, None
