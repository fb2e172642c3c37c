"""The feed of the latest clips: RSS 2.0 with Media RSS 1.5.1 (https://www.rssboard.org/media-rss): pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lxml import etree
from lxml.builder import ElementMaker

from tasks.records.clip_facts import Mp4
from workers.web.conditional import http_date
from workers.web.sharing import SharedClip
from workers.web.video_sitemap import document, writable

MEDIA_TYPE: Final = "application/rss+xml"
_MEDIA: Final = "http://search.yahoo.com/mrss/"
_ATOM: Final = "http://www.w3.org/2005/Atom"
_R: Final = ElementMaker(nsmap={"media": _MEDIA, "atom": _ATOM})
_M: Final = ElementMaker(namespace=_MEDIA)
_A: Final = ElementMaker(namespace=_ATOM)


def media_rss(clips: Sequence[SharedClip], site: str) -> bytes:
    """The feed of these clips in the order given, each an item; those without an MP4 have no place in it."""
    channel = _R.channel(
        _R.title("newsreel"),
        _R.link(f"{site}/"),
        _R.description("The latest clips"),
        _R.language("vi"),
        _A.link(href=f"{site}/feeds/media.rss", rel="self", type=MEDIA_TYPE),
        *(_item(clip, clip.mp4) for clip in clips if clip.mp4),
    )
    return document(_R.rss(channel, version="2.0"))


def _item(clip: SharedClip, mp4: Mp4) -> etree._Element:
    content = _M.content(
        _M.title(writable(clip.title), type="plain"),
        _M.description(writable(clip.description), type="plain"),
        _M.thumbnail(url=clip.poster_url, width=str(clip.poster_width), height=str(clip.poster_height)),
        _M.player(url=clip.embed_url, width=str(clip.width), height=str(clip.height)),
        url=clip.mp4_url,
        type="video/mp4",
        medium="video",
        isDefault="true",
        width=str(mp4.width),
        height=str(mp4.height),
        fileSize=str(mp4.size_bytes),
        # In kilobits per second, as the specification has it.
        bitrate=str(round(mp4.bitrate_bps / 1000)),
        **({"duration": str(max(1, round(clip.duration_s)))} if clip.duration_s else {}),
    )
    return _R.item(
        _R.title(writable(clip.title)),
        _R.link(clip.page_url),
        _R.description(writable(clip.description)),
        _R.guid(clip.embed_url, isPermaLink="true"),
        _R.pubDate(http_date(clip.uploaded_at)),
        content,
    )
