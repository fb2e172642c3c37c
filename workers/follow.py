"""Following uploads by their records, until nothing more will happen to them by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tasks.adapters.object_store import NoSuchObject, ObjectInfo
from tasks.errors import NewsreelError
from tasks.records import keys
from tasks.records.article_record import ArticleRecord, ArticleState, ReferenceState
from tasks.records.clip_record import ClipRecord, ClipState, Work
from workers.client import Client

_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 1.0
# Ingest needs a moment before the answer to an earlier, equal upload can be told from the answer to this one.
_SETTLE_S: Final = 5.0


class TookTooLong(NewsreelError):  # noqa: N818
    """The time limit was reached before everything was final."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """An object that was put into the incoming bucket; ``put_at`` by the monotonic clock, in seconds."""

    info: ObjectInfo
    put_at: float = field(default_factory=time.monotonic)

    @property
    def is_article(self) -> bool:
        """Whether it is an article."""
        return self.info.key.startswith(keys.ARTICLES)


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What is known of an upload at a moment; ``progress`` from 0 to 1, ``speed`` in seconds of clip per second."""

    name: str
    state: str
    progress: float = 0.0
    speed: float | None = None
    queue: str | None = None
    note: str = ""
    detail: str = ""
    elapsed_s: float = 0.0
    is_final: bool = False
    has_succeeded: bool = False


def watch(client: Client, uploads: Sequence[Upload], *, timeout_s: float) -> Iterator[tuple[Sight, ...]]:
    """Yield what is known of all of them, from four times a second to once a second, until each one is final.

    Raises:
        TookTooLong: one was not final after ``timeout_s``.
        TemporarilyUnavailable: the store does not answer.
    """
    deadline = time.monotonic() + timeout_s
    pause_s = _FIRST_PAUSE_S
    seen: dict[str, Sight] = {}
    while True:
        for upload in uploads:
            known = seen.get(upload.info.key)
            if known is None or not known.is_final:
                seen[upload.info.key] = look(client, upload)
        yield tuple(seen[upload.info.key] for upload in uploads)
        open_ones = [sight.name for sight in seen.values() if not sight.is_final]
        if not open_ones:
            return
        if time.monotonic() > deadline:
            raise TookTooLong(f"Not finished after {timeout_s:.0f} s: {', '.join(open_ones)}. See: newsreel status")
        time.sleep(pause_s)
        pause_s = min(_LONGEST_PAUSE_S, pause_s * 1.2)


def look(client: Client, upload: Upload) -> Sight:
    """What the records say of the upload now. Equal bytes put again are the same upload, and may be final at once."""
    name = keys.stem(upload.info.key)
    elapsed_s = time.monotonic() - upload.put_at
    if upload.is_article:
        article = client.articles.get(name)
        if article is not None and _is_same(article.source.etag, article.source.size_bytes, upload.info):
            return of_article(article, elapsed_s=elapsed_s)
    else:
        clip = client.clips.get(name)
        if clip is not None and _is_same(clip.work.source.etag, clip.work.source.size_bytes, upload.info):
            return of_clip(clip, elapsed_s=elapsed_s, is_answer=_is_answer(clip.work, upload, elapsed_s))
        if clip is not None and _is_newer(clip.work, upload.info):
            return _lost(name, elapsed_s, f"A newer upload of this clip, {clip.work.source.key}, replaced it.")
    return _unseen(client, upload, name, elapsed_s)


def of_clip(record: ClipRecord, *, elapsed_s: float, is_answer: bool = True) -> Sight:
    """The state of the version in progress, or of the last one."""
    work = record.work
    note, detail = "", ""
    if work.failure is not None:
        waits = work.retry_at is not None
        note = f"to be tried again: {work.failure.message}" if waits else work.failure.message
        if not waits and not work.state.is_final:
            note = f"attempt {work.tries}"
        detail = work.failure.detail
    return Sight(
        name=record.name,
        state=work.state.value,
        progress=work.progress,
        speed=work.speed,
        queue=None if work.state.is_final else work.queue,
        note=note,
        detail=detail,
        elapsed_s=elapsed_s,
        is_final=work.state.is_final and is_answer,
        has_succeeded=work.state is ClipState.READY,
    )


def of_article(record: ArticleRecord, *, elapsed_s: float) -> Sight:
    """How much of the article is there. It is final, too, when all that it still lacks has failed."""
    lacking = [each for each in record.references if each.state is not ReferenceState.LINKED]
    waiting = [each for each in lacking if each.state is ReferenceState.WAITING]
    linked = len(record.references) - len(lacking)
    note, detail = f"{linked} of {len(record.references)} references linked", ""
    if record.failure is not None:
        note, detail = record.failure.message, record.failure.detail
    elif lacking:
        detail = "lacking: " + ", ".join(f"{each.name} ({each.state.value})" for each in lacking)
    is_done = record.state is not ArticleState.WAITING
    return Sight(
        name=record.id,
        state=record.state.value,
        progress=1.0 if record.state is ArticleState.COMPLETE else linked / max(1, len(record.references)),
        note=note,
        detail=detail,
        elapsed_s=elapsed_s,
        is_final=is_done or (bool(lacking) and not waiting),
        has_succeeded=record.state is ArticleState.COMPLETE,
    )


def _unseen(client: Client, upload: Upload, name: str, elapsed_s: float) -> Sight:
    try:
        now = client.head(upload.info.key)
    except NoSuchObject:
        return _lost(name, elapsed_s, "It was removed from the incoming bucket.")
    if now.etag != upload.info.etag:
        return _lost(name, elapsed_s, "Other content was uploaded under the same key in the meantime.")
    return Sight(name=name, state="uploaded", elapsed_s=elapsed_s)


def _lost(name: str, elapsed_s: float, note: str) -> Sight:
    return Sight(name=name, state="superseded", note=note, elapsed_s=elapsed_s, is_final=True)


def _is_same(etag: str, size_bytes: int, info: ObjectInfo) -> bool:
    # As ingest sees it: equal bytes under another key are no news.
    return (etag, size_bytes) == (info.etag, info.size_bytes)


def _is_newer(work: Work, info: ObjectInfo) -> bool:
    uploaded_at = work.timings.uploaded_at
    return work.source.key != info.key and uploaded_at is not None and uploaded_at > info.modified_at


def _is_answer(work: Work, upload: Upload, elapsed_s: float) -> bool:
    """A failure from before this upload is retried, so it counts only once ingest has had a moment."""
    uploaded_at = work.timings.uploaded_at
    is_of_before = uploaded_at is not None and uploaded_at < upload.info.modified_at
    return work.state is ClipState.READY or not is_of_before or elapsed_s > _SETTLE_S
