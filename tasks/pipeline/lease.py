"""Holding a clip while working on it: a thread renews the lease, and stops the work when it is no longer ours.

Between two renewals it looks at the record more than once a second, so an operator's order ends the work at once.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog

from config import queues
from tasks.adapters.clock import utc_now
from tasks.adapters.records import Committed
from tasks.errors import LeaseLost, TemporarilyUnavailable
from tasks.pipeline.services import Services
from tasks.pipeline.watch import TICK_S, RecordWatch
from tasks.records import lifecycle
from tasks.records.clip_record import ClipRecord

log = structlog.get_logger()
T = TypeVar("T")
_OUTAGES = frozenset({"store_unavailable", "record_contended"})
_OUTAGE_PAUSE_S = 1.0


def new_owner() -> str:
    """A name for one attempt at one clip, never used again; it begins with the worker's name, as Flower shows it."""
    return (
        f"{queues.queue_class('transcode').name}@{socket.gethostname()}, process {os.getpid()}, {uuid.uuid4().hex[:8]}"
    )


class Lease:
    """The lease of one attempt. ``stop`` is set when the work must end, ``was_lost`` if another has it, or may have."""

    def __init__(self, services: Services, name: str, owner: str) -> None:
        self.stop = threading.Event()
        self.owner = owner
        self.was_lost = False
        self._services = services
        self._name = name
        self._progress = 0.0
        self._speed: float | None = None
        self._done = threading.Event()
        self._renewed_at = time.monotonic()
        self._trouble = ""
        self._watch = RecordWatch(services, name)
        self._committed: Committed[ClipRecord] | None = None

    def report(self, progress: float, speed: float | None) -> None:
        """State how far the work has come (0 to 1); it is published with the next renewal."""
        self._progress, self._speed = min(1.0, max(0.0, progress)), speed

    def raise_if_stopped(self) -> None:
        """Raise `LeaseLost` if the work must end; called between steps."""
        if self.stop.is_set():
            raise LeaseLost(f"{self._name}: {'taken by another' if self.was_lost else 'the worker gives it back'}")

    def renew_until_done(self) -> None:
        """The thread's work. Whatever goes wrong in it counts as an outage of the store, which a lease can outlast."""
        settings = self._services.settings
        while not self._done.wait(TICK_S):
            if self._services.is_stopping():
                self.stop.set()
                return
            is_due = time.monotonic() - self._renewed_at >= settings.heartbeat_s
            try:
                if is_due:
                    self._renew()
                elif self._is_taken():
                    self._lose()
                    return
            except LeaseLost:
                self._lose()
                return
            except Exception as error:
                # Without this thread the work would go on with no lease, and deaf to every order.
                self._tell(error)
                if is_due and time.monotonic() - self._renewed_at > settings.lease_s:
                    self._lose()
                    return

    def through_outages(self, step: Callable[[], T]) -> T:
        """Do a step that only needs the store; repeat it while the store is away and the lease is still ours.

        What an encode has made is worth more than the wait. Without the store the lease can't be renewed either, so
        this ends with it at the latest.

        Raises:
            LeaseLost: the lease ended meanwhile.
            TemporarilyUnavailable: something else than the store failed.
        """
        while True:
            try:
                return step()
            except TemporarilyUnavailable as error:
                if error.code not in _OUTAGES:
                    raise
                log.warning("waiting for the store", clip=self._name, error=error.detail)
                self.stop.wait(_OUTAGE_PAUSE_S)
                self.raise_if_stopped()

    def end(self) -> None:
        """No more renewals."""
        self._done.set()

    def _renew(self) -> None:
        # Once it is known, it is only written: the store refuses that if somebody else wrote it meanwhile.
        self._committed = self._services.clips.update(self._name, self._renewed, known=self._committed)
        self._watch.know(self._committed.etag)
        self._renewed_at = time.monotonic()

    def _lose(self) -> None:
        self.was_lost = True
        self.stop.set()

    def _tell(self, error: Exception) -> None:
        if isinstance(error, TemporarilyUnavailable):
            log.warning("lease not renewed", clip=self._name, error=error.detail)
            return
        # Its traceback once: it is tried several times a second.
        log.warning("lease not looked after", clip=self._name, error=repr(error), exc_info=repr(error) != self._trouble)
        self._trouble = repr(error)

    def _is_taken(self) -> bool:
        """Somebody wrote the record, and it no longer says that the work is ours."""
        news = self._watch.news()
        if news is None:
            return False
        (record,), self._committed = news, None
        return record is None or record.work.lease is None or record.work.lease.owner != self.owner

    def _renewed(self, record: ClipRecord | None) -> ClipRecord:
        return lifecycle.renew(
            record,
            owner=self.owner,
            now=utc_now(),
            lease_s=self._services.settings.lease_s,
            progress=self._progress,
            speed=self._speed,
        )


@contextmanager
def held(services: Services, name: str, owner: str) -> Iterator[Lease]:
    """Keep the lease that ``owner`` took, until the block ends.

    Where this machine can't start the thread that renews it, the lease is told to stop at once: the work gives it back.
    """
    lease = Lease(services, name, owner)
    thread = threading.Thread(target=lease.renew_until_done, name=f"lease-{name}", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        log.warning("lease can't be renewed", clip=name, error=str(error))
        lease.stop.set()
        yield lease
        return
    try:
        yield lease
    finally:
        lease.end()
        thread.join()
