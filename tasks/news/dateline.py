"""The date line of an article, as Vietnamese portals print it: ``Thứ 5, 03.12.2020 | 18:00:30``, ``192 lượt xem``.

A line is a date line when nothing is left of it after date, time, views, weekday and the usual labels are taken out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from tasks.records.base import Notice

_MAX_CHARACTERS: Final = 120
# Older times have offsets with seconds, which RFC 3339 can't express; later ones are slips of the pen.
_YEARS: Final = range(1970, 2101)

_DATES: Final = (
    re.compile(r"(?<![0-9])(?P<year>[0-9]{4})[./-](?P<month>[0-9]{1,2})[./-](?P<day>[0-9]{1,2})(?![0-9])t?"),
    re.compile(
        r"(?<![0-9])(?P<day>[0-9]{1,2}) ?[./-] ?(?P<month>[0-9]{1,2}) ?[./-] ?(?P<year>[0-9]{4}|[0-9]{2})(?![0-9])"
    ),
    re.compile(r"(?<![0-9])(?P<day>[0-9]{1,2}) tháng (?P<month>[0-9]{1,2}),?(?: năm)? (?P<year>[0-9]{4})(?![0-9])"),
)
_TIME: Final = re.compile(
    r"(?<![0-9])(?P<hour>[0-9]{1,2}) ?(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,][0-9]{1,9})?)?"
    r"|(?:h|giờ) ?(?P<minute_too>[0-9]{2})?)(?![0-9])(?: ?(?P<half>am|pm|sa|ch)(?!\w))?",
)
_OFFSET: Final = re.compile(r" ?\(?(?:z|(?:gmt|utc)? ?(?P<sign>[+-])(?P<hours>[0-9]{1,2}):?(?P<minutes>[0-9]{2})?)\)?")
_VIEWS: Final = re.compile(
    r"(?P<before>[0-9][0-9., ]{0,20}) ?(?:lượt (?:xem|đọc|truy cập)|views?)"
    r"|(?:lượt (?:xem|đọc|truy cập)|views?) ?:? ?(?P<after>[0-9][0-9.,]{0,20})",
)
_FILLERS: Final = re.compile(
    r"(?<!\w)(?:thứ (?:hai|ba|tư|năm|sáu|bảy|bẩy|[2-7])|chủ nhật|cn|t[2-7]|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|ngày đăng|ngày|đăng lúc|lúc|cập nhật|lần cuối|xuất bản|phút|published|updated|on|at)(?!\w)"
)


@dataclass(frozen=True, kw_only=True)
class Dateline:
    """What a date line says. ``published_at`` is RFC 3339; None, with a notice, where the date makes no sense."""

    has_date: bool = False
    published_at: str | None = None
    views: int | None = None
    notice: Notice | None = None


def read_dateline(line: str, *, zone: ZoneInfo) -> Dateline | None:
    """Read a line that holds a date, views, or both and nothing else; None for any other line.

    A date without a time counts from midnight in ``zone``, with the notice ``time_missing``. A time with an offset of
    its own is converted to ``zone``; one without is in ``zone``.
    """
    if len(line) > _MAX_CHARACTERS:
        return None
    rest = line.casefold()
    date = next((found for found in (pattern.search(rest) for pattern in _DATES) if found), None)
    time = offset = None
    if date:
        rest = _without(rest, date.start(), date.end())
        if time := _TIME.search(rest):
            offset = _OFFSET.match(rest, time.end())
            rest = _without(rest, time.start(), offset.end() if offset else time.end())
    views = _VIEWS.search(rest)
    if views:
        rest = _without(rest, views.start(), views.end())
    if not (date or views) or any(map(str.isalnum, _FILLERS.sub(" ", rest))):
        return None
    count = int(re.sub("[^0-9]", "", views["before"] or views["after"])) if views else None
    if not date:
        return Dateline(views=count)
    try:
        published_at = _moment(date, time, offset, zone).isoformat(timespec="seconds")
    except ValueError:
        message = f"“{line}” is not a date that exists, so the article has no date."
        return Dateline(has_date=True, views=count, notice=Notice(code="date_not_understood", message=message))
    notice = None
    if not time:
        notice = Notice(code="time_missing", message=f"“{line}” gives no time of day; midnight was taken.")
    return Dateline(has_date=True, published_at=published_at, views=count, notice=notice)


def _moment(date: re.Match[str], time: re.Match[str] | None, offset: re.Match[str] | None, zone: ZoneInfo) -> datetime:
    """The moment in ``zone``; raises ValueError if it doesn't exist or lies outside `_YEARS`."""
    year = int(date["year"]) + (2000 if len(date["year"]) == 2 else 0)
    if year not in _YEARS:
        raise ValueError(f"the year {year} is out of range")
    hour = minute = second = 0
    if time:
        hour, minute, second = (
            int(part or 0) for part in (time["hour"], time["minute"] or time["minute_too"], time["second"])
        )
        if time["half"] in ("pm", "ch") and hour < 12:
            hour += 12
        elif time["half"] in ("am", "sa") and hour == 12:
            hour = 0
    local = datetime(year, int(date["month"]), int(date["day"]), hour, minute, second, tzinfo=zone)
    if not offset:
        return local
    ahead = timedelta(hours=int(offset["hours"] or 0), minutes=int(offset["minutes"] or 0))
    return local.replace(tzinfo=timezone(-ahead if offset["sign"] == "-" else ahead)).astimezone(zone)


def _without(text: str, start: int, end: int) -> str:
    # A bar in the gap keeps what stood before and after apart: no number may grow together.
    return f"{text[:start]} | {text[end:]}"
