"""What a web page says of its article beside the text: headings, bylines, meta elements, Open Graph, schema.org."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tasks.news.blocks import Metadata
from tasks.news.text import one_line

_MAX_VALUES: Final = 50
_MAX_CHARACTERS: Final = 500
_MAX_NESTING: Final = 6
_PUBLISHED: Final = ("article:published_time", "datepublished", "pubdate", "dc.date.issued")
_ARTICLE_TYPES: Final = frozenset({"Article", "NewsArticle", "ReportageNewsArticle", "BlogPosting"})
_SITE_NAME: Final = re.compile(r"\s+[|–—-]\s+[^|–—-]{1,40}$")


class PageMetadata:
    """Collects the properties of a page while it is read: each one's values in the order of the page."""

    def __init__(self) -> None:
        self._values: dict[str, list[str]] = {}

    def add(self, name: str, text: str) -> None:
        """Note a property's value; what is blank, or beyond the bounds of a page of one article, is passed over."""
        if text.strip() and len(self._values.setdefault(name, [])) < _MAX_VALUES:
            self._values[name].append(one_line(text)[:_MAX_CHARACTERS])

    def has(self, name: str) -> bool:
        """Whether there is a value of that property."""
        return bool(self._values.get(name))

    def add_meta(self, attributes: Mapping[str, str]) -> None:
        """Take in a meta element."""
        name = (attributes.get("property") or attributes.get("name") or attributes.get("itemprop") or "").casefold()
        if content := attributes.get("content", ""):
            self.add("published" if name in _PUBLISHED else name, content)

    def add_linked_data(self, script: str) -> None:
        """Take in the articles of a script of JSON-LD; anything else in it is passed over."""
        try:
            for thing in _things(json.loads(script), _MAX_NESTING):
                self.add("headline", str(thing.get("headline") or thing.get("name") or ""))
                self.add("published", str(thing.get("datePublished") or ""))
                for author in _listed(thing.get("author")):
                    name = author.get("name") if isinstance(author, dict) else author
                    self.add("author", str(name or ""))
                for keyword in _listed(thing.get("keywords")):
                    self.add("keywords", str(keyword))
        except (ValueError, RecursionError):
            return

    def metadata(self) -> Metadata:
        """What was found; the words that readers see go before those for machines."""
        titles = (*self._first("h1"), *self._first("headline"), *self._first("og:title"))
        title = next(iter(titles), "") or _SITE_NAME.sub("", next(iter(self._first("title")), ""))
        keywords = [
            word.strip(" #•·:")
            for key in ("keywords", "article:tag", "news_keywords")
            for listed in self._values.get(key, ())
            for word in re.split("[,;]", listed)
        ]
        byline = next(iter((*self._first("byline"), *self._first("author"), *self._first("article:author"))), "")
        return Metadata(
            title=one_line(title),
            published_at=next(iter((*self._first("published"), *self._first("time-at"))), "").strip(),
            byline="" if "://" in byline else one_line(byline).rstrip("."),
            keywords=tuple(dict.fromkeys(w for w in keywords if w and w.casefold() not in ("từ khóa", "tags"))),
            summary=next(iter((*self._first("description"), *self._first("og:description"))), ""),
        )

    def _first(self, name: str) -> list[str]:
        return self._values.get(name, [])[:1]


def _things(value: Any, nesting: int) -> Iterator[dict[str, Any]]:
    """The articles in a page's linked data (schema.org in JSON-LD)."""
    if isinstance(value, list) and nesting:
        for each in value[:_MAX_VALUES]:
            yield from _things(each, nesting - 1)
    elif isinstance(value, dict) and nesting:
        if _ARTICLE_TYPES & set(map(str, _listed(value.get("@type")))):
            yield value
        yield from _things(value.get("@graph"), nesting - 1)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
