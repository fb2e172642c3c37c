"""Reconcile: compare uploads with finished work, and queue the difference again.

Only listings are read: of the uploads, and of the marks that finished work leaves. A lost event, a wiped broker and a
dead worker all show in the same way: as an upload without its mark. The two listings have different orders, so both
are sorted, on disk if they are long, and merged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from config import queues
from tasks.adapters.clock import utc_now
from tasks.adapters.external_sort import in_order, missing, unmatched
from tasks.adapters.object_store import ObjectInfo
from tasks.errors import TemporarilyUnavailable
from tasks.pipeline import collect, feeds
from tasks.pipeline.ingest import is_upload
from tasks.pipeline.services import Services
from tasks.records import arrival, keys

log: Final = structlog.get_logger()
# A clip that comes rings its articles itself; this finds the ring that was lost.
_WAITING_S: Final = 300.0
# Longer than the desk's sessions last.
SESSION_MARKS_KEPT: Final = timedelta(days=1)
_COLLECT: Final = "collect"
Tell = Callable[[str], None]


def reconcile(
    services: Services,
    *,
    tell: Tell | None = None,
    is_dry: bool = False,
    collects: bool | None = None,
    is_thorough: bool = False,
) -> int:
    """Queue what is unfinished, and delete what no record names; returns how many things there were to do.

    What is still queued, or was queued a moment ago, is not counted and not queued again.

    Parameters:
        tell: is given each thing in words.
        is_dry: do nothing, and tell all of it.
        collects: delete media that no record names; None: if that was not done for ``collect_interval_s``.
        is_thorough: look for such media in the folder of every clip, not only of those that changed, and for clips and
            articles whose record is gone, or an article's that can't be read.
    """
    told = tell or (lambda words: log.info("reconciling", todo=words))
    done = 0

    def ring(task: str, name: str, why: str, *, every_s: float) -> None:
        nonlocal done
        if is_dry or services.doorbell.remind(task, name, every_s=every_s):
            told(why)
            done += 1

    with _collecting(services, collects, is_dry=is_dry) as is_collecting:
        forgotten = 0
        for side, line in _unmatched(services):
            if side == 0:
                key = json.loads(_rest(line))
                # Work that goes on is unfinished too: asking once in a lease time is enough to miss its worker.
                ring(queues.INGEST_TASK, key, f"queue {key}, which is not finished", every_s=services.settings.lease_s)
            elif is_collecting:
                forgotten += _forget_mark(services, line, is_dry=is_dry)
        if forgotten:
            told(f"delete the marks of {forgotten} uploads that are gone")
            done += forgotten
        for waiting in services.store.list(services.settings.media_bucket, keys.WAITING):
            article_id = waiting.key.removeprefix(keys.WAITING)
            # An empty mark was set by a clip that changed, and no rebuild came since: its ring may have got lost.
            every_s = _WAITING_S if waiting.size_bytes else services.settings.lease_s
            ring(queues.LINK_TASK, article_id, f"queue the article {article_id}, which waits", every_s=every_s)
        for article_id in _bereft(services):
            ring(
                queues.LINK_TASK,
                article_id,
                f"queue the article {article_id}, whose upload is gone",
                every_s=_WAITING_S,
            )
        done += collect.withdrawn(services, told, is_dry=is_dry)
        if is_collecting:
            for article_id in _unrecorded(services) if is_thorough else ():
                ring(
                    queues.LINK_TASK,
                    article_id,
                    f"queue the article {article_id}, whose record is gone or can't be read",
                    every_s=services.settings.lease_s,
                )
            done += collect.leftovers(services, told, is_dry=is_dry, is_thorough=is_thorough)
            done += collect.unfinished_uploads(services, told, is_dry=is_dry)
            done += _forget_sessions(services, told, is_dry=is_dry)
    if not is_dry:
        feeds.check(services)
        swept = services.workspaces.sweep()
        if done or swept:
            log.info("reconciled", done=done, workspaces_swept=swept)
    return done


def unfinished(uploads: Iterable[ObjectInfo]) -> Iterator[str]:
    """A line for each upload that is a clip or an article: the name of its mark, a tab, and its key in JSON."""
    for upload in uploads:
        if is_upload(upload.key):
            mark = keys.settled_mark(upload.key, arrival.upload_id(upload.etag, upload.size_bytes))
            yield f"{mark.removeprefix(keys.SETTLED)}\t{json.dumps(upload.key)}"


def marks(listed: Iterable[ObjectInfo]) -> Iterator[str]:
    """A line for each mark of finished work: its name, a tab, and when it was put."""
    for mark in listed:
        yield f"{mark.key.removeprefix(keys.SETTLED)}\t{mark.modified_at.isoformat()}"


def _unmatched(services: Services) -> Iterator[tuple[int, str]]:
    """The lines of uploads that are not marked as done (0), and of marks whose upload is gone (1), in one pass."""
    folder = services.workspaces.root
    with (
        # The uploads first: what is finished between the two listings is then in the second.
        in_order(unfinished(_uploads(services)), folder=folder) as uploads,
        in_order(marks(_marks(services)), folder=folder) as settled,
    ):
        yield from unmatched(uploads, settled)


def _forget_mark(services: Services, line: str, *, is_dry: bool) -> bool:
    """Delete the mark of an upload that is gone or was replaced long ago: they would grow in number for ever."""
    latest = utc_now() - timedelta(seconds=services.settings.version_grace_s)
    if datetime.fromisoformat(_rest(line)) >= latest:
        return False
    if not is_dry:
        services.store.delete(services.settings.media_bucket, keys.SETTLED + line.partition("\t")[0])
    return True


def _forget_sessions(services: Services, tell: Tell, *, is_dry: bool) -> int:
    """Delete the marks of sessions that were ended, when their cookies have run out as well."""
    bucket, latest = services.settings.media_bucket, utc_now() - SESSION_MARKS_KEPT
    old = (each.key for each in services.store.list(bucket, keys.ENDED_SESSIONS) if each.modified_at < latest)
    count = sum(1 for _ in old) if is_dry else services.store.delete_all(bucket, old)
    if count:
        tell(f"delete the marks of {count} sessions that ended")
    return count


def _bereft(services: Services) -> Iterator[str]:
    """The ids of the articles whose upload is gone, though their record does not say so yet."""
    folder, bucket = services.workspaces.root, services.settings.media_bucket
    uploads = services.store.list(services.settings.incoming_bucket, keys.ARTICLES)
    sources = services.store.list(bucket, keys.ARTICLE_SOURCES)
    gone = services.store.list(bucket, keys.GONE)
    with (
        # The sources first: an upload that comes between the two listings is then in the second.
        in_order((json.dumps(each.key.removeprefix(keys.ARTICLE_SOURCES)) for each in sources), folder=folder) as known,
        in_order((json.dumps(keys.stem(each.key)) for each in uploads), folder=folder) as there,
        in_order((json.dumps(each.key.removeprefix(keys.GONE)) for each in gone), folder=folder) as told,
    ):
        for line in missing(known, there, told):
            yield json.loads(line)


def _unrecorded(services: Services) -> Iterator[str]:
    """The ids of articles that have an upload and no record that can be read; reads every article's."""
    for source in services.store.list(services.settings.media_bucket, keys.ARTICLE_SOURCES):
        article_id = source.key.removeprefix(keys.ARTICLE_SOURCES)
        if services.articles.get(article_id) is None:
            yield article_id


def _rest(line: str) -> str:
    return line.partition("\t")[2]


def _uploads(services: Services) -> Iterator[ObjectInfo]:
    for prefix in (keys.ARTICLES, keys.CLIPS):
        yield from services.store.list(services.settings.incoming_bucket, prefix)


def _marks(services: Services) -> Iterator[ObjectInfo]:
    return services.store.list(services.settings.media_bucket, keys.SETTLED)


@contextmanager
def _collecting(services: Services, asked: bool | None, *, is_dry: bool) -> Iterator[bool]:
    """Whether to collect garbage now; a collection that was due and failed is due again at once."""
    if asked is not None or is_dry:
        yield bool(asked)
        return
    is_due = services.doorbell.is_due(_COLLECT, every_s=services.settings.collect_interval_s)
    try:
        yield is_due
    except TemporarilyUnavailable:
        if is_due:
            with suppress(TemporarilyUnavailable):
                services.doorbell.not_done(_COLLECT)
        raise
