"""A ring for an article that got lost is repeated soon, not with the leisure of articles that merely wait."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import redis

from config import queues
from tasks.pipeline import finish
from tasks.pipeline.ingest import ingest
from tasks.pipeline.link import link
from tasks.pipeline.reconcile import reconcile
from tasks.pipeline.services import Services
from tasks.records import keys

Put = Callable[[str, Path | bytes], str]
NAME, ARTICLE = "120320_LOSTRING1", "lost-ring"


def answer(services: Services, redis_url: str) -> int:
    """Take the rings for the article from their queue as a worker does that dies at once; says how many there were."""
    with redis.Redis.from_url(redis_url) as client:
        waiting = int(client.llen(queues.LINK))
        client.delete(queues.LINK)
    services.doorbell.answered(queues.LINK_TASK, ARTICLE)
    return waiting


def test_an_article_whose_clip_changed_is_rung_for_again_though_it_was_reminded_of_lately(
    services: Services, put: Put, redis_url: str
) -> None:
    key = f"articles/{ARTICLE}.txt"
    put(key, f"Bài\n\nThứ 5, 03.12.2020 | 18:00:30\n\nMột đoạn về con đê.\n\nVideo: {NAME}.mp4\n".encode())
    ingest(services, key)
    link(services, ARTICLE)
    answer(services, redis_url)
    reconcile(services)
    assert answer(services, redis_url) == 1, "an article that merely waits is looked at now and then"
    reconcile(services)
    assert answer(services, redis_url) == 0, "but not all the time"

    services.store.put(services.settings.media_bucket, keys.reference_mark(NAME, ARTICLE), b"", content_type="a/b")
    finish.ring_articles(services, NAME)
    assert answer(services, redis_url) == 1
    reconcile(services)
    assert answer(services, redis_url) == 1, "the ring that was lost is repeated"
    link(services, ARTICLE)
    reconcile(services)
    assert answer(services, redis_url) == 0, "after the rebuild it merely waits again"
