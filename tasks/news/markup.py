"""HTML as content systems and portals export it → blocks and metadata; nothing in it is run, loaded or resolved.

lxml's HTML parser hands over events, so there is no tree whose depth a hostile page could choose. What surrounds a
story is left out by element (``nav``, ``aside``, ``footer``, ``form``, …), by the class names that portals give such
boxes, and where a list item is nothing but a link. Of several containers, the one that holds most of the text is the
story.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lxml import etree

from tasks.errors import SourceRejected
from tasks.news.blocks import Block, Document, Kind, Metadata, block_of
from tasks.news.clip_names import clip_name_in_url
from tasks.news.references import ReferenceStyle
from tasks.news.text import MAX_LINES, ends_sentence, normalise, one_line, with_vietnamese_d

_MAX_ELEMENTS: Final = 200_000
_MAX_DEPTH: Final = 1_000
# What a page loads, runs, asks or repeats around its story.
_LEFT_OUT: Final = frozenset(
    "style template noscript nav aside footer form button select textarea svg math object canvas menu dialog".split()
)
_EMPTY: Final = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_BLOCKS: Final = frozenset(
    "address article blockquote body caption center dd details div dl dt fieldset figcaption figure h1 h2 h3 h4 h5 h6"
    " header hgroup hr html li main ol p pre section summary table tbody td tfoot th thead tr ul br title".split()
)
_KINDS: Final[Mapping[str, Kind]] = {
    **{f"h{level}": "heading" for level in range(1, 7)},
    **dict.fromkeys(("figcaption", "caption"), "caption"),
    **dict.fromkeys(("li", "blockquote", "td", "th", "dd", "dt", "pre"), "body"),
}
_MEDIA: Final = frozenset({"video", "audio", "source", "iframe", "embed", "img"})
_WITH_FALLBACK: Final = frozenset({"video", "audio", "iframe"})
_BOILERPLATE: Final = re.compile(
    r"(?:^|[\s_-])(?:related|relate|relation|lienquan|lien[-_]quan|tinkhac|tin[-_]khac|recommend(?:ed|ation)?s?|comments?"
    r"|binhluan|share|sharing|social|advert(?:isement)?s?|ads|qc|quangcao|breadcrumbs?|menu|navbar|navigation|sidebar"
    r"|newsletter|subscribe|popup|cookies?|consent|pagination|most[-_]read|docnhieu|trending|toolbar|print|sr-only"
    r"|visually-hidden)(?:$|[\s_-])",
    re.IGNORECASE,
)
_STORY: Final = re.compile(
    r"(?:^|\s)(?:article[-_](?:body|content|text)|entry[-_]content|post[-_](?:content|body)|story[-_](?:body|content)"
    r"|(?:news|detail|content)[-_](?:content|detail|body)|fck_detail|e-content)(?:$|\s)",
    re.IGNORECASE,
)
_CAPTION: Final = re.compile(r"(?:^|[\s_-])(?:caption|picture-desc|image-desc|photo-desc|chu-thich)(?:$|[\s_-])", re.I)
_BYLINE: Final = re.compile(r"(?:^|[\s_-])(?:byline|author|tac-gia|tacgia)(?:$|[\s_-])", re.IGNORECASE)
_KEYWORDS: Final = re.compile(r"(?:^|[\s_-])(?:tags?|keywords?|tu-khoa)(?:$|[\s_-])", re.IGNORECASE)
_HIDDEN: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_ARTICLE_TYPES: Final = frozenset({"Article", "NewsArticle", "ReportageNewsArticle", "BlogPosting", "VideoObject"})
_SITE_NAME: Final = re.compile(r"\s+[|–—-]\s+[^|–—-]{1,40}$")
# A container holds the story when at least so much of the page's text is in it.
_MOST: Final = 0.4


def read_html(text: str, style: ReferenceStyle) -> Document:
    """The blocks of a page or fragment, and its metadata: ``h1``, ``time``, meta elements, Open Graph, schema.org.

    Raises:
        SourceRejected: ``article_too_long``, more elements, blocks or nesting than a page of one article has.
    """
    reader = _Reader(style)
    parser = etree.HTMLParser(target=reader, no_network=True, huge_tree=False, encoding="utf-8")
    try:
        parser.feed(with_vietnamese_d(normalise(text)).encode())
        parser.close()
    except etree.ParserError:
        pass
    except etree.XMLSyntaxError:
        # An empty document: there is nothing to read.
        pass
    reader.flush()
    return Document(blocks=reader.story(), metadata=reader.metadata())


@dataclass
class _Element:
    tag: str
    is_left_out: bool
    kind: Kind | None
    scope: tuple[str, ...]
    role: str


@dataclass
class _Reader:
    """Collects blocks from the parser's events."""

    style: ReferenceStyle
    open: list[_Element] = field(default_factory=list)
    elements: int = 0
    text: list[str] = field(default_factory=list)
    linked_characters: int = 0
    clips: list[str] = field(default_factory=list)
    found: list[tuple[Block, tuple[str, ...]]] = field(default_factory=list)
    said: dict[str, list[str]] = field(default_factory=dict)
    script: list[str] = field(default_factory=list)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.elements += 1
        if self.elements > _MAX_ELEMENTS or len(self.open) > _MAX_DEPTH:
            raise SourceRejected("article_too_long", "This page has more elements than one article needs.", tag)
        if tag in _BLOCKS:
            self.flush()
        above = self.open[-1] if self.open else _Element("", False, None, (), "")
        names = f"{attributes.get('class', '')} {attributes.get('id', '')}"[:500]
        role = self._role(tag, attributes, names) or above.role
        self._note(tag, attributes, above)
        element = _Element(
            tag=tag,
            is_left_out=above.is_left_out or self._is_left_out(tag, attributes, names, above),
            kind=("caption" if _CAPTION.search(names) else _KINDS.get(tag)) or above.kind,
            scope=above.scope + self._scope(tag, attributes, names),
            role=role,
        )
        if not element.is_left_out:
            self._take_media(tag, attributes)
        if tag in _WITH_FALLBACK:
            element.is_left_out = True
        if tag not in _EMPTY:
            self.open.append(element)

    def end(self, tag: str) -> None:
        if tag in _EMPTY:
            return
        if tag in _BLOCKS:
            self.flush()
        if tag == "script" and self.script:
            self._note_linked_data("".join(self.script))
            self.script.clear()
        while self.open and self.open.pop().tag != tag:
            pass

    def data(self, data: str) -> None:
        if not self.open or self.open[-1].tag == "script":
            if self.open and self.open[-1].role == "linked-data":
                self.script.append(data)
            return
        if self.open[-1].tag == "title":
            self._say("title", data)
        elif not self.open[-1].is_left_out:
            self.text.append(data)
            if any(each.tag == "a" for each in self.open[-6:]):
                self.linked_characters += len("".join(data.split()))

    def close(self) -> None:
        """The parser asks for it; the blocks are read with `story`."""

    def flush(self) -> None:
        """End the block at hand."""
        text, clips = one_line("".join(self.text)), tuple(dict.fromkeys(self.clips))
        linked, letters = self.linked_characters, len("".join(text.split()))
        self.text.clear()
        self.clips.clear()
        self.linked_characters = 0
        if not text and not clips:
            return
        element = self.open[-1] if self.open else _Element("", False, None, (), "")
        if element.role in ("byline", "keywords", "time"):
            self._say(element.role, text)
            return
        block = block_of(text, self.style, element.kind)
        clips = tuple(dict.fromkeys((*block.clips, *clips)))
        inside = {each.tag for each in self.open}
        if "h1" in inside and not self.said.get("h1"):
            self._say("h1", block.text)
        elif not clips and linked * 10 >= letters * 9 and ("li" in inside or not ends_sentence(text)):
            return
        if clips and linked == letters and not ends_sentence(text):
            # The words of a link to the clip ("Xem video", its file name) are its label.
            block = Block(text="", raw=text, clips=clips)
        if not (clips or any(map(str.isalnum, block.text))):
            return
        self.found.append((Block(text=block.text, raw=block.raw, kind=block.kind, clips=clips), element.scope))
        if len(self.found) > MAX_LINES:
            raise SourceRejected("article_too_long", f"This page has more than {MAX_LINES:,} paragraphs.")

    def story(self) -> tuple[Block, ...]:
        """The blocks of the container that holds the story."""
        sizes: Counter[str] = Counter()
        for block, scope in self.found:
            for each in set(scope):
                sizes[each] += len(block.text) + 50 * len(block.clips)
        total = sum(len(block.text) + 50 * len(block.clips) for block, _ in self.found)
        for sort in ("story", "article", "main"):
            sized = [(size, name) for name, size in sizes.items() if name.startswith(sort)]
            if sized and max(sized)[0] >= total * _MOST:
                chosen = max(sized)[1]
                return tuple(block for block, scope in self.found if chosen in scope)
        return tuple(block for block, _ in self.found)

    def metadata(self) -> Metadata:
        """What the page says of its article; the words that readers see go before those for machines."""
        titles = (*self._first("h1"), *self._first("headline"), *self._first("og:title"))
        title = next(iter(titles), "") or _SITE_NAME.sub("", next(iter(self._first("title")), ""))
        keywords = [
            word.strip(" #•·:")
            for key in ("keywords", "article:tag", "news_keywords")
            for listed in self.said.get(key, ())
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

    def _scope(self, tag: str, attributes: Mapping[str, str], names: str) -> tuple[str, ...]:
        if "articlebody" in attributes.get("itemprop", "").casefold().split() or _STORY.search(names):
            return (f"story{self.elements}",)
        return (f"{tag}{self.elements}",) if tag in ("article", "main") else ()

    def _role(self, tag: str, attributes: Mapping[str, str], names: str) -> str:
        if tag == "script":
            return "linked-data" if "ld+json" in attributes.get("type", "").casefold() else "script"
        properties = attributes.get("itemprop", "").split() + attributes.get("rel", "").split()
        if tag in ("body", "html", "article", "main", "a"):
            return "byline" if tag == "a" and "author" in properties else ""
        if "author" in properties or _BYLINE.search(names):
            return "byline"
        return "keywords" if "keywords" in properties or _KEYWORDS.search(names) else ""

    def _is_left_out(self, tag: str, attributes: Mapping[str, str], names: str, above: _Element) -> bool:
        if tag in ("html", "body", "main", "article"):
            return False
        is_page_header = tag == "header" and not above.scope
        hidden = "hidden" in attributes or bool(_HIDDEN.search(attributes.get("style", "")))
        return (
            tag in _LEFT_OUT
            or tag == "script"
            or hidden
            or (is_page_header and attributes.get("role") == "banner")
            or attributes.get("role", "") in ("navigation", "complementary", "contentinfo", "search")
            or bool(_BOILERPLATE.search(names) and not _STORY.search(names))
        )

    def _take_media(self, tag: str, attributes: Mapping[str, str]) -> None:
        urls = [attributes.get("href", "")] if tag == "a" else []
        if tag in _MEDIA:
            urls = [attributes.get("src", ""), attributes.get("data-src", "")]
        self.clips.extend(name for name in map(clip_name_in_url, urls) if name)

    def _note(self, tag: str, attributes: Mapping[str, str], above: _Element) -> None:
        # A video's sources stand in what is otherwise left out as its fallback.
        if tag == "source" and above.tag in ("video", "audio") and not any(e.is_left_out for e in self.open[:-1]):
            self._take_media(tag, attributes)
        if tag == "meta":
            name = (attributes.get("property") or attributes.get("name") or attributes.get("itemprop") or "").casefold()
            if content := attributes.get("content", ""):
                published = name in ("article:published_time", "datepublished", "pubdate", "dc.date.issued")
                self._say("published" if published else name, content)
        elif tag == "time" and attributes.get("datetime") and not above.is_left_out:
            self._say("time-at", attributes["datetime"])

    def _note_linked_data(self, script: str) -> None:
        try:
            for thing in _things(json.loads(script), 6):
                self._say("headline", str(thing.get("headline") or thing.get("name") or ""))
                self._say("published", str(thing.get("datePublished") or ""))
                for author in _listed(thing.get("author")):
                    name = author.get("name") if isinstance(author, dict) else author
                    self._say("author", str(name or ""))
                for keyword in _listed(thing.get("keywords")):
                    self._say("keywords", str(keyword))
        except (ValueError, RecursionError):
            return

    def _say(self, what: str, text: str) -> None:
        if text.strip() and len(self.said.setdefault(what, [])) < 50:
            self.said[what].append(one_line(text)[:500])

    def _first(self, what: str) -> list[str]:
        return self.said.get(what, [])[:1]


def _things(value: Any, nesting: int) -> Iterator[dict[str, Any]]:
    """The articles in a page's linked data (schema.org in JSON-LD)."""
    if isinstance(value, list) and nesting:
        for each in value[:50]:
            yield from _things(each, nesting - 1)
    elif isinstance(value, dict) and nesting:
        if _ARTICLE_TYPES & set(map(str, _listed(value.get("@type")))) - {"VideoObject"}:
            yield value
        yield from _things(value.get("@graph"), nesting - 1)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
