"""The pages for people: the list of stories, a story, and the API's documentation; nothing comes from other hosts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import fastapi_offline
from fastapi import APIRouter, FastAPI, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from tasks.news.text import shortened
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.article_record import ArticleRecord
from tasks.records.clip_record import ClipRecord
from workers.web import oembed, records
from workers.web.headers import PAGE_POLICY
from workers.web.joined import Joined
from workers.web.linked_data import DESCRIPTION_LENGTH, data_block, news_article
from workers.web.problems import ProblemError
from workers.web.rendering import STATIC_DIR, copy_of, render
from workers.web.sharing import shared_clips, story_url
from workers.web.story import date_words, story, summary

_STORIES_SHOWN: Final = 200
_READERS: Final = 8
# Swagger UI sets styles on elements; its script still has to be ours.
_DOCS_POLICY: Final = PAGE_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


@dataclass(frozen=True, kw_only=True)
class Line:
    """A story in the list."""

    id: str
    title: str
    published_at: str
    date: str
    state: str
    summary: str


class _OwnFiles(StaticFiles):
    """Our static files: cached for ever under an address with their hash, else revalidated each time.

    The player's modules import each other without a mark, and must never be of two releases.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        is_marked = scope["query_string"].startswith(b"v=")
        answer.headers["Cache-Control"] = keys.CACHE_IMMUTABLE if is_marked else "no-cache"
        return answer


def mount_static(app: FastAPI) -> None:
    """Serve the pages' own files, and Swagger UI's from the package that brings them."""
    app.mount(
        "/static/swagger", StaticFiles(directory=Path(fastapi_offline.__file__).parent / "static"), name="swagger"
    )
    app.mount("/static", _OwnFiles(directory=STATIC_DIR), name="static")


def router(services: Services) -> APIRouter:
    """The routes of the pages."""
    routes = APIRouter(include_in_schema=False)
    line = _line_reader(services)
    site = services.settings.gateway_url.rstrip("/")

    def list_stories() -> Response:
        found = sorted(records.article_ids(services), key=lambda each: each[1].modified_at, reverse=True)
        with ThreadPoolExecutor(_READERS, "stories") as pool:
            lines = list(pool.map(lambda each: line(each[0], each[1].etag), found[:_STORIES_SHOWN]))
        newest_first = sorted(filter(None, lines), key=lambda each: each.published_at, reverse=True)
        return render("stories.html", stories=newest_first, more=max(0, len(found) - _STORIES_SHOWN))

    listed: Joined[None, Response] = Joined(lambda _: run_in_threadpool(list_stories))

    @routes.get("/")
    async def show_stories() -> Response:
        """All stories, the newest first; of very many, those that changed last. A second old at most."""
        return copy_of(await listed.get(None))

    @routes.get("/stories/{article_id}")
    def show_story(article_id: str) -> Response:
        """The story with its clips' players, or what each of them waits for."""
        key = keys.article_record(article_id)
        article = records.published(services, ArticleRecord, key) if records.is_public(key) else None
        if article is None:
            raise ProblemError(404, "not_found", f"There is no story {article_id[:200]!r}.")
        names = dict.fromkeys(clip.name for paragraph in article.record.paragraphs for clip in paragraph.clips)
        read = {name: records.readable(services, ClipRecord, keys.clip_record(name)) for name in names}
        clips = {name: clip for name, clip in read.items() if clip}
        shared = shared_clips(article.record, {name: clip.record for name, clip in clips.items()}, site)
        page_url = story_url(site, article.record.id)
        return render(
            "story.html",
            story=story(article, clips),
            shared=shared,
            page_url=page_url,
            description=shortened(article.record.lede, DESCRIPTION_LENGTH),
            oembed_url=oembed.address(site, page_url),
            linked_data=data_block(news_article(article.record, shared, site)),
        )

    @routes.get("/docs")
    def show_docs() -> Response:
        """The API's documentation, as Swagger UI shows it."""
        return render("docs.html", headers={"Content-Security-Policy": _DOCS_POLICY})

    return routes


def _line_reader(services: Services) -> Callable[[str, str], Line | None]:
    @lru_cache(maxsize=4 * _STORIES_SHOWN)
    def line(article_id: str, _etag: str) -> Line | None:
        """A story's line; read once for each version of its record, which the ETag tells apart."""
        found = records.readable(services, ArticleRecord, keys.article_record(article_id))
        if found is None:
            return None
        record = found.record
        return Line(
            id=record.id,
            title=record.title or record.id,
            published_at=record.published_at or "",
            date=date_words(record.published_at),
            state=record.state,
            summary=summary(record),
        )

    return line
