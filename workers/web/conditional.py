"""Conditional and range requests (RFC 9110, sections 8.8, 13 and 14): what a request's headers ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import MAXYEAR, UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

_RANGE: Final = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-\d{1,18})", re.IGNORECASE)


def http_date(moment: datetime) -> str:
    """The moment as ``Last-Modified`` spells it; the argument is in UTC."""
    return format_datetime(moment.replace(tzinfo=None), usegmt=False).replace("-0000", "GMT")


def is_unmodified(headers: Mapping[str, str], etag: str, modified_at: datetime | None = None) -> bool:
    """The caller has this very version, so 304 is the answer. ``etag`` without quotes; header names in lower case."""
    tags = headers.get("if-none-match")
    if tags is not None:
        return any(tag.strip().removeprefix("W/") in ("*", f'"{etag}"') for tag in tags.split(","))
    since = _parsed_date(headers.get("if-modified-since"))
    return since is not None and modified_at is not None and modified_at < since + timedelta(seconds=1)


def single_range(headers: Mapping[str, str]) -> str | None:
    """The one byte range that is asked for, as a Range header's value; None where the whole object is to be sent.

    A server may ignore a Range header: that is done with several ranges, other units, and what is not a range.
    """
    match = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if match is None:
        return None
    first, last = match.groups()
    return None if first and last and int(last) < int(first) else match[0].lower()


def range_is_current(headers: Mapping[str, str], etag: str, modified_at: datetime) -> bool:
    """A range may be sent: the caller's other parts (``If-Range``) are of this version, or it has none."""
    condition = headers.get("if-range")
    return condition is None or condition.strip() in (f'"{etag}"', http_date(modified_at))


def _parsed_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
        # “-0000” is a time of UTC too (RFC 5322, 3.3); the end of all time can't be counted on from.
        moment = moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
        return moment if moment is None or moment.astimezone(UTC).year < MAXYEAR else None
    except (ValueError, OverflowError):
        return None
