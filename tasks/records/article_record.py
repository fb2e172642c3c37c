"""The article record, ``articles/<id>/article.json``: paragraphs with stable ids, and each one's clips."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from tasks.records.base import Failure, Notice, Record, UtcTime, Value
from tasks.records.clip_record import ClipState


class ArticleState(StrEnum):
    """``complete``: every reference is linked to a ready clip; ``failed``: the upload could not be read.

    ``withdrawn``: the upload was deleted; nothing of its text is left in the record.
    """

    WAITING = "waiting"
    COMPLETE = "complete"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


class ReferenceState(StrEnum):
    """``linked``: its clip is playable or ready. ``waiting``: not yet. ``failed``: its clip failed.

    ``ambiguous``: several clips could be meant. ``orphaned``: the paragraph that it stood under was taken out, and it
    is shown nowhere.
    """

    LINKED = "linked"
    WAITING = "waiting"
    FAILED = "failed"
    AMBIGUOUS = "ambiguous"
    ORPHANED = "orphaned"


class ParagraphClip(Value):
    """A clip shown under a paragraph; ``record`` is its record's URL, relative to the article's record.

    ``title`` is the full name of the person that the clip's slug stands for, null where the article leaves any doubt.
    """

    name: str
    state: ClipState
    record: str
    title: str | None = None


class Paragraph(Value):
    """One block of the story, in reading order; the lede is the first of kind ``body``."""

    id: str
    kind: Literal["body", "caption", "heading"]
    text: str
    clips: tuple[ParagraphClip, ...] = ()


class TextQuoteSelector(Value):
    """The words of a paragraph, and up to 32 characters before and after it (W3C Web Annotation Data Model, 4.2.4)."""

    type: Literal["TextQuoteSelector"] = "TextQuoteSelector"
    exact: str
    prefix: str = ""
    suffix: str = ""


class Reference(Value):
    """A ``Video:`` line: the name as written, and the paragraph it belongs to (null before the first one).

    ``selector`` quotes that paragraph, of an ``orphaned`` reference the one that is gone. ``confidence`` (0..1) tells
    how much of the quote an edit left: 1 where nothing was in doubt. ``stands_under`` is the paragraph that the line
    itself stands under, which an edit can make another one than ``paragraph``. ``decided`` is the clip that an editor
    chose for a name that matched none, or several; null where the name itself decides.
    """

    name: str
    paragraph: str | None
    state: ReferenceState
    message: str = ""
    suggestions: tuple[str, ...] = ()
    selector: TextQuoteSelector | None = None
    confidence: float = Field(default=1.0, ge=0, le=1)
    stands_under: str | None = None
    decided: str | None = None


class ArticleSource(Value):
    """The uploaded article."""

    key: str
    etag: str
    size_bytes: int


class NextArticle(Value):
    """A newer upload of a published article that could not be read; the one before it stays published."""

    state: Literal[ArticleState.FAILED] = ArticleState.FAILED
    source: ArticleSource
    failure: Failure


class ArticleRecord(Record):
    """The record of one article. ``published_at`` is RFC 3339 with the newsroom's offset, as the article says."""

    is_derived: ClassVar[bool] = True
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
    next: NextArticle | None = None
