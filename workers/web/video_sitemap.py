"""Video sitemaps (sitemaps.org 0.9 with Google's video extension 1.1), and the index of them: pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from lxml import etree
from lxml.builder import ElementMaker

from workers.web.sharing import SharedClip

MEDIA_TYPE: Final = "application/xml"
_SITEMAP: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
_VIDEO: Final = "http://www.google.com/schemas/sitemap-video/1.1"
_S: Final = ElementMaker(namespace=_SITEMAP, nsmap={None: _SITEMAP, "video": _VIDEO})
_V: Final = ElementMaker(namespace=_VIDEO)
# What the extension allows.
_LONGEST_S: Final = 28_800
_DESCRIPTION_LETTERS: Final = 2048
# XML 1.0 has no place for these, not even escaped.
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def sitemap(clips: Iterable[SharedClip]) -> bytes:
    """One ``url`` for each page, with all of its clips; those of a page follow each other."""
    pages = groupby(clips, key=lambda clip: clip.page_url.partition("#")[0])
    return document(_S.urlset(*(_S.url(_S.loc(page), *map(_video, shown)) for page, shown in pages)))


def index(sitemaps: Sequence[tuple[str, datetime]]) -> bytes:
    """The index of sitemaps, each with its address and when it last changed."""
    return document(
        _S.sitemapindex(
            *(_S.sitemap(_S.loc(url), _S.lastmod(at.isoformat(timespec="seconds"))) for url, at in sitemaps)
        )
    )


def document(root: etree._Element) -> bytes:
    """The document of that root, as UTF-8."""
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def writable(text: str) -> str:
    """The text without characters that XML can't hold."""
    return _UNWRITABLE.sub("", text)


def _video(clip: SharedClip) -> etree._Element:
    video = _V.video(
        _V.thumbnail_loc(clip.poster_url),
        _V.title(writable(clip.title)),
        _V.description(writable(clip.description)[:_DESCRIPTION_LETTERS]),
    )
    if clip.mp4_url:
        video.append(_V.content_loc(clip.mp4_url))
    video.append(_V.player_loc(clip.embed_url))
    if clip.duration_s:
        video.append(_V.duration(str(min(_LONGEST_S, max(1, round(clip.duration_s))))))
    video.append(_V.publication_date(clip.uploaded_at.isoformat(timespec="seconds")))
    return video
