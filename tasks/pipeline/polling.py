"""One round of polling a queue of object events: every message is acted on before it is deleted."""

from __future__ import annotations

from typing import Final

import structlog

from tasks.adapters.sqs import QueuedMessage, SqsQueue
from tasks.errors import SourceRejected
from tasks.pipeline.services import Services
from tasks.pipeline.uploads import ring_for_uploads

_log = structlog.get_logger()

_FIRST_PAUSE_S: Final = 60
_LONGEST_PAUSE_S: Final = 3600


def poll(services: Services, queue: SqsQueue, *, wait_s: int) -> int:
    """Ring for the uploads that the next messages name, then delete the messages; returns how many there were.

    A message that cannot be read stays in the queue, whose redrive policy moves it to where an operator looks; it comes
    back after growing pauses, so that it keeps nobody busy where there is no such policy.

    Raises:
        TemporarilyUnavailable: the queue or the broker is away; what was not rung for comes back by itself.
    """
    messages = queue.receive(wait_s=wait_s)
    done: list[QueuedMessage] = []
    try:
        for message in messages:
            if _is_rung_for(services, queue, message):
                done.append(message)
    finally:
        queue.delete(done)
    return len(messages)


def pause_s(receives: int) -> int:
    """How long a message that can't be read is hidden: a minute the first time, doubled up to an hour."""
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S << min(receives - 1, 10))


def _is_rung_for(services: Services, queue: SqsQueue, message: QueuedMessage) -> bool:
    try:
        ring_for_uploads(services, message.body.encode(errors="surrogatepass"))
    except SourceRejected as error:
        _log.warning(
            "sqs.unreadable", message_id=message.id, receives=message.receives, code=error.code, detail=error.detail
        )
        queue.hide(message, for_s=pause_s(message.receives))
        return False
    return True
