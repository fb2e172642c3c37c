"""The C library's heap in a worker: small, since all of a pool's processes hold a copy of what they write to.

The calls are glibc's (mallopt(3), malloc_trim(3)); other C libraries do without, and are left as they are.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final

# M_ARENA_MAX, of malloc.h
_MOST_ARENAS: Final = -8


def share_one_arena() -> None:
    """Let all threads that begin later allocate from one arena.

    glibc gives each its own, so that they need not wait for one another. Python's threads mostly do so anyway, and what
    is free in one arena no other thread can use.
    """
    if mallopt := _function("mallopt", ctypes.c_int, ctypes.c_int):
        mallopt(_MOST_ARENAS, 1)


def give_back() -> None:
    """Return the pages in which nothing is left."""
    if malloc_trim := _function("malloc_trim", ctypes.c_size_t):
        malloc_trim(0)


def _function(name: str, *parameters: type) -> Callable[..., int] | None:
    found = getattr(ctypes.CDLL(None), name, None)
    if found is not None:
        found.argtypes = parameters
    return found
