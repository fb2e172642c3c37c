"""What search engines, social sites and other portals are told of clips: pure, derived from the records alone.

Addresses are absolute here, since they are read far from our pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, urljoin

from tasks.records import keys
from tasks.records.article_record import ArticleRecord, ArticleState, Paragraph
from tasks.records.clip_facts import Mp4
from tasks.records.clip_record import ClipRecord, ClipState
from workers.web.records import media_url

WATCHABLE: Final = (ClipState.PLAYABLE, ClipState.READY)
# As much as any of the readers shows.
_DESCRIPTION_LETTERS: Final = 300
_USUAL_SIZE: Final = (1280, 720)


@dataclass(frozen=True, kw_only=True)
class SharedClip:
    """A clip that can be watched and has a poster, under the title and words of the story that shows it.

    ``page_url`` is the story, or the clip's own page where no story shows it. ``mp4_url`` is the largest progressive
    file, empty until there is one; ``mp4`` are its facts.
    """

    name: str
    title: str
    description: str
    page_url: str
    embed_url: str
    poster_url: str
    poster_width: int
    poster_height: int
    hls_url: str
    mp4_url: str
    mp4: Mp4 | None
    uploaded_at: datetime
    duration_s: float | None
    width: int
    height: int


def embed_url(site: str, name: str) -> str:
    """The page that shows the clip alone, to be framed."""
    return f"{site}/embed/{quote(name, safe='')}"


def story_url(site: str, article_id: str) -> str:
    """The page of the story."""
    return f"{site}/stories/{quote(article_id, safe='')}"


def shared_clips(article: ArticleRecord, clips: Mapping[str, ClipRecord], site: str) -> tuple[SharedClip, ...]:
    """The story's clips that can be watched, in reading order, each once; ``clips`` are their records by name.

    ``site`` is the gateway's public address, without a slash at its end.
    """
    if article.state not in (ArticleState.WAITING, ArticleState.COMPLETE):
        return ()
    return tuple(_shared(article, clips, site))


def shared_alone(record: ClipRecord, article: ArticleRecord | None, site: str) -> SharedClip | None:
    """The clip as ``article`` shows it, else by itself; None while it can't be watched or has no poster."""
    if article is not None:
        for shared in shared_clips(article, {record.name: record}, site):
            return shared
    return _one(record, title=record.name, description="", page_url=embed_url(site, record.name), site=site)


def size_of(record: ClipRecord) -> tuple[int, int]:
    """Width and height of the picture in pixels, as exactly as is known by now; 16:9 before anything is."""
    for known in (*record.renditions[:1], *record.mp4[:1], record.source.video, record.poster):
        if known is not None:
            return known.width, known.height
    return _USUAL_SIZE


def _shared(article: ArticleRecord, clips: Mapping[str, ClipRecord], site: str) -> Iterator[SharedClip]:
    title = article.title or article.id
    shown: set[str] = set()
    for paragraph in article.paragraphs:
        for clip in paragraph.clips:
            record = clips.get(clip.name)
            if record is None or clip.name in shown:
                continue
            shown.add(clip.name)
            # Of two clips with one title only one is listed by search engines.
            told = f"{clip.title}: {title}" if clip.title else title if len(shown) == 1 else f"{title} ({len(shown)})"
            page_url = f"{story_url(site, article.id)}#{quote(paragraph.id)}"
            found = _one(record, title=told, description=_words(article, paragraph), page_url=page_url, site=site)
            if found is not None:
                yield found


def _words(article: ArticleRecord, paragraph: Paragraph) -> str:
    words = " ".join((paragraph.text or article.lede).split())
    if len(words) <= _DESCRIPTION_LETTERS:
        return words
    return words[: _DESCRIPTION_LETTERS - 1].rpartition(" ")[0] + "…"


def _one(record: ClipRecord, *, title: str, description: str, page_url: str, site: str) -> SharedClip | None:
    if record.state not in WATCHABLE or record.poster is None:
        return None
    base = site + media_url(keys.clip_record(record.name))
    largest = max(record.mp4, key=lambda each: (each.height, each.bitrate_bps), default=None)
    width, height = size_of(record)
    return SharedClip(
        name=record.name,
        title=title,
        description=description or title,
        page_url=page_url,
        embed_url=embed_url(site, record.name),
        poster_url=urljoin(base, record.poster.url),
        poster_width=record.poster.width,
        poster_height=record.poster.height,
        hls_url=urljoin(base, record.hls) if record.hls else "",
        mp4_url=urljoin(base, largest.url) if largest else "",
        mp4=largest,
        uploaded_at=record.timings.uploaded_at or record.timings.received_at or record.updated_at,
        duration_s=record.source.duration_s,
        width=width,
        height=height,
    )
