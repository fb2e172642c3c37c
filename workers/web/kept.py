"""Caching answers that cost many reads, made by one thread at a time while the others get the previous one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
M = TypeVar("M")


@dataclass(frozen=True, kw_only=True)
class _Made(Generic[M, T]):
    mark: M
    value: T
    at_s: float


class Kept(Generic[M, T]):
    """What ``make`` gives for a mark, for ``good_for_s`` seconds while the mark stays what it is.

    One caller makes it anew at a time. The others are given what there was for that mark, and wait only where there was
    nothing: however many ask, they take neither all threads nor the store's time. Safe to share between threads.
    """

    def __init__(self, make: Callable[[M], T], good_for_s: float) -> None:
        self._make = make
        self._good_for_s = good_for_s
        self._made: _Made[M, T] | None = None
        self._making = threading.Lock()

    def get(self, mark: M) -> T:
        """The value for that mark. Raises whatever ``make`` does."""
        made = self._fitting(mark)
        if made is not None and (self._is_fresh(made) or not self._making.acquire(blocking=False)):
            return made.value
        if made is None:
            self._making.acquire()
        try:
            # Another caller may have made it meanwhile.
            made = self._fitting(mark)
            if made is None or not self._is_fresh(made):
                # What it is made of is read after this moment, not before it.
                at_s = time.monotonic()
                made = self._made = _Made(mark=mark, value=self._make(mark), at_s=at_s)
            return made.value
        finally:
            self._making.release()

    def _fitting(self, mark: M) -> _Made[M, T] | None:
        made = self._made
        return made if made is not None and made.mark == mark else None

    def _is_fresh(self, made: _Made[M, T]) -> bool:
        return time.monotonic() - made.at_s < self._good_for_s
