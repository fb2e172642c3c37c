"""The end of an article's page: keywords, and the related stories that a portal prints below."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tasks.news.blocks import Block
from tasks.news.text import ends_sentence

_BULLETS: Final = "•·●▪*-–—+># "
_KEYWORDS: Final = re.compile(r"(?:từ kh(?:óa|oá)|keywords?|tags?)(?: ?[:：] ?(?P<list>.*))?$", re.IGNORECASE)
_RELATED: Final = re.compile(
    r"(?:(?:các )?(?:tin|bài)(?: bài| viết)? (?:liên quan|khác|mới hơn|cũ hơn|mới nhất|cùng chuyên mục)"
    r"|cùng chuyên mục|related(?: stories| articles)?) ?:?$",
    re.IGNORECASE,
)
_LIST_SEPARATOR: Final = re.compile("[,;，；|#]")
_MARKED: Final = ("•", "·", "●", "▪", "#")
_MAX_WORDS: Final = 5


@dataclass(frozen=True, kw_only=True)
class Tail:
    """What stands below a story."""

    keywords: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


def split_tail(blocks: Sequence[Block]) -> tuple[tuple[Block, ...], Tail]:
    """The blocks of the story, and what follows it.

    The tail begins at the line ``Từ khóa``. Where there is none, it begins at a line such as ``Tin liên quan``, unless
    references follow: then that line is but a box in mid-story.
    """
    lines = [block.raw for block in blocks]
    for index, line in enumerate(lines):
        marker = _KEYWORDS.match(line.lstrip(_BULLETS))
        if marker:
            keywords, below = _take_keywords(marker["list"] or "", lines[index + 1 :])
            return tuple(blocks[:index]), Tail(keywords=keywords, related=below)
    for index in range(len(lines) - 1, -1, -1):
        if blocks[index].clips:
            break
        if _RELATED.match(lines[index].lstrip(_BULLETS)):
            return tuple(blocks[:index]), Tail(related=tuple(lines[index + 1 :]))
    return tuple(blocks), Tail()


def _take_keywords(listed: str, below: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The keywords and the lines after them.

    They stand after the marker's colon, or below it: short lines with bullets or ``#``, or one line that lists several.
    A headline is none of these.
    """
    if listed.strip():
        return _split(listed), tuple(below)
    count = 0
    while count < len(below) and below[count].startswith(_MARKED) and _is_list(below[count]):
        count += 1
    if count == 0 and below and len(_split(below[0])) > 1 and _is_list(below[0]):
        count = 1
    return tuple(keyword for line in below[:count] for keyword in _split(line)), tuple(below[count:])


def _is_list(line: str) -> bool:
    items = _split(line)
    return bool(items) and not ends_sentence(line) and all(len(item.split()) <= _MAX_WORDS for item in items)


def _split(listed: str) -> tuple[str, ...]:
    items = (item.strip(_BULLETS).rstrip(".") for item in _LIST_SEPARATOR.split(listed))
    return tuple(dict.fromkeys(item for item in items if item))
