"""Link: rebuild an article's record from what is stored, and tell each clip which paragraphs show it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import structlog

from config import queues
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import NoSuchObject
from tasks.adapters.records import report
from tasks.errors import RecordUnreadable, TemporarilyUnavailable
from tasks.news.linking import links_of
from tasks.pipeline import candidates, decisions, derived, finish, waiting
from tasks.pipeline.ingest import is_upload, read_source
from tasks.pipeline.rebuilding import Rebuilt, rebuild
from tasks.pipeline.services import Services
from tasks.records import keys, lifecycle
from tasks.records.article_record import ArticleRecord, ArticleState
from tasks.records.clip_record import ClipState

log: Final = structlog.get_logger()
_TRIES: Final = 24


def link(services: Services, article_id: str) -> None:
    """Bring the article's record up to date; one whose upload is gone becomes ``withdrawn``, and leaves its clips.

    The record is read before the clips are, and written only if nobody wrote it meanwhile: of two rebuilds that run at
    once, the one that saw the older clips loses and starts again. An article that waits, and of which nothing changed
    since its last rebuild, is left as it is. A record or a mark of the article that can't be read counts as absent,
    and so does a clip whose record can't be read: the story goes on without it.

    Raises:
        TemporarilyUnavailable: the store failed, or others won every one of many races.
    """
    key = _source_key(services, article_id)
    if key is None or waiting.is_unchanged(services, article_id, key):
        return
    for _ in range(_TRIES):
        before, etag = services.articles.get_with_etag(article_id)
        rebuilt = rebuild(services, article_id, key, before, is_new=etag is None)
        if rebuilt is None:
            log.info("ignored", article=article_id, reason="its upload is gone")
            return
        record = rebuilt.record
        if record is not before:
            # Before the record forgets them: a rebuild that stops here is done again, one that stops later is not.
            _take_links(services, before, record)
            if before is not None and before.state is ArticleState.WITHDRAWN:
                services.store.delete(services.settings.media_bucket, keys.gone_mark(article_id))
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


def _source_key(services: Services, article_id: str) -> str | None:
    try:
        mark = services.store.get(services.settings.media_bucket, keys.article_source(article_id))
    except NoSuchObject:
        log.info("ignored", article=article_id, reason="no upload is known for it")
        return None
    return read_source(mark.body) or _found_source(services, article_id)


def _found_source(services: Services, article_id: str) -> str | None:
    """In the place of a mark that can't be read: None where `ingest` is rung to set it anew, from the uploads."""
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


def _awaited(record: ArticleRecord) -> set[str]:
    """The names of all clips that the record's references wait for, or show."""
    decided = (each.decided for each in record.references if each.decided is not None)
    return candidates.awaited((each.name for each in record.references), decided)


def _take_links(services: Services, before: ArticleRecord | None, record: ArticleRecord) -> None:
    """Remove the article from the links of clips that it no longer shows."""
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
    """Remove the marks of references that an edit took out; one that stays costs a rebuild that changes nothing."""
    wanted = set(map(keys.fold, _awaited(record)))
    for name in sorted(_awaited(before) if before else ()):
        if keys.fold(name) not in wanted:
            services.store.delete(services.settings.media_bucket, keys.reference_mark(name, record.id))


def _hasten(services: Services, record: ArticleRecord) -> None:
    """Make the clips urgent that the story waits for."""
    for paragraph in record.paragraphs:
        for clip in paragraph.clips:
            if clip.state is ClipState.RECEIVED:
                with suppress(RecordUnreadable):
                    finish.hasten(services, clip.name)


def _mark(services: Services, rebuilt: Rebuilt) -> None:
    bucket, record = services.settings.media_bucket, rebuilt.record
    if record.state is ArticleState.WAITING:
        waiting.remember(services, record.id, names=rebuilt.names, seen=rebuilt.seen)
    else:
        services.store.delete(bucket, keys.waiting_mark(record.id))
    if record.state is ArticleState.WITHDRAWN:
        # The mark of a deleted upload would make reconcile pass over the same bytes when they come back.
        finish.forget_settled(services, record.source.key)
        decisions.forget(services, record.id)
        derived.put_mark(services, keys.gone_mark(record.id))
        return
    source = record.next.source if record.next else record.source
    finish.mark_settled(services, key=source.key, etag=source.etag, size_bytes=source.size_bytes)
