"""The byline: the credit on an article's last line, such as ``Phạm Ngọc``, ``Theo TTXVN`` or ``Tin, ảnh: Minh Hà``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Final

from tasks.news.blocks import Block
from tasks.news.text import ends_sentence

_MAX_CHARACTERS: Final = 100
_MAX_LINES: Final = 3
_MAX_NAME_WORDS: Final = 5

# Roles are a byline by themselves; the others need to say who or what follows.
_ROLES: Final = (
    "nhóm phóng viên|nhóm pv|nhóm tác giả|phóng viên|cộng tác viên|biên tập viên|biên tập|biên dịch|thực hiện|tổng hợp"
    "|tác giả|quay phim|dựng phim|pv|ctv|btv|bbt"
)
_SOURCES: Final = "nguồn|theo|tin|bài"
_PICTURES: Final = "ảnh|video|clip"
_ANY: Final = f"{_ROLES}|{_SOURCES}|{_PICTURES}"
_LABELS: Final = re.compile(rf"(?:(?:{_ANY})(?: ?[,&/+–-] ?| và | ))*(?P<last>{_ANY})(?P<colon> ?[:：])?(?!\w)", re.I)
_BETWEEN_NAMES: Final = re.compile(r" ?[,;&/+] ?| ?[-–—] ?| và ")
_REMARK: Final = re.compile(r" ?\([^()]{1,40}\)$")
# A line that gives a person a title tells who is in the picture, not who wrote the story.
_HONORIFICS: Final = ("Ông ", "Bà ", "Đồng Chí ")


def take_byline(story: Sequence[Block]) -> tuple[tuple[Block, ...], str]:
    """The story without its byline, and the byline, empty if there is none.

    Only the last lines of text can be one: those with labels (``Tin: …``, ``Ảnh: …``), and at most one that is just
    names, unless it is the story's only text. References may stand among them; they stay in the story.
    """
    from_below = (index for index in reversed(range(len(story))) if not story[index].is_reference)
    last = tuple(islice(from_below, _MAX_LINES))
    taken: list[int] = []
    has_names = len(last) < 2
    for index in last:
        block = story[index]
        if block.clips or block.kind is not None:
            break
        if not _is_credit(block.text):
            if has_names or not _are_names(block.text):
                break
            has_names = True
        taken.append(index)
    byline = ", ".join(_bare(story[index].text) for index in reversed(taken))
    return tuple(block for index, block in enumerate(story) if index not in taken), byline


def _is_credit(line: str) -> bool:
    """The line is a credit by its label: ``PV``, ``Theo TTXVN``, ``Tin, ảnh: Nguyễn Văn A``."""
    if len(line) > _MAX_CHARACTERS or not (label := _LABELS.match(line)):
        return False
    rest = _bare(line[label.end() :]).strip().removeprefix("báo ")
    last = label["last"].casefold()
    if not rest:
        return last in _ROLES.split("|")
    # "Ảnh: quang cảnh lễ hội" is a caption; whom a story is by may be told in any words.
    if label["colon"] and last not in _PICTURES.split("|"):
        return True
    return all(map(_is_name, _REMARK.sub("", rest).split()))


def _are_names(line: str) -> bool:
    """The line is nothing but names of people, each word with a capital: ``Nguyễn Hình - Thanh Thủy``."""
    if len(line) > _MAX_CHARACTERS or line.startswith(_HONORIFICS):
        return False
    bare = _bare(line)
    if any(map(str.isdigit, bare)) or (ends_sentence(line) and " " not in bare):
        return False
    names = [name.split() for name in _BETWEEN_NAMES.split(_REMARK.sub("", bare))]
    return all(1 <= len(name) <= _MAX_NAME_WORDS and all(map(_is_name, name)) for name in names)


def _bare(line: str) -> str:
    return line.rstrip("./ ")


def _is_name(word: str) -> bool:
    """A capitalised word, a site such as ``vtv.vn``, or what stands between two names."""
    letters = word.strip("().,'")
    if not letters:
        return True
    return letters[0].isupper() or letters in {"và", "-", "–", "—", "&", "/"} or "." in letters[1:-1]
