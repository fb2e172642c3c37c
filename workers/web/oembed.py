"""oEmbed 1.0 (https://oembed.com): the answer for the address of a clip or story; pure."""

from __future__ import annotations

from html import escape
from typing import Any, Final
from urllib.parse import unquote, urlencode, urlsplit

from tasks.records.clip_record import ClipRecord
from workers.web.sharing import SharedClip, embed_url, size_of

_CACHE_S: Final = 300
_WIDEST: Final = 1280


def address(site: str, page_url: str) -> str:
    """Where the oEmbed answer for that page is; what a page names for discovery."""
    return f"{site}/oembed?{urlencode({'url': page_url, 'format': 'json'})}"


def subject(site: str, url: str) -> tuple[str, str] | None:
    """What one of our addresses shows, else None: ``("embed", clip name)`` or ``("stories", article id)``."""
    try:
        ours, asked = urlsplit(site), urlsplit(url)
    except ValueError:
        return None
    if (asked.scheme.lower(), asked.netloc.lower()) != (ours.scheme.lower(), ours.netloc.lower()):
        return None
    path = asked.path.removeprefix(ours.path)
    kind, _, name = path.removeprefix("/").partition("/")
    return (kind, unquote(name)) if kind in ("embed", "stories") and name and "/" not in name else None


def answer(
    record: ClipRecord, shared: SharedClip | None, site: str, *, max_width: int | None, max_height: int | None
) -> dict[str, Any]:
    """The ``video`` response; lengths in pixels. A clip that can't be watched yet has no thumbnail, but its frame."""
    width, height = fitted(*size_of(record), max_width, max_height)
    title = shared.title if shared else record.name
    facts: dict[str, Any] = {
        "version": "1.0",
        "type": "video",
        "provider_name": "newsreel",
        "provider_url": site,
        "title": title,
        "cache_age": _CACHE_S,
        "width": width,
        "height": height,
        "html": frame(embed_url(site, record.name), title, width, height),
    }
    if shared is not None:
        facts["thumbnail_url"] = shared.poster_url
        facts["thumbnail_width"] = shared.poster_width
        facts["thumbnail_height"] = shared.poster_height
    return facts


def frame(url: str, title: str, width: int, height: int) -> str:
    """The ``<iframe>`` that shows the clip on another site."""
    return (
        f'<iframe src="{escape(url)}" width="{width}" height="{height}" title="{escape(title)}" loading="lazy" '
        'allow="autoplay; fullscreen; picture-in-picture" allowfullscreen style="border:0"></iframe>'
    )


def fitted(width: int, height: int, max_width: int | None, max_height: int | None) -> tuple[int, int]:
    """The picture's shape, as large as it is, but no larger than asked for, nor than 1280 pixels a side."""
    scale = min(
        1.0,
        min(max_width or _WIDEST, _WIDEST) / width,
        min(max_height or _WIDEST, _WIDEST) / height,
    )
    return max(1, round(width * scale)), max(1, round(height * scale))
