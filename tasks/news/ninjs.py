"""ninjs, the IPTC's news in JSON (1.x to 3.x) → blocks and metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from tasks.errors import SourceRejected
from tasks.news.blocks import Block, Document, Metadata, block_of
from tasks.news.clip_names import clip_name_in_url
from tasks.news.markup import read_html
from tasks.news.references import ReferenceStyle
from tasks.news.text import lines_of, normalise, one_line, with_vietnamese_d

_DATES: Final = ("firstpublished", "published", "contentcreated", "firstcreated", "versioncreated")
_VIDEO_TYPES: Final = ("video", "audio", "composite")


def read_ninjs(text: str, style: ReferenceStyle) -> Document:
    """The blocks of a news item: its HTML body if it has one, else its plain text.

    Associated videos are references before the first paragraph: the standard gives them no place in the text.

    Raises:
        SourceRejected: ``article_not_ninjs``, it is not a JSON object with a headline or a body; ``article_too_long``.
    """
    try:
        item = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _not_ninjs(str(error)) from error
    if not isinstance(item, dict):
        raise _not_ninjs("it is no JSON object")
    markup, plain = _body(item)
    title = _said(item, "headline", "headlines", "title", "name")
    if not (title or markup or plain):
        raise _not_ninjs("it has neither headline, body_html, body_text nor bodies")
    if markup:
        document = read_html(markup, style)
    else:
        lines = (line for line in lines_of(with_vietnamese_d(normalise(plain))) if any(map(str.isalnum, line)))
        document = Document(blocks=tuple(block_of(line, style) for line in lines))
    said = document.metadata
    metadata = Metadata(
        title=title or said.title,
        published_at=next((str(item[key]) for key in _DATES if item.get(key)), said.published_at),
        byline=_byline(item) or said.byline,
        keywords=tuple(dict.fromkeys(_keywords(item))) or said.keywords,
        summary=_said(item, "description_summary", "description_text", "descriptions"),
    )
    named = {name for block in document.blocks for name in block.clips}
    associated = dict.fromkeys(name for name in _associated(item) if name not in named)
    extra = tuple(Block(text="", raw=name, clips=(name,)) for name in associated)
    return replace(document, blocks=(*extra, *document.blocks), metadata=metadata)


def _body(item: dict[str, Any]) -> tuple[str, str]:
    """The body as HTML and as plain text, each empty if the item has none."""
    markup, plain = _text(item.get("body_html")) or _text(item.get("body_xhtml")), _text(item.get("body_text"))
    for body in _objects(item.get("bodies")):
        value, sort = _text(body.get("value")), _text(body.get("contenttype") or body.get("contentType"))
        if "html" in sort:
            markup = markup or value
        else:
            plain = plain or value
    return markup, plain


def _said(item: dict[str, Any], *names: str) -> str:
    """The first of these properties that says something; of a list of values by role, the main one."""
    for name in names:
        value = item.get(name)
        values = [_text(value)] if isinstance(value, str) else []
        listed = sorted(_objects(value), key=lambda each: each.get("role") not in (None, "main", "headline"))
        values += [_text(each.get("value")) for each in listed]
        if found := next(filter(None, values), ""):
            return one_line(with_vietnamese_d(normalise(found)))
    return ""


def _byline(item: dict[str, Any]) -> str:
    written = _said(item, "byline", "by", "bylines")
    names = (_text(each.get("name")) for each in _objects(item.get("people")) if each.get("rel") == "author")
    return written or ", ".join(filter(None, names))


def _keywords(item: dict[str, Any]) -> Iterator[str]:
    for key in ("keywords", "subject", "subjects", "place", "places"):
        value = item.get(key)
        for each in value if isinstance(value, list) else []:
            name = each if isinstance(each, str) else each.get("name") if isinstance(each, dict) else None
            if text := one_line(_text(name)):
                yield text


def _associated(item: dict[str, Any]) -> Iterator[str]:
    """Names of the clips among the associated items: of their renditions' files, else of themselves."""
    for each in _objects(item.get("associations")):
        if each.get("type") not in _VIDEO_TYPES:
            continue
        renditions = _objects(each.get("renditions"))
        urls = [_text(rendition.get("href")) for rendition in renditions] + [_text(each.get("uri"))]
        if name := next(filter(None, map(clip_name_in_url, urls)), ""):
            yield name


def _objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list (ninjs 2 and 3), or of an object by name (ninjs 1)."""
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [each for each in values if isinstance(each, dict)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _not_ninjs(detail: str) -> SourceRejected:
    return SourceRejected(
        "article_not_ninjs", "This JSON file is not a news item in IPTC ninjs: export it again.", detail
    )
