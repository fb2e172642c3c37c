"""The article record, ``articles/<id>/article.json``: paragraphs with stable ids, and each one's clips."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from tasks.records.base import Failure, Notice, Record, UtcTime, Value
from tasks.records.clip_record import ClipState


class ArticleState(StrEnum):
    """``complete``: every reference is linked to a ready clip; ``failed``: the upload could not be read."""

    WAITING = "waiting"
    COMPLETE = "complete"
    FAILED = "failed"


class ReferenceState(StrEnum):
    """``linked``: its clip is playable or ready. ``waiting``: not yet. ``failed``: its clip failed."""

    LINKED = "linked"
    WAITING = "waiting"
    FAILED = "failed"
    AMBIGUOUS = "ambiguous"


class ParagraphClip(Value):
    """A clip shown under a paragraph; ``record`` is its record's URL, relative to the article's record."""

    name: str
    state: ClipState
    record: str


class Paragraph(Value):
    """One block of the story, in reading order; the lede is the first of kind ``body``."""

    id: str
    kind: Literal["body", "caption", "heading"]
    text: str
    clips: tuple[ParagraphClip, ...] = ()


class Reference(Value):
    """A ``Video:`` line: the name as written, and the paragraph it belongs to (null before the first one)."""

    name: str
    paragraph: str | None
    state: ReferenceState
    message: str = ""
    suggestions: tuple[str, ...] = ()


class ArticleSource(Value):
    """The uploaded article."""

    key: str
    etag: str
    size_bytes: int


class ArticleRecord(Record):
    """The record of one article. ``published_at`` is RFC 3339 with the newsroom's offset, as the article says."""

    schema_: Literal["newsreel/article/1"] = Field(default="newsreel/article/1", alias="schema")
    id: str
    title: str = ""
    published_at: str | None = None
    views: int | None = None
    lede: str = ""
    byline: str = ""
    keywords: tuple[str, ...] = ()
    state: ArticleState
    updated_at: UtcTime
    source: ArticleSource
    paragraphs: tuple[Paragraph, ...] = ()
    references: tuple[Reference, ...] = ()
    warnings: tuple[Notice, ...] = ()
    failure: Failure | None = None
