"""Feeding a program's standard input with a file that is still being downloaded, in a thread of its own."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Final

Feed = Callable[[threading.Event], Iterator[bytes]]
"""Gives what is to be fed; it waits for what has not come yet, and ends once the event is set."""

_TICK_MS: Final = 100
_AT_ONCE_BYTES: Final = 256 * 1024


class Feeder:
    """A thread that writes into ``pipe``, whose reading end a program has.

    The pipe is closed when all has been written, which is how the program learns of the end. If the feed fails it stays
    open, so that the program takes no part for the whole: whoever watches it looks at ``error`` and ends it.
    """

    def __init__(self, pipe: IO[bytes], feed: Feed) -> None:
        self.error: BaseException | None = None
        self._pipe = pipe
        self._ended = threading.Event()
        self._waits = True
        self._given_at = time.monotonic()
        self._waited_s = 0.0
        os.set_blocking(pipe.fileno(), False)
        self._thread = threading.Thread(target=self._run, args=(feed,), name="feeder", daemon=True)
        self._thread.start()

    @property
    def given_at(self) -> float:
        """When the program was last given something, by the monotonic clock; now, while there is nothing to give."""
        return time.monotonic() if self._waits else self._given_at

    @property
    def waited_s(self) -> float:
        """For how many seconds there was nothing to give to the program."""
        return self._waited_s + (time.monotonic() - self._given_at if self._waits else 0.0)

    def end(self) -> None:
        """Stop feeding, wait for the thread and close the pipe; the program has ended."""
        self._ended.set()
        self._thread.join()
        self._close()

    def _run(self, feed: Feed) -> None:
        try:
            for chunk in feed(self._ended):
                now = time.monotonic()
                self._waited_s += now - self._given_at
                self._given_at, self._waits = now, False
                if not self._give(memoryview(chunk)):
                    return
                self._waits = True
            self._waits = False
            self._close()
        # It has read enough, or has ended, which its watcher sees.
        except BrokenPipeError:
            self._waits = False
        except BaseException as error:  # whatever it is, it is the watcher's
            self._waits = False
            if not self._ended.is_set():
                self.error = error

    def _give(self, rest: memoryview) -> bool:
        """False if the program ended meanwhile."""
        poll = select.poll()
        poll.register(self._pipe, select.POLLOUT)
        while rest:
            # A program's helpers may hold the pipe open that it reads no more, so no write may last.
            if self._ended.is_set():
                return False
            if poll.poll(_TICK_MS):
                try:
                    given = os.write(self._pipe.fileno(), rest[:_AT_ONCE_BYTES])
                except BlockingIOError:
                    continue
                rest = rest[given:]
                self._given_at = time.monotonic()
        return True

    def _close(self) -> None:
        if not self._pipe.closed:
            self._pipe.close()
