"""The time that records keep: the wall clock, corrected by the object store's where the two disagree.

Workers on several machines judge each other's leases by the times in a record. A clock that is wrong, or is stepped
under way, would have its worker take what others hold, or hold a clip for ever. The store's clock is one for all.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from statistics import median
from typing import Final

TOLERANCE: Final = timedelta(seconds=3)
"""How far the wall clock may be from the store's, whose answers tell whole seconds and come late."""

_PROMPT_S: Final = 1.0
# Of several servers behind one address one may be wrong: the middle of some answers is not.
_READINGS: Final = 5
_ENOUGH: Final = 3

_ahead_s: tuple[float, ...] = ()
"""How far the store's clock was ahead of this machine's steady one, at its last answers."""


def utc_now() -> datetime:
    """Now, in UTC, cut to milliseconds so that a time survives a record's JSON unchanged."""
    now = _wall()
    if len(ahead_s := _ahead_s) >= _ENOUGH:
        expected = datetime.fromtimestamp(median(ahead_s) + _steady_s(), UTC)
        now = now if abs(now - expected) <= TOLERANCE else expected
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def read_store_clock(date: str | None, *, took_s: float) -> None:
    """Learn from the ``Date`` of the store's answer (RFC 9110, 6.6.1); one that took long says nothing."""
    global _ahead_s  # the time is the same for the whole process
    if date is None or took_s > _PROMPT_S:
        return
    try:
        told = parsedate_to_datetime(date)
    except ValueError:
        return
    # A date is cut to the second: half of one is the best guess at the rest.
    _ahead_s = (*_ahead_s, told.timestamp() + 0.5 - _steady_s())[-_READINGS:]


def _wall() -> datetime:
    return datetime.now(UTC)


def _steady_s() -> float:
    # It goes on while the machine is suspended, unlike the monotonic one.
    return time.clock_gettime(time.CLOCK_BOOTTIME)
