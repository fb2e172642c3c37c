"""Celery's scheduler, made to survive a clock that is set back: its own would wait until the clock has caught up.

It also begins anew where its file was cut off by a crash or a full disk; nothing is lost with that but when each entry
ran last. Its file's time shows when it began: whoever starts a stack waits for that.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any, Final

import structlog
from celery.beat import PersistentScheduler

log: Final = structlog.get_logger()
_STEP_S: Final = 1.0


class SteadyScheduler(PersistentScheduler):
    """Celery's scheduler; when the wall clock is set back, every entry counts as just run and keeps its interval."""

    schedule_filename: str
    _store: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._offset_s = _offset_s()
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; returns the seconds until the next look."""
        offset_s = _offset_s()
        if offset_s < self._offset_s - _STEP_S:
            for entry in self.schedule.values():
                entry.last_run_at = entry.default_now()
            # It is built anew of the entries.
            self._heap = None
        self._offset_s = offset_s
        return float(super().tick(*args, **kwargs))

    def setup_schedule(self) -> None:
        """Read the schedule's file, whatever state it is in; it may have been written before the clock was set back."""
        trouble = self._trouble_of_reading()
        if trouble:
            log.warning(
                "the schedule's file is unreadable and is made anew", file=self.schedule_filename, error=trouble
            )
            for suffix in self.known_suffixes:
                Path(f"{self.schedule_filename}{suffix}").unlink(missing_ok=True)
            self._read()
        # Some of Python's databases write nothing before they are closed. Their endings differ, too.
        file = Path(self.schedule_filename)
        for path in file.parent.glob(f"{file.name}*"):
            path.touch()

    def _trouble_of_reading(self) -> str:
        try:
            self._read()
        except Exception as error:
            # Which ones there may be is up to the database, the pickle and the entries in it. Closed before it is
            # removed: some databases are locked, others write once more when they are closed.
            store, self._store = self._store, None
            with contextlib.suppress(Exception):
                store.close()
            return repr(error)
        return ""

    def _read(self) -> None:
        super().setup_schedule()
        for entry in self.schedule.values():
            now = entry.default_now()
            entry.last_run_at = min(entry.last_run_at or now, now)


def _offset_s() -> float:
    return time.time() - time.monotonic()
