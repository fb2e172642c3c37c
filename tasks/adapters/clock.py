"""The time that records keep: the wall clock, put right by the object store's where the two disagree.

Workers on several machines judge each other's leases by the times in a record. A clock that is wrong, or is stepped
under way, would have its worker take what others hold, or hold a clip for ever. The store's clock is one for all.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

TOLERANCE: Final = timedelta(seconds=3)
"""How far the wall clock may be from the store's, whose answers tell whole seconds and come late."""

_PROMPT_S: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What the store's clock showed, and this process's monotonic one at the same moment."""

    store: datetime
    monotonic_s: float


_last_reading: _Reading | None = None


def utc_now() -> datetime:
    """Now, in UTC, cut to milliseconds so that a time survives a record's JSON unchanged."""
    now = _wall()
    if (reading := _last_reading) is not None:
        expected = reading.store + timedelta(seconds=_monotonic_s() - reading.monotonic_s)
        now = now if abs(now - expected) <= TOLERANCE else expected
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def read_store_clock(date: str | None, *, took_s: float) -> None:
    """Learn from the ``Date`` of the store's answer (RFC 9110, 6.6.1); one that was long under way tells nothing."""
    global _last_reading  # the time is the same for the whole process
    if date is None or took_s > _PROMPT_S:
        return
    try:
        told = parsedate_to_datetime(date)
    except ValueError:
        return
    # A date is cut to the second: half of one is the best guess at the rest.
    store = told.astimezone(UTC) + timedelta(seconds=0.5)
    _last_reading = _Reading(store=store, monotonic_s=_monotonic_s())


def _wall() -> datetime:
    return datetime.now(UTC)


def _monotonic_s() -> float:
    return time.monotonic()
