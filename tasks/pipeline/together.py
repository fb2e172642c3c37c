"""Running work in parallel: the first failure stops the rest, so that nobody waits for it in vain."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from tasks.adapters.process import Stopped

T = TypeVar("T")
_TICK_S: Final = 0.1


class LinkedStop(threading.Event):
    """An event that is also set as soon as the ``outer`` one is; setting it leaves that one alone."""

    def __init__(self, outer: threading.Event) -> None:
        super().__init__()
        self._outer = outer

    def is_set(self) -> bool:
        """Whether either of the two is set."""
        return super().is_set() or self._outer.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for either of the two, for ``timeout`` seconds at most."""
        until = None if timeout is None else time.monotonic() + timeout
        while not self.is_set() and (until is None or time.monotonic() < until):
            super().wait(_TICK_S if until is None else min(_TICK_S, max(0.0, until - time.monotonic())))
        return self.is_set()


class Together:
    """Work beside the caller's own; all of it, the caller's too, is to end when ``stop`` is set."""

    def __init__(self, pool: ThreadPoolExecutor, outer: threading.Event) -> None:
        self.stop: threading.Event = LinkedStop(outer)
        self.failure: BaseException | None = None
        self._pool = pool

    def submit(self, work: Callable[[threading.Event], T]) -> Future[T]:
        """Do the work in the other thread, after what was submitted before; it is handed the event that stops it."""

        def run() -> T:
            try:
                return work(self.stop)
            except BaseException as error:
                self.failure = self.failure or error
                self.stop.set()
                raise

        return self._pool.submit(run)


@contextmanager
def together(outer: threading.Event) -> Iterator[Together]:
    """Work in the block and in one thread beside it, until all is done, one has failed, or ``outer`` is set.

    Raises:
        whatever failed first; that the others were stopped for it is not told.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="beside") as pool:
        both = Together(pool, outer)
        try:
            yield both
        except BaseException as error:
            both.stop.set()
            pool.shutdown(cancel_futures=True)
            if isinstance(error, Stopped) and both.failure is not None:
                raise both.failure from None
            raise
