"""Events of uploads, in whichever way they come, become messages for `ingest`."""

from __future__ import annotations

import structlog

from config import queues
from tasks.events import parse_events
from tasks.pipeline.services import Services
from tasks.records import keys

_log = structlog.get_logger()


def ring_for_uploads(services: Services, message: bytes) -> int:
    """Ring for each upload that the message names; returns how many there were.

    A removed object rings as a created one does: `ingest` looks at what is really there.

    Raises:
        SourceRejected: (``event_unreadable``) as `parse_events`; nothing was rung for.
        TemporarilyUnavailable: the broker is away; send the message again.
    """
    uploads = [
        event.key
        for event in parse_events(message)
        if event.bucket == services.settings.incoming_bucket
        and event.key.startswith((keys.CLIPS, keys.ARTICLES))
        and not event.key.endswith("/")
    ]
    for key in dict.fromkeys(uploads):
        services.doorbell.ring(queues.INGEST_TASK, key)
        _log.info("event.accepted", key=key)
    return len(uploads)
