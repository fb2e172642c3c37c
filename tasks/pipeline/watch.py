"""Noticing within a second that work is no longer wanted: the worker is to stop, or the clip's record says so.

The record is the truth, so an order reaches a worker wherever it runs. The store is asked for it unless it is still the
one that was read last: only what somebody wrote since is sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from tasks.adapters.object_store import NoSuchObject
from tasks.errors import TemporarilyUnavailable
from tasks.pipeline.services import Services
from tasks.records.clip_record import ClipRecord, ClipState

log: Final = structlog.get_logger()
TICK_S: Final = 0.25
_LOOK_S: Final = 0.75


class RecordWatch:
    """Watches a clip's record for changes; asks the store every three quarters of a second at most."""

    def __init__(self, services: Services, name: str) -> None:
        self._services = services
        self._name = name
        self._etag: str | None = None
        self._looked_at = 0.0

    def news(self) -> tuple[ClipRecord | None] | None:
        """The record in a tuple if it was written since the last call, a tuple of None if it is gone, else None.

        A store that does not answer has no news.
        """
        if time.monotonic() - self._looked_at < _LOOK_S:
            return None
        self._looked_at = time.monotonic()
        try:
            found = self._services.clips.get_if_changed(self._name, since=self._etag)
        except NoSuchObject:
            self._etag = None
            return (None,)
        except TemporarilyUnavailable as error:
            log.info("record not watched", clip=self._name, error=error.detail)
            return None
        if found is None:
            return None
        record, self._etag = found
        return (record,)

    def know(self, etag: str | None) -> None:
        """The caller knows the record of that ETag, which it has just read or written: it is no news."""
        self._etag, self._looked_at = etag, time.monotonic()


@contextmanager
def until_unwanted(services: Services, name: str, version: str) -> Iterator[threading.Event]:
    """An event for work that holds no lease; it is set when the worker is to end or nobody wants that version any more.

    A version is wanted as long as the clip's record names it, and not as failed or withdrawn.
    """
    stop, done = threading.Event(), threading.Event()
    watch = RecordWatch(services, name)

    def run() -> None:
        told = ""
        while not done.wait(TICK_S):
            try:
                news = watch.news()
            except Exception as error:
                # A thread that ends would leave the work deaf to every order. The traceback once: it looks again soon.
                log.warning("record not watched", clip=name, error=repr(error), exc_info=repr(error) != told)
                told, news = repr(error), None
            if services.is_stopping() or (news is not None and not _is_wanted(news[0], version)):
                stop.set()
                return

    thread = threading.Thread(target=run, name=f"watch-{name}", daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        done.set()
        thread.join()


def _is_wanted(record: ClipRecord | None, version: str) -> bool:
    work = record.work_of(version) if record is not None else None
    return work is not None and work.state not in (ClipState.FAILED, ClipState.WITHDRAWN)
