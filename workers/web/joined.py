"""Coalescing requests: an answer that costs many reads is made once for all who ask for it meanwhile (asyncio)."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

# As `Cache-Control` allows for records.
GOOD_FOR_S: Final = 1.0


class Joined(Generic[K, T]):
    """What ``make`` gives for a question, for ``good_for_s`` seconds from the moment at which it began to be made.

    However many ask the same, it is made once at a time. Of at most ``most`` questions answers are kept, of those that
    were asked last. For the event loop's thread.
    """

    def __init__(self, make: Callable[[K], Awaitable[T]], *, most: int = 1, good_for_s: float = GOOD_FOR_S) -> None:
        self._make = make
        self._most = most
        self._good_for_s = good_for_s
        self._made: OrderedDict[K, tuple[float, T]] = OrderedDict()
        self._making: dict[K, asyncio.Future[T]] = {}

    async def get(self, question: K) -> T:
        """The answer. Raises whatever ``make`` does, to all who waited; the next one to ask tries again."""
        made = self._made.get(question)
        if made is not None and time.monotonic() - made[0] < self._good_for_s:
            return made[1]
        making = self._making.get(question)
        if making is None:
            making = self._making[question] = asyncio.ensure_future(self._answer(question))
            making.add_done_callback(lambda made: self._done(question, made))
        # Others may wait for the same answer: a reader that goes away must not take it from them.
        return await asyncio.shield(making)

    def _done(self, question: K, made: asyncio.Future[T]) -> None:
        self._making.pop(question, None)
        # Where nobody waits any more, nobody is told of a failure either.
        if not made.cancelled():
            made.exception()

    async def _answer(self, question: K) -> T:
        at_s = time.monotonic()
        answer = await self._make(question)
        self._made.pop(question, None)
        self._made[question] = at_s, answer
        while len(self._made) > self._most:
            self._made.popitem(last=False)
        return answer
