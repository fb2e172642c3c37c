"""``/embed/{name}``: a clip alone, for a frame on another site, and ``/oembed``, by which a CMS finds that frame."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urljoin

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.article_record import ArticleRecord
from tasks.records.clip_record import ClipRecord, ClipState
from workers.web import oembed, problems, records, sharing
from workers.web.linked_data import data_block, video_object
from workers.web.problems import ProblemError
from workers.web.records import R
from workers.web.rendering import render
from workers.web.sharing import SharedClip
from workers.web.story import sources

Language = Annotated[Literal["vi", "en"], Query(description="The language of the player.")]
Pixels = Annotated[int | None, Query(ge=1, le=10_000)]


def router(services: Services) -> APIRouter:
    """The routes of embedding."""
    routes = APIRouter(tags=["embedding"], responses=problems.RESPONSES)
    site = services.settings.gateway_url.rstrip("/")

    @routes.get("/embed/{name}", include_in_schema=False)
    def show_clip(name: str, lang: Language = "vi") -> Response:
        """The clip's player. A clip that has not arrived yet has its page already (404), and appears when it does.

        So has one that was withdrawn (410): search engines drop it, and whoever framed it is told.
        """
        key = keys.clip_record(name)
        if not records.is_public(key):
            raise ProblemError(404, "not_found", f"There is no clip {name[:200]!r}.")
        found = records.published(services, ClipRecord, key)
        record = found.record if found else None
        shared = _shared(services, record, site) if record else None
        page_url = sharing.embed_url(site, name)
        return render(
            "embed.html",
            status=404 if record is None else 410 if record.state is ClipState.WITHDRAWN else 200,
            lang=lang,
            name=name,
            title=shared.title if shared else name,
            shared=shared,
            poster=urljoin(records.media_url(key), record.poster.url) if record and record.poster else None,
            sources=sources(record, records.media_url(key)) if record else (),
            record_url=records.media_url(key),
            page_url=page_url,
            oembed_url=oembed.address(site, page_url),
            linked_data=data_block(video_object(shared)) if shared else None,
        )

    @routes.get("/oembed", summary="Embedding a clip or story (oEmbed 1.0)", response_class=JSONResponse)
    def get_oembed(
        url: Annotated[str, Query(max_length=4096, description="Address of an /embed/ or /stories/ page.")],
        maxwidth: Pixels = None,
        maxheight: Pixels = None,
        format: Annotated[str, Query(description="Only json.")] = "json",  # noqa: A002 # oEmbed's name
    ) -> Response:
        """What to put on a page to show the clip, or the first of the story's clips that can be watched."""
        if format != "json":
            raise ProblemError(501, "not_implemented", "Answers are JSON only: ask with format=json.")
        shown = oembed.subject(site, url)
        record = _subject(services, *shown) if shown else None
        if record is None:
            raise ProblemError(404, "not_found", "No clip of ours is shown at that address.")
        shared = _shared(services, record, site)
        facts = oembed.answer(record, shared, site, max_width=maxwidth, max_height=maxheight)
        return JSONResponse(facts, headers={"Cache-Control": f"public, max-age={facts['cache_age']}"})

    return routes


def _subject(services: Services, kind: str, name: str) -> ClipRecord | None:
    if kind == "embed":
        key = keys.clip_record(name)
        found = records.published(services, ClipRecord, key) if records.is_public(key) else None
        record = found.record if found else None
        return record if record is not None and record.state is not ClipState.WITHDRAWN else None
    article = _read(services, ArticleRecord, keys.article_record(name))
    for paragraph in article.paragraphs if article else ():
        for clip in paragraph.clips:
            record = _read(services, ClipRecord, keys.clip_record(clip.name))
            if record is not None and record.state in sharing.WATCHABLE:
                return record
    return None


def _shared(services: Services, record: ClipRecord, site: str) -> SharedClip | None:
    """The clip as the first story that refers to it shows it."""
    article = None
    for link in record.links[:1]:
        article = _read(services, ArticleRecord, keys.article_record(link.article))
    return sharing.shared_alone(record, article, site)


def _read(services: Services, kind: type[R], key: str) -> R | None:
    found = records.readable(services, kind, key) if records.is_public(key) else None
    return found.record if found else None
