"""HTML as content systems and portals export it → blocks and metadata; nothing in it is run, loaded or resolved.

lxml's HTML parser hands over events, so there is no tree whose depth a hostile page could choose. Boilerplate around
the story is left out (`tasks.news.page_elements`), and so are list items that are nothing but a link. Of several
containers, the one that holds most of the text is the story.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from tasks.errors import SourceRejected
from tasks.news.blocks import Block, Document, Kind, block_of
from tasks.news.clip_names import clip_name_in_url
from tasks.news.page_elements import container_of, is_boilerplate, kind_of, names_of, role_of
from tasks.news.page_metadata import PageMetadata
from tasks.news.references import ReferenceStyle
from tasks.news.text import MAX_LINES, ends_sentence, normalise, one_line, with_vietnamese_d

_MAX_ELEMENTS: Final = 200_000
_MAX_DEPTH: Final = 1_000
_EMPTY: Final = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_BLOCKS: Final = frozenset(
    "address article blockquote body caption center dd details div dl dt fieldset figcaption figure h1 h2 h3 h4 h5 h6"
    " header hgroup hr html li main ol p pre section summary table tbody td tfoot th thead tr ul br title".split()
)
_MEDIA: Final = frozenset({"video", "audio", "source", "iframe", "embed", "img"})
_WITH_FALLBACK: Final = frozenset({"video", "audio", "iframe"})
# A container holds the story when at least so much of the page's text is in it.
_MOST: Final = 0.4


def read_html(text: str, style: ReferenceStyle) -> Document:
    """The blocks of a page or fragment, and its metadata: ``h1``, ``time``, meta elements, Open Graph, schema.org.

    Raises:
        SourceRejected: ``article_too_long``, more elements, blocks or nesting than a page of one article has.
    """
    reader = _Reader(style)
    parser = etree.HTMLParser(target=reader, no_network=True, huge_tree=False, encoding="utf-8")
    # Both are raised of an empty document, in which there is nothing to read.
    with suppress(etree.ParserError, etree.XMLSyntaxError):
        parser.feed(with_vietnamese_d(normalise(text)).encode())
        parser.close()
    reader.flush()
    return Document(blocks=reader.story(), metadata=reader.said.metadata())


@dataclass
class _Element:
    tag: str
    is_left_out: bool
    kind: Kind | None
    containers: tuple[str, ...]
    role: str


@dataclass
class _Reader:
    """Collects blocks from the parser's events; its public names are those that lxml calls (a parser target)."""

    style: ReferenceStyle
    open: list[_Element] = field(default_factory=list)
    elements: int = 0
    text: list[str] = field(default_factory=list)
    linked_characters: int = 0
    clips: list[str] = field(default_factory=list)
    found: list[tuple[Block, tuple[str, ...]]] = field(default_factory=list)
    said: PageMetadata = field(default_factory=PageMetadata)
    script: list[str] = field(default_factory=list)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.elements += 1
        if self.elements > _MAX_ELEMENTS or len(self.open) > _MAX_DEPTH:
            raise SourceRejected("article_too_long", "This page has more elements than any article needs.", tag)
        if tag in _BLOCKS:
            self.flush()
        above = self.open[-1] if self.open else _Element("", False, None, (), "")
        names = names_of(attributes)
        container = container_of(tag, attributes, names)
        self._note(tag, attributes, above)
        element = _Element(
            tag=tag,
            is_left_out=above.is_left_out or is_boilerplate(tag, attributes, names, is_inside=bool(above.containers)),
            kind=kind_of(tag, names) or above.kind,
            containers=above.containers + ((f"{container}{self.elements}",) if container else ()),
            role=role_of(tag, attributes, names) or above.role,
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
            self.said.add_linked_data("".join(self.script))
            self.script.clear()
        while self.open and self.open.pop().tag != tag:
            pass

    def data(self, data: str) -> None:
        if not self.open or self.open[-1].tag == "script":
            if self.open and self.open[-1].role == "linked-data":
                self.script.append(data)
            return
        if self.open[-1].tag == "title":
            self.said.add("title", data)
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
        if element.role in ("byline", "keywords"):
            self.said.add(element.role, text)
            return
        block = block_of(text, self.style, element.kind)
        clips = tuple(dict.fromkeys((*block.clips, *clips)))
        inside = {each.tag for each in self.open}
        if "h1" in inside and not self.said.has("h1"):
            self.said.add("h1", block.text)
        elif not clips and linked * 10 >= letters * 9 and ("li" in inside or not ends_sentence(text)):
            return
        if clips and linked == letters and not ends_sentence(text):
            # The words of a link to the clip ("Xem video", its file name) are its label.
            block = Block(text="", raw=text, clips=clips)
        if not (clips or any(map(str.isalnum, block.text))):
            return
        self.found.append((Block(text=block.text, raw=block.raw, kind=block.kind, clips=clips), element.containers))
        if len(self.found) > MAX_LINES:
            raise SourceRejected("article_too_long", f"This page has more than {MAX_LINES:,} paragraphs.")

    def story(self) -> tuple[Block, ...]:
        """The blocks of the container that holds the story."""
        sizes: Counter[str] = Counter()
        for block, containers in self.found:
            for each in set(containers):
                sizes[each] += len(block.text) + 50 * len(block.clips)
        total = sum(len(block.text) + 50 * len(block.clips) for block, _ in self.found)
        for container in ("story", "article", "main"):
            sized = [(size, name) for name, size in sizes.items() if name.startswith(container)]
            if sized and max(sized)[0] >= total * _MOST:
                chosen = max(sized)[1]
                return tuple(block for block, containers in self.found if chosen in containers)
        return tuple(block for block, _ in self.found)

    def _note(self, tag: str, attributes: Mapping[str, str], above: _Element) -> None:
        # A video's sources stand in what is otherwise left out as its fallback.
        if tag == "source" and above.tag in ("video", "audio") and not any(e.is_left_out for e in self.open[:-1]):
            self._take_media(tag, attributes)
        if tag == "meta":
            self.said.add_meta(attributes)
        elif tag == "time" and attributes.get("datetime") and not above.is_left_out:
            self.said.add("time-at", attributes["datetime"])

    def _take_media(self, tag: str, attributes: Mapping[str, str]) -> None:
        urls = [attributes.get("href", "")] if tag == "a" else []
        if tag in _MEDIA:
            urls = [attributes.get("src", ""), attributes.get("data-src", "")]
        self.clips.extend(name for name in map(clip_name_in_url, urls) if name)
