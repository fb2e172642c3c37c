"""What editors decided about an article's references whose name matches no clip, or several.

Decisions stand beside the article, one JSON object by folded reference name, and never in its upload, which belongs to
the CMS. So they survive each edit, count only while the article has such a reference, and can be taken back.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from typing import Final

import structlog

from config import queues
from tasks.adapters.object_store import NoSuchObject, PreconditionFailed
from tasks.errors import TemporarilyUnavailable
from tasks.pipeline import derived
from tasks.pipeline.order_steps import OrderRefused
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.clip_record import ClipState

log: Final = structlog.get_logger()
_TRIES: Final = 24


def read(services: Services, article_id: str) -> Mapping[str, str]:
    """The names of the clips that were decided on, by the folded name of the reference."""
    return _stored(services, article_id)[0]


def decide(services: Services, article_id: str, reference: str, clip: str | None) -> bool:
    """Let the article's reference of that name mean that clip; None takes an earlier decision back.

    Returns whether that is news. The article is rebuilt a moment later.

    Raises:
        OrderRefused: the article has no such reference, or there is no such clip to be shown.
        TemporarilyUnavailable: the store or the broker failed.
    """
    record = services.articles.get(article_id)
    wanted = keys.fold(reference)
    if record is None or wanted not in {keys.fold(each.name) for each in record.references}:
        raise OrderRefused(
            "no_such_reference", f"The article {article_id[:200]!r} has no reference {reference[:200]!r}."
        )
    chosen = services.clips.get(clip) if clip is not None else None
    if clip is not None and (chosen is None or chosen.state is ClipState.WITHDRAWN):
        raise OrderRefused("not_found", f"There is no clip {clip[:200]!r} that could be shown.")
    is_news = _replace(services, article_id, wanted, chosen.name if chosen else None)
    services.doorbell.ring(queues.LINK_TASK, article_id)
    log.info("decided", article=article_id, reference=reference, clip=clip, is_news=is_news)
    return is_news


def forget(services: Services, article_id: str) -> None:
    """Forget what was decided about an article that no longer exists."""
    services.store.delete(services.settings.media_bucket, keys.decisions(article_id))


def _replace(services: Services, article_id: str, reference: str, clip: str | None) -> bool:
    for attempt in range(_TRIES):
        known, etag = _stored(services, article_id)
        wanted = {name: each for name, each in known.items() if name != reference}
        if clip is not None:
            wanted[reference] = clip
        if wanted == known:
            return False
        # Before the decision: whatever becomes of this process, the rebuild is then found to be due.
        derived.put_mark(services, keys.waiting_mark(article_id))
        try:
            services.store.put(
                services.settings.media_bucket,
                keys.decisions(article_id),
                json.dumps(wanted, ensure_ascii=False, sort_keys=True).encode(),
                content_type="application/json; charset=utf-8",
                if_match=etag,
                if_absent=etag is None,
            )
        except (PreconditionFailed, NoSuchObject):
            time.sleep(random.uniform(0, min(1.0, 0.01 * 2**attempt)))  # noqa: S311
            continue
        return True
    raise TemporarilyUnavailable("record_contended", "Too many editors decided at once.", article_id)


def _stored(services: Services, article_id: str) -> tuple[dict[str, str], str | None]:
    key = keys.decisions(article_id)
    try:
        stored = services.store.get(services.settings.media_bucket, key)
    except NoSuchObject:
        return {}, None
    try:
        return {str(name): str(clip) for name, clip in json.loads(stored.body).items()}, stored.etag
    except (ValueError, AttributeError, RecursionError):
        log.warning("object unreadable", key=key)
        return _shown(services, article_id), stored.etag


def _shown(services: Services, article_id: str) -> dict[str, str]:
    """The decisions that the article's record shows, for when the stored ones can't be read."""
    record = services.articles.get(article_id)
    references = record.references if record is not None else ()
    return {keys.fold(each.name): each.decided for each in references if each.decided is not None}
