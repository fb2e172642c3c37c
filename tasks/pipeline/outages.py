"""Waiting for a store that is away, so that a worker does not drain its queue and drop every message.

A process that waits holds no message and takes none, so what waits in the queue stays there: that is all the
back-pressure that is needed.
"""

from __future__ import annotations

import random
import time
from typing import Final

import structlog

from tasks.errors import TemporarilyUnavailable
from tasks.pipeline.services import Services
from tasks.records import keys

log: Final = structlog.get_logger()
AWAY: Final = "store_unavailable"
"""The code of a `TemporarilyUnavailable` that may mean that the store is away."""

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 8.0
_TICK_S: Final = 0.2


def is_store_there(services: Services) -> bool:
    """Whether the store accepts a write, as all work needs it to; takes some seconds if it does not."""
    try:
        services.store.put(services.settings.media_bucket, keys.PROBE, b"", content_type="application/octet-stream")
    except TemporarilyUnavailable:
        return False
    return True


def wait_for_store(services: Services) -> bool:
    """Wait until the store answers, asking at growing intervals (0.5 s to 8 s, with random jitter).

    Returns false if the worker is to end meanwhile.
    """
    pause_s, began = _FIRST_PAUSE_S, time.monotonic()
    while not services.is_stopping():
        # At random, so that all workers do not come back to the store at the same moment.
        until = time.monotonic() + random.uniform(pause_s / 2, pause_s)  # noqa: S311
        while time.monotonic() < until and not services.is_stopping():
            time.sleep(_TICK_S)
        if is_store_there(services):
            log.info("store back", waited_s=round(time.monotonic() - began, 1))
            return True
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
    return False
