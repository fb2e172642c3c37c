"""Markdown (CommonMark with tables, and a front matter) → HTML → blocks, by the one set of rules."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from markdown_it import MarkdownIt

from tasks.errors import SourceRejected
from tasks.news.blocks import Document, Metadata
from tasks.news.markup import read_html
from tasks.news.references import ReferenceStyle, parse_reference_line
from tasks.news.text import lines_of, one_line

# markdown-it-py is written in Python: a megabyte, ten books, takes it seconds.
_MAX_CHARACTERS: Final = 1024**2
_FRONT_MATTER: Final = re.compile(r"\s*---[ \t]*\n(?P<head>.{0,20000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_ENTRY: Final = re.compile(r"(?P<key>[A-Za-z_-]{1,40})\s*:\s*(?P<value>.*)")
_QUOTES: Final = "\"'"


def read_markdown(text: str, style: ReferenceStyle) -> Document:
    """The blocks of a Markdown text; a reference line is a block of its own also where no blank line sets it apart.

    Of a front matter, ``title``, ``date``, ``author`` and ``tags`` (or ``keywords``) are read: one value a line, lists
    in brackets or with dashes below.

    Raises:
        SourceRejected: ``article_too_long``.
    """
    front = _FRONT_MATTER.match(text)
    entries = _entries(front["head"]) if front else {}
    body = text[front.end() :] if front else text
    if len(body) > _MAX_CHARACTERS:
        raise SourceRejected("article_too_long", "This Markdown file has more than a million characters; divide it.")
    lines_of(body)
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    document = read_html(parser.render(_set_apart(body, style)), style)
    said = document.metadata

    def entry(*names: str) -> tuple[str, ...]:
        return next((entries[name] for name in names if entries.get(name)), ())

    metadata = Metadata(
        title=" ".join(entry("title")) or said.title,
        published_at=" ".join(entry("date", "published", "published_at")) or said.published_at,
        byline=", ".join(entry("author", "authors", "byline")) or said.byline,
        keywords=entry("tags", "keywords") or said.keywords,
        summary=said.summary,
    )
    return replace(document, metadata=metadata)


def _set_apart(text: str, style: ReferenceStyle) -> str:
    lines = []
    for line in text.split("\n"):
        lines += ["", line.strip(), ""] if parse_reference_line(line, style) else [line]
    return "\n".join(lines)


def _entries(head: str) -> dict[str, tuple[str, ...]]:
    entries: dict[str, tuple[str, ...]] = {}
    key = ""
    for line in head.split("\n"):
        if found := _ENTRY.match(line):
            key, value = found["key"].casefold(), found["value"].strip()
            listed = value[1:-1].split(",") if value.startswith("[") and value.endswith("]") else [value]
            entries[key] = tuple(one for one in (one_line(each).strip(_QUOTES) for each in listed) if one)
        elif key and line.lstrip().startswith("- "):
            entries[key] = (*entries[key], one_line(line.lstrip()[2:]).strip(_QUOTES))
    return entries
