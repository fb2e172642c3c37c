"""Which pages of a DVB teletext stream hold subtitles, and in which languages (ETSI EN 300 468, 6.2.43).

A stream may carry several, in one packet each: decoded together, they are mixed into each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tasks.media.language import language_tag
from tasks.records.base import Value

_SUBTITLES: Final = 2
_SUBTITLES_FOR_THE_DEAF: Final = 5


class Page(Value):
    """A page of subtitles; ``number`` is as viewers know it, 100 to 899. Some are for the deaf."""

    number: int
    language: str | None
    is_for_the_deaf: bool


def subtitle_pages(told: bytes, languages: str) -> tuple[Page, ...]:
    """The pages in the stream's descriptor, each once.

    ``told`` has two bytes for each entry: its type and magazine, and the page within that; ``languages`` as many codes.
    """
    named: Sequence[str] = languages.split(",")
    pages: dict[int, Page] = {}
    for place in range(0, len(told) - 1, 2):
        kind, magazine = told[place] >> 3, told[place] & 7
        tens, units = told[place + 1] >> 4, told[place + 1] & 15
        # Pages with hexadecimal digits are not for viewers.
        if kind not in (_SUBTITLES, _SUBTITLES_FOR_THE_DEAF) or max(tens, units) > 9:
            continue
        number = (magazine or 8) * 100 + tens * 10 + units
        language = named[place // 2] if place // 2 < len(named) else ""
        deaf = kind == _SUBTITLES_FOR_THE_DEAF
        pages.setdefault(number, Page(number=number, language=language_tag(language), is_for_the_deaf=deaf))
    return tuple(pages.values())
