"""The common form of all article formats, before their parts are told apart: blocks, and the file's metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tasks.news.inline_references import take_references
from tasks.news.references import ReferenceStyle

Kind = Literal["body", "caption", "heading"]


@dataclass(frozen=True, kw_only=True)
class Block:
    """A line or paragraph in reading order: its text without reference markers, and the clips that it names.

    ``kind`` is what the markup says, None where only the words can tell. ``raw`` is the text as it was written.
    """

    text: str
    raw: str
    kind: Kind | None = None
    clips: tuple[str, ...] = ()

    @property
    def is_reference(self) -> bool:
        """It names clips and says nothing else."""
        return bool(self.clips) and not self.text


def block_of(line: str, style: ReferenceStyle, kind: Kind | None = None) -> Block:
    """The block of a line of text, its references taken out."""
    text, clips = take_references(line, style)
    return Block(text=text, raw=line, kind=kind, clips=clips)


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a file says of its article beside the text; empty where it says nothing.

    ``published_at`` is as written: an ISO 8601 date or date and time.
    """

    title: str = ""
    published_at: str = ""
    byline: str = ""
    keywords: tuple[str, ...] = ()
    summary: str = ""


@dataclass(frozen=True, kw_only=True)
class Document:
    """An article as its format gives it, before the rules of `tasks.news.article` are applied."""

    blocks: tuple[Block, ...]
    metadata: Metadata = Metadata()
