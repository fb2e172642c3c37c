"""JSON-LD (schema.org) of stories and clips, as search engines read it from a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from tasks.news.text import shortened
from tasks.records.article_record import ArticleRecord
from workers.web.sharing import SharedClip, story_url

_CONTEXT: Final = "https://schema.org"
# More than any site or search engine shows; a lede may be as long as its article.
DESCRIPTION_LENGTH: Final = 500
# A data block ends at the first `</script`, whatever stands around it; escaped, no text can hold one.
_ESCAPED: Final = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def video_object(clip: SharedClip) -> dict[str, Any]:
    """The clip as a ``VideoObject``; ``contentUrl`` is the MP4, or the playlist while there is none."""
    facts = {
        "@type": "VideoObject",
        "name": clip.title,
        "description": clip.description,
        "thumbnailUrl": clip.poster_url,
        "uploadDate": clip.uploaded_at.isoformat(timespec="seconds"),
        "duration": iso_duration(clip.duration_s) if clip.duration_s else None,
        "contentUrl": clip.mp4_url or clip.hls_url or None,
        "embedUrl": clip.embed_url,
        "width": clip.width,
        "height": clip.height,
    }
    return {name: value for name, value in facts.items() if value is not None}


def news_article(article: ArticleRecord, clips: Sequence[SharedClip], site: str) -> dict[str, Any]:
    """The story as a ``NewsArticle`` with its clips."""
    facts = {
        "@type": "NewsArticle",
        "headline": article.title or article.id,
        "description": shortened(article.lede, DESCRIPTION_LENGTH),
        "datePublished": article.published_at,
        "author": {"@type": "Person", "name": article.byline} if article.byline else None,
        "keywords": list(article.keywords),
        "inLanguage": "vi",
        "mainEntityOfPage": story_url(site, article.id),
        "image": [clip.poster_url for clip in clips],
        "video": [video_object(clip) for clip in clips],
    }
    return {name: value for name, value in facts.items() if value}


def data_block(facts: dict[str, Any]) -> Markup:
    """The text of a ``<script type="application/ld+json">``: nothing in it can end the element."""
    text = json.dumps({"@context": _CONTEXT, **facts}, ensure_ascii=False)
    return Markup(text.translate(_ESCAPED))  # noqa: S704 # escaped in the line above


def iso_duration(duration_s: float) -> str:
    """ISO 8601, to the second: 75.4 → ``PT1M15S``; at least one second."""
    minutes, seconds = divmod(max(1, round(duration_s)), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    return "PT" + "".join(f"{count}{unit}" for count, unit in parts if count)
