"""The lines of an article → its parts, by rules that an editor can be told (``docs/articles.md`` tells them)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from tasks.errors import SourceRejected
from tasks.news.blocks import Block, Document, Kind, block_of
from tasks.news.byline import take_byline
from tasks.news.dateline import Dateline
from tasks.news.header import take_header
from tasks.news.inline_references import take_references
from tasks.news.references import STANDARD, ReferenceStyle, is_labelled, parse_reference_line
from tasks.news.tail import split_tail
from tasks.news.text import ends_sentence, is_full, lines_of, normalise, shortened, with_vietnamese_d, wrap_width
from tasks.records.base import Notice

# A line without sentence end is a caption up to here; beyond it is a paragraph whose full stop was forgotten.
_LONGEST_CAPTION: Final = 200
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
    """A clip's name, and the index of the body paragraph it belongs to (None: before the first).

    ``is_inline``: that paragraph itself names the clip, so no other one can be meant.
    """

    name: str
    paragraph: int | None
    is_inline: bool = False


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


def parse_article(text: str, *, zone: ZoneInfo, style: ReferenceStyle = STANDARD) -> ParsedArticle:
    """Read a plain text in the form that ``docs/articles.md`` describes; times without offset are in ``zone``.

    The same text gives the same article, whether its letters are composed or not and whatever its line ends.

    Raises:
        SourceRejected: ``article_empty``, no text and no reference; ``article_too_long``, too many lines or references.
    """
    lines = _paragraph_lines(lines_of(with_vietnamese_d(normalise(text))), style)
    return assemble_article(Document(blocks=tuple(block_of(line, style) for line in lines)), zone=zone, style=style)


def assemble_article(document: Document, *, zone: ZoneInfo, style: ReferenceStyle = STANDARD) -> ParsedArticle:
    """Tell the parts of an article apart; what the file says of itself goes before what its text seems to say.

    Raises:
        SourceRejected: as for `parse_article`.
    """
    given = document.metadata
    blocks, tail = split_tail(document.blocks)
    if sum(len(block.clips) for block in blocks) > _MAX_REFERENCES:
        raise SourceRejected(
            "article_too_long", f"This article refers to more than {_MAX_REFERENCES} clips; divide it."
        )
    title, dateline, story = take_header(blocks, given, zone)
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
        byline=given.byline or byline,
        keywords=given.keywords or tail.keywords,
        paragraphs=paragraphs,
        references=references,
        related=tail.related,
        warnings=tuple(_warnings(document.blocks, title, dateline, lede, story, tail.related, style)),
    )


def _paragraph_lines(lines: tuple[str, ...], style: ReferenceStyle) -> tuple[str, ...]:
    """One line for each paragraph, reference and other part; blank and merely decorative lines are gone."""
    width = wrap_width(lines)
    joined = list(lines[:1])
    for upper, lower in pairwise(lines):
        wrapped = width is not None and upper and lower and is_full(upper, lower, width)
        if wrapped and not (parse_reference_line(upper, style) or parse_reference_line(lower, style)):
            joined[-1] = f"{joined[-1]} {lower}"
        else:
            joined.append(lower)
    return tuple(line for line in joined if any(map(str.isalnum, line)))


def _assemble(story: Sequence[Block]) -> tuple[tuple[ParsedParagraph, ...], tuple[ParsedReference, ...]]:
    """Paragraphs and references; one on its own, or in a caption, belongs to the nearest body paragraph before it."""
    kinds = [None if block.is_reference else block.kind or _kind(block.text) for block in story]
    if "body" not in kinds and "caption" in kinds:
        # An article of one short line: with no other text, that line is what the article says.
        kinds[kinds.index("caption")] = "body"
    paragraphs: list[ParsedParagraph] = []
    references: list[ParsedReference] = []
    owner: int | None = None
    for block, kind in zip(story, kinds, strict=True):
        if kind is not None:
            if kind == "body":
                owner = len(paragraphs)
            paragraphs.append(ParsedParagraph(kind=kind, text=block.text))
        references.extend(ParsedReference(name=name, paragraph=owner, is_inline=kind == "body") for name in block.clips)
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
    blocks: Iterable[Block],
    title: str,
    dateline: Dateline,
    lede: str,
    story: Iterable[Block],
    related: Iterable[str],
    style: ReferenceStyle,
) -> Iterable[Notice]:
    if any("\ufffd" in block.raw for block in blocks):
        yield Notice(code="text_damaged", message="Some letters of this article could not be read; save it as UTF-8.")
    if not title:
        yield Notice(code="title_missing", message="The article has no title.")
    if dateline.notice:
        yield dateline.notice
    elif not dateline.has_date:
        yield Notice(
            code="date_missing", message="No line gives the article's date, such as “Thứ 5, 03.12.2020 | 18:00”."
        )
    if not lede:
        yield Notice(code="text_missing", message="The article has no paragraphs.")
    for line in (block.raw for block in story if not block.clips):
        if len(line) <= _LONGEST_CAPTION and is_labelled(line, style):
            yield Notice(
                code="reference_not_understood",
                message=f"“{shortened(line)}” names no clip; write the file's name: “Video: 120320_OHAI1.mp4”.",
            )
    for line in related:
        if take_references(line, style)[1]:
            yield Notice(
                code="reference_in_tail",
                message=f"“{shortened(line)}” stands below the story, among its keywords, and was passed over.",
            )
