"""An uploaded file → the article, by its extension: plain text, HTML, Markdown, ninjs."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from tasks.errors import SourceRejected
from tasks.news.article import ParsedArticle, assemble_article, parse_article
from tasks.news.references import STANDARD, ReferenceStyle
from tasks.news.text import decode_article

EXTENSIONS: Final = ("txt", "html", "htm", "xhtml", "md", "markdown", "json")
"""The extensions that articles are taken with."""


def read_article(body: bytes, extension: str, *, zone: ZoneInfo, style: ReferenceStyle = STANDARD) -> ParsedArticle:
    """Read an article; times without offset are in ``zone``.

    Raises:
        SourceRejected: ``unknown_extension``, ``article_not_text``, ``article_not_ninjs``, ``article_empty``,
            ``article_too_long``.
    """
    if extension not in EXTENSIONS:
        taken = ", ".join(f".{each}" for each in EXTENSIONS)
        told = f"this one ends in “.{extension}”" if extension else "this one has no extension"
        raise SourceRejected("unknown_extension", f"Articles are accepted as {taken} files; {told}.", extension)
    text = decode_article(body)
    if extension == "txt":
        return parse_article(text, zone=zone, style=style)
    # Plain text needs none of these libraries: a worker whose lxml is broken still reads it.
    from tasks.news.markdown import read_markdown
    from tasks.news.markup import read_html
    from tasks.news.ninjs import read_ninjs

    read = {"json": read_ninjs, "md": read_markdown, "markdown": read_markdown}.get(extension, read_html)
    return assemble_article(read(text, style), zone=zone, style=style)
