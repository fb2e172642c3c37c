"""The lines of an article → its parts, by rules that an editor can be told (``docs/articles.md`` tells them)."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal
from zoneinfo import ZoneInfo

from tasks.errors import SourceRejected
from tasks.news.byline import take_byline
from tasks.news.dateline import Dateline, read_dateline
from tasks.news.references import is_labelled, parse_reference_line
from tasks.news.tail import split_tail
from tasks.news.text import (
    decode_article,
    ends_sentence,
    is_full,
    lines_of,
    normalise,
    one_line,
    shortened,
    wrap_width,
)
from tasks.records.base import Notice

__all__ = [
    "Kind",
    "ParsedArticle",
    "ParsedParagraph",
    "ParsedReference",
    "decode_article",
    "paragraph_ids",
    "parse_article",
]

Kind = Literal["body", "caption", "heading"]

# A line without sentence end is a caption up to here; beyond it is a paragraph whose full stop was forgotten.
_LONGEST_CAPTION: Final = 200
_LONGEST_TITLE: Final = 300
# Each reference costs requests to the store, so a file must not be able to order any number of them.
_MAX_REFERENCES: Final = 500
_ENUMERATED: Final = re.compile(r"(?:[IVX]{1,5}|\d{1,2}|[A-Za-z])[.)/] \w")
_LIST_ITEM: Final = re.compile(r"[-–—•·●▪*+>] ?\w")
_PHOTO_CREDIT: Final = re.compile(r"(?:^|[.,;(\[–-] ?)ảnh(?: minh họa| minh hoạ| tư liệu)? ?: ?.{1,40}$", re.IGNORECASE)
_QUOTED: Final = re.compile(r'(?:^|: ?)["“«‘].*["”»’]$')


@dataclass(frozen=True, kw_only=True)
class ParsedParagraph:
    """One block of the text, in reading order."""

    kind: Kind
    text: str


@dataclass(frozen=True, kw_only=True)
class ParsedReference:
    """A name from a reference line, and the index of the body paragraph it belongs to (None: before the first)."""

    name: str
    paragraph: int | None


@dataclass(frozen=True, kw_only=True)
class ParsedArticle:
    """What an article says. The lede is also the first paragraph of kind ``body``; ``related`` is its tail.

    ``published_at`` is RFC 3339 with the newsroom's offset, None where the article gives no (sensible) date.
    """

    title: str
    published_at: str | None
    views: int | None
    lede: str
    byline: str
    keywords: tuple[str, ...]
    paragraphs: tuple[ParsedParagraph, ...]
    references: tuple[ParsedReference, ...]
    related: tuple[str, ...]
    warnings: tuple[Notice, ...]


def parse_article(text: str, *, zone: ZoneInfo) -> ParsedArticle:
    """Read an article in the form that ``docs/articles.md`` describes; times without offset are in ``zone``.

    The same text gives the same article, whether its letters are composed or not and whatever its line ends.

    Raises:
        SourceRejected: ``article_empty``, no text and no reference; ``article_too_long``, too many lines or references.
    """
    clean = normalise(text)
    lines, tail = split_tail(_paragraph_lines(lines_of(clean)))
    title, dateline, story = _take_header(lines, zone)
    story, byline = take_byline(story)
    paragraphs, references = _assemble(story)
    if not (title or paragraphs or references):
        raise SourceRejected("article_empty", "This article has no text: upload it again with a title and paragraphs.")
    lede = next((paragraph.text for paragraph in paragraphs if paragraph.kind == "body"), "")
    return ParsedArticle(
        title=title,
        published_at=dateline.published_at,
        views=dateline.views,
        lede=lede,
        byline=byline,
        keywords=tail.keywords,
        paragraphs=paragraphs,
        references=references,
        related=tail.related,
        warnings=tuple(_warnings(clean, title, dateline, lede, story, tail.related)),
    )


def paragraph_ids(texts: Sequence[str]) -> tuple[str, ...]:
    """An id for each text, unique in the article: ``p-`` and ten hex digits of its SHA-256, then ``-2``, ``-3``, …

    Case, white space and the composition of letters don't count, nor do the other paragraphs, apart from equal ones.
    """
    seen: Counter[str] = Counter()
    ids = []
    for text in texts:
        same = one_line(normalise(normalise(text).casefold()))
        base = f"p-{hashlib.sha256(same.encode()).hexdigest()[:10]}"
        seen[base] += 1
        ids.append(base if seen[base] == 1 else f"{base}-{seen[base]}")
    return tuple(ids)


def _paragraph_lines(lines: tuple[str, ...]) -> tuple[str, ...]:
    """One line for each paragraph, reference and other part; blank and merely decorative lines are gone."""
    width = wrap_width(lines)
    joined = list(lines[:1])
    for upper, lower in pairwise(lines):
        wrapped = width is not None and upper and lower and is_full(upper, lower, width)
        if wrapped and not (parse_reference_line(upper) or parse_reference_line(lower)):
            joined[-1] = f"{joined[-1]} {lower}"
        else:
            joined.append(lower)
    return tuple(line for line in joined if any(map(str.isalnum, line)))


def _take_header(lines: Sequence[str], zone: ZoneInfo) -> tuple[str, Dateline, tuple[str, ...]]:
    """The title, what the date lines say, and the other lines.

    The title is the first line that is neither reference nor date line; date lines count up to the second line of text
    after it, the first date and the first views winning.

    Raises:
        SourceRejected: ``article_too_long``, there are more than `_MAX_REFERENCES`.
    """
    title = ""
    texts = references = 0
    dateline = Dateline()
    story: list[str] = []
    for line in lines:
        found = read_dateline(line, zone=zone) if texts < 3 else None
        if names := parse_reference_line(line):
            references += len(names)
            if references > _MAX_REFERENCES:
                raise SourceRejected(
                    "article_too_long", f"This article refers to more than {_MAX_REFERENCES} clips; divide it."
                )
            story.append(line)
        elif found:
            dateline = _merged(dateline, found)
        else:
            texts += 1
            if texts == 1 and len(line) <= _LONGEST_TITLE:
                title = line
            else:
                story.append(line)
    return title, dateline, tuple(story)


def _merged(first: Dateline, second: Dateline) -> Dateline:
    dated = first if first.has_date else second
    return Dateline(
        has_date=dated.has_date,
        published_at=dated.published_at,
        views=second.views if first.views is None else first.views,
        notice=dated.notice,
    )


def _assemble(story: Sequence[str]) -> tuple[tuple[ParsedParagraph, ...], tuple[ParsedReference, ...]]:
    """Paragraphs and references; a reference belongs to the nearest body paragraph before it."""
    names = [parse_reference_line(line) for line in story]
    kinds = [None if found else _kind(line) for line, found in zip(story, names, strict=True)]
    if "body" not in kinds and "caption" in kinds:
        # An article of one short line: with no other text, that line is what the article says.
        kinds[kinds.index("caption")] = "body"
    paragraphs: list[ParsedParagraph] = []
    references: list[ParsedReference] = []
    owner: int | None = None
    for line, found, kind in zip(story, names, kinds, strict=True):
        references.extend(ParsedReference(name=name, paragraph=owner) for name in found)
        if kind is not None:
            if kind == "body":
                owner = len(paragraphs)
            paragraphs.append(ParsedParagraph(kind=kind, text=line))
    return tuple(paragraphs), tuple(references)


def _kind(line: str) -> Kind:
    """What a line of the story is; see ``docs/articles.md``."""
    if len(line) > _LONGEST_CAPTION:
        return "body"
    if _PHOTO_CREDIT.search(line):
        return "caption"
    if ends_sentence(line) or _LIST_ITEM.match(line) or _QUOTED.search(line):
        return "body"
    if _ENUMERATED.match(line) or (line.isupper() and len(line) > 3):
        return "heading"
    return "caption"


def _warnings(
    text: str, title: str, dateline: Dateline, lede: str, story: Iterable[str], related: Iterable[str]
) -> Iterable[Notice]:
    if "\ufffd" in text:
        yield Notice(code="text_damaged", message="Some letters of this article could not be read; save it as UTF-8.")
    if not title:
        yield Notice(code="title_missing", message="The article begins without a title.")
    if dateline.notice:
        yield dateline.notice
    elif not dateline.has_date:
        yield Notice(
            code="date_missing", message="No line gives the article's date, such as “Thứ 5, 03.12.2020 | 18:00”."
        )
    if not lede:
        yield Notice(code="text_missing", message="The article has no paragraphs.")
    for line in story:
        if len(line) <= _LONGEST_CAPTION and is_labelled(line) and not parse_reference_line(line):
            yield Notice(
                code="reference_not_understood",
                message=f"“{shortened(line)}” names no clip; write the file's name: “Video: 120320_OHAI1.mp4”.",
            )
    for line in related:
        if parse_reference_line(line):
            yield Notice(
                code="reference_in_tail",
                message=f"“{shortened(line)}” stands below the story, among its keywords, and was passed over.",
            )
