"""Queues, and which worker class serves which: light work never waits behind heavy work.

Each queue class is one worker process. A class that serves several queues empties them in the order
given, so an urgent clip passes a bulk one (separate queues, since Redis priorities are only approximate).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

INGEST: Final = "ingest"
THUMBNAILS: Final = "thumbnails"
TRANSCODE_URGENT: Final = "transcode.urgent"
TRANSCODE: Final = "transcode"
TRANSCODE_BULK: Final = "transcode.bulk"
LINK: Final = "link"
RECONCILE: Final = "reconcile"
FEEDS: Final = "feeds"
NOTIFY: Final = "notify"


@dataclass(frozen=True, kw_only=True)
class QueueClass:
    """One kind of worker process: the queues it serves, in order, and how many tasks it runs at a time."""

    name: str
    queues: tuple[str, ...]
    concurrency: int


QUEUE_CLASSES: Final = (
    QueueClass(name="ingest", queues=(INGEST,), concurrency=2),
    QueueClass(name="thumbnails", queues=(THUMBNAILS,), concurrency=1),
    # One encode at a time: ffmpeg's own threads fill the machine, a second encode would only share it.
    QueueClass(name="transcode", queues=(TRANSCODE_URGENT, TRANSCODE, TRANSCODE_BULK), concurrency=1),
    QueueClass(name="link", queues=(LINK, RECONCILE), concurrency=1),
    # One writer for the feeds, so that it never races; a process of its own, since it waits for changes to gather.
    QueueClass(name="feeds", queues=(FEEDS,), concurrency=1),
    # Other people's servers are waited for here and nowhere else; it serves each by a thread of its own.
    QueueClass(name="notify", queues=(NOTIFY,), concurrency=1),
)

ALL_QUEUES: Final = tuple(queue for queue_class in QUEUE_CLASSES for queue in queue_class.queues)

# Task names are explicit, so queued messages stay valid when modules move.
INGEST_TASK: Final = "newsreel.ingest"
THUMBNAILS_TASK: Final = "newsreel.thumbnails"
TRANSCODE_TASK: Final = "newsreel.transcode"
LINK_TASK: Final = "newsreel.link"
RECONCILE_TASK: Final = "newsreel.reconcile"
FEEDS_TASK: Final = "newsreel.feeds"
NOTIFY_TASK: Final = "newsreel.notify"
DUE: Final = "due"
"""What the notify task is asked for: all that is due."""

TASK_QUEUES: Final = {
    INGEST_TASK: INGEST,
    THUMBNAILS_TASK: THUMBNAILS,
    TRANSCODE_TASK: TRANSCODE,
    LINK_TASK: LINK,
    RECONCILE_TASK: RECONCILE,
    FEEDS_TASK: FEEDS,
    NOTIFY_TASK: NOTIFY,
}


def queue_class(name: str) -> QueueClass:
    """The queue class of that name.

    Raises:
        KeyError: there is none of that name.
    """
    return {each.name: each for each in QUEUE_CLASSES}[name]
