"""``/sitemap-video.xml`` and ``/feeds/media.rss``: all ready clips, for search engines and portals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from fastapi import APIRouter, Request, Response

from tasks.adapters.object_store import ObjectInfo
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.article_record import ArticleRecord
from tasks.records.clip_record import ClipRecord, ClipState
from workers.web import conditional, problems, records
from workers.web.kept import Kept
from workers.web.media_rss import MEDIA_TYPE as RSS_TYPE
from workers.web.media_rss import media_rss
from workers.web.problems import ProblemError
from workers.web.sharing import SharedClip, shared_clips
from workers.web.video_sitemap import MEDIA_TYPE as XML_TYPE
from workers.web.video_sitemap import index, sitemap

_READERS: Final = 8
_FEED_CLIPS: Final = 50
# Stories that are read to find the feed's clips, the last changed ones first.
_FEED_STORIES: Final = 200
# Sitemaps may hold 50,000 pages; each of these costs a read, and so does each of its clips.
_SITEMAP_STORIES: Final = 1000
# Whoever asks more often is given what was found before: one answer reads hundreds of records.
_KEPT_S: Final = 60
# How soon a withdrawal is seen.
_LOOKED_S: Final = 1
_CACHE: Final = "public, max-age=60"


def router(services: Services) -> APIRouter:
    """The routes of what is syndicated."""
    routes = APIRouter(tags=["syndication"], responses=problems.RESPONSES)
    site = services.settings.gateway_url.rstrip("/")

    # A clip that is being withdrawn leaves every answer at once, whatever its record still says.
    withdrawn: Kept[None, frozenset[str]] = Kept(lambda _: frozenset(records.withdrawn_names(services)), _LOOKED_S)
    pages: Kept[None, list[list[tuple[str, ObjectInfo]]]] = Kept(lambda _: _pages(services), _KEPT_S)
    sitemaps: dict[int, Kept[frozenset[str], bytes]] = {}

    def sitemap_page(page: int) -> bytes | None:
        if not 1 <= page <= len(pages.get(None)):
            return None

        def make(hidden: frozenset[str]) -> bytes:
            # Between the two the last of several pages may have gone.
            ids = [article_id for article_id, _ in (pages.get(None)[page - 1 : page] or [[]])[0]]
            return sitemap(_ready_clips(services, ids, site, hidden))

        return sitemaps.setdefault(page, Kept(make, _KEPT_S)).get(withdrawn.get(None))

    def make_feed(hidden: frozenset[str]) -> bytes:
        found = sorted(records.article_ids(services), key=lambda each: each[1].modified_at, reverse=True)
        clips = _ready_clips(services, (article_id for article_id, _ in found[:_FEED_STORIES]), site, hidden)
        # A clip of two stories is one item.
        once = {clip.embed_url: clip for clip in reversed(clips)}.values()
        return media_rss(sorted(once, key=lambda clip: clip.uploaded_at, reverse=True)[:_FEED_CLIPS], site)

    feed = Kept(make_feed, _KEPT_S)

    @routes.get("/sitemap-video.xml", summary="The video sitemaps", response_class=Response)
    def get_sitemap_index(request: Request) -> Response:
        """An index of video sitemaps, each of at most 1000 stories."""
        newest = [max(info.modified_at for _, info in page) for page in pages.get(None)]
        listed = [(f"{site}/sitemap-video-{number}.xml", at) for number, at in enumerate(newest, 1)]
        return _answer(request, index(listed), XML_TYPE)

    @routes.get("/sitemap-video-{page}.xml", summary="A video sitemap", response_class=Response)
    def get_sitemap(request: Request, page: int) -> Response:
        """The stories' clips that are ready, as the index numbers the pages."""
        return _answer(request, sitemap_page(page), XML_TYPE)

    @routes.get("/feeds/media.rss", summary="The latest clips as Media RSS", response_class=Response)
    def get_feed(request: Request) -> Response:
        """The latest 50 clips that stories show and that are ready, each with its MP4, poster and player."""
        return _answer(request, feed.get(withdrawn.get(None)), RSS_TYPE)

    return routes


def _pages(services: Services) -> list[list[tuple[str, ObjectInfo]]]:
    stories = sorted(records.article_ids(services), key=lambda each: each[0])
    starts = range(0, len(stories), _SITEMAP_STORIES)
    return [stories[start : start + _SITEMAP_STORIES] for start in starts]


def _ready_clips(
    services: Services, article_ids: Iterable[str], site: str, withdrawn: frozenset[str]
) -> list[SharedClip]:
    def read(article_id: str) -> tuple[SharedClip, ...]:
        found = records.readable(services, ArticleRecord, keys.article_record(article_id))
        if found is None:
            return ()
        names = {
            clip.name
            for paragraph in found.record.paragraphs
            for clip in paragraph.clips
            if clip.state in (ClipState.PLAYABLE, ClipState.READY) and clip.name not in withdrawn
        }
        clips = {name: records.readable(services, ClipRecord, keys.clip_record(name)) for name in names}
        ready = {name: clip.record for name, clip in clips.items() if clip and clip.record.state is ClipState.READY}
        return shared_clips(found.record, ready, site)

    with ThreadPoolExecutor(_READERS, "syndication") as pool:
        return [clip for clips in pool.map(read, article_ids) for clip in clips]


def _answer(request: Request, body: bytes | None, media_type: str) -> Response:
    if body is None:
        raise ProblemError(404, "not_found", "There is no such page.")
    etag = hashlib.sha256(body).hexdigest()[:32]
    headers = {"ETag": f'"{etag}"', "Cache-Control": _CACHE}
    if conditional.is_unmodified(request.headers, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)
