"""A clip's name as newsrooms write it, ``MMDDYY_SLUG[n]``: ``120320_OHAI1`` is 3 Dec 2020, slug OHAI, take 1."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Final

_CONVENTION: Final = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})_([^\W\d_](?:[\w-]*[^\W\d])?)([0-9]{1,3})?")


@dataclass(frozen=True, kw_only=True)
class ClipName:
    """The parts of a name; all but ``name`` are None where it does not follow the convention."""

    name: str
    air_date: date | None = None
    slug: str | None = None
    take: int | None = None

    @property
    def is_conventional(self) -> bool:
        """Whether the name has a date and a slug."""
        return self.air_date is not None


def parse_clip_name(stem: str) -> ClipName:
    """Read a file stem. Never fails: a name that does not follow the convention has no parts."""
    name = unicodedata.normalize("NFC", stem)
    match = _CONVENTION.fullmatch(name)
    if match is None:
        return ClipName(name=name)
    month, day, year, slug, take = match.groups()
    try:
        air_date = date(2000 + int(year), int(month), int(day))
    except ValueError:
        return ClipName(name=name)
    return ClipName(name=name, air_date=air_date, slug=slug.upper(), take=int(take) if take else None)
