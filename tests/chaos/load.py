"""How much waits, how much room the work takes, and whether what an article wants passes the rest."""

from __future__ import annotations

import os
import statistics
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import redis

from config import queues
from tasks.records.clip_record import ClipRecord
from tests.chaos.stack import ChaosStack

_PERIOD_S: Final = 1.0
_MIB: Final = 1024**2
_ENCODES: Final = (queues.TRANSCODE_URGENT, queues.TRANSCODE, queues.TRANSCODE_BULK)


class LoadWatch(threading.Thread):
    """Samples the encodes' queues and the workers' folder until told to stop."""

    def __init__(self, stack: ChaosStack, workspace: Path) -> None:
        super().__init__(name="load", daemon=True)
        self._stack = stack
        self._workspace = workspace
        self._stop_asked = threading.Event()
        self.longest_queue = 0
        self.workspace_bytes = 0

    def run(self) -> None:
        """Until `stop`."""
        while not self._stop_asked.wait(_PERIOD_S):
            with suppress(redis.RedisError, OSError), self._stack.redis() as client:
                self.longest_queue = max(self.longest_queue, sum(client.llen(queue) for queue in _ENCODES))
            self.workspace_bytes = max(self.workspace_bytes, sum(_sizes(self._workspace)))

    def stop(self) -> None:
        """Ask for its end, and wait for it."""
        self._stop_asked.set()
        self.join(20)

    @property
    def workspace_mib(self) -> float:
        """The most that lay there at a time; what a fault filled the disk with is left out."""
        return round(self.workspace_bytes / _MIB, 1)


def waits_s(records: Mapping[str, ClipRecord]) -> tuple[float | None, float | None]:
    """The median time from upload to ready of the clips that an article shows, and of all others; None without any."""
    shown = [record for record in records.values() if record.links]
    return _median(shown), _median(record for record in records.values() if not record.links)


def _median(records: Iterable[ClipRecord]) -> float | None:
    timings = (record.timings for record in records)
    waits = [(t.ready_at - t.uploaded_at).total_seconds() for t in timings if t.ready_at and t.uploaded_at]
    return round(statistics.median(waits), 1) if waits else None


def _sizes(folder: Path) -> Iterable[int]:
    # A walk, unlike a glob, passes over folders that are removed meanwhile. A file with two names lies there once.
    seen = set()
    for parent, _, names in os.walk(folder):
        for name in names if parent != str(folder) else ():
            with suppress(OSError):
                found = Path(parent, name).stat()
                if found.st_ino not in seen:
                    seen.add(found.st_ino)
                    yield found.st_size
