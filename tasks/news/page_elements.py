"""What an element of a web page is: the story, boilerplate around it, a caption, the byline or the keywords.

Told by its name, by the class names and ids that portals and content systems use, by ARIA roles and by schema.org's
properties. ``names`` is an element's class and id, as `names_of` gives them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from tasks.news.blocks import Kind

_NAMES_CHARACTERS: Final = 500
# What a page loads, runs, asks or repeats around its story.
_LEFT_OUT: Final = frozenset(
    "script style template noscript nav aside footer form button select textarea"
    " svg math object canvas menu dialog".split()
)
_KINDS: Final[Mapping[str, Kind]] = {
    **{f"h{level}": "heading" for level in range(1, 7)},
    **dict.fromkeys(("figcaption", "caption"), "caption"),
    **dict.fromkeys(("li", "blockquote", "td", "th", "dd", "dt", "pre"), "body"),
}
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


def names_of(attributes: Mapping[str, str]) -> str:
    """The element's class names and id."""
    return f"{attributes.get('class', '')} {attributes.get('id', '')}"[:_NAMES_CHARACTERS]


def kind_of(tag: str, names: str) -> Kind | None:
    """The kind of paragraph that the element holds; None where only its words can tell."""
    return "caption" if _CAPTION.search(names) else _KINDS.get(tag)


def container_of(tag: str, attributes: Mapping[str, str], names: str) -> Literal["story", "article", "main"] | None:
    """Which of the containers that may hold the whole story the element is, if it is one."""
    if "articlebody" in attributes.get("itemprop", "").casefold().split() or _STORY.search(names):
        return "story"
    return "article" if tag == "article" else "main" if tag == "main" else None


def role_of(tag: str, attributes: Mapping[str, str], names: str) -> str:
    """What the element's text is, if it is not the story's: ``byline``, ``keywords``, ``linked-data`` or ``script``."""
    if tag == "script":
        return "linked-data" if "ld+json" in attributes.get("type", "").casefold() else "script"
    properties = attributes.get("itemprop", "").split() + attributes.get("rel", "").split()
    if tag in ("body", "html", "article", "main", "a"):
        return "byline" if tag == "a" and "author" in properties else ""
    if "author" in properties or _BYLINE.search(names):
        return "byline"
    return "keywords" if "keywords" in properties or _KEYWORDS.search(names) else ""


def is_boilerplate(tag: str, attributes: Mapping[str, str], names: str, *, is_inside: bool) -> bool:
    """Whether the element is hidden, or a part of the page around the story; ``is_inside`` a container of the story."""
    if tag in ("html", "body", "main", "article"):
        return False
    is_page_header = tag == "header" and not is_inside and attributes.get("role") == "banner"
    is_hidden = "hidden" in attributes or bool(_HIDDEN.search(attributes.get("style", "")))
    return (
        tag in _LEFT_OUT
        or is_hidden
        or is_page_header
        or attributes.get("role", "") in ("navigation", "complementary", "contentinfo", "search")
        or bool(_BOILERPLATE.search(names) and not _STORY.search(names))
    )
