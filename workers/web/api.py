"""``/api/v1``: records, searchable lists of them, what changed, and their schemas, for the portal's developer."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import anyio
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from tasks.pipeline.services import Services
from tasks.records import feeds, keys
from tasks.records.article_record import ArticleRecord, ArticleState
from tasks.records.base import Record
from tasks.records.clip_record import ClipRecord, ClipState
from tasks.records.feeds import Kind, Summary
from workers.web import changes, conditional, problems, records
from workers.web.catalogue import Catalogue
from workers.web.entries import narrowing
from workers.web.problems import ProblemError
from workers.web.record_cache import CachedRecord, RecordCache
from workers.web.urls import Urls, absolute, public_base, signer

_PREFIX: Final = "/api/v1"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MAX_WAITING: Final = 250
_LOOK_AGAIN_S: Final = 1.0
_SCHEMAS: Final[dict[str, tuple[str, type[Record]]]] = {
    "clip": ("a clip's record", ClipRecord),
    "article": ("an article's record", ArticleRecord),
    "day": ("the list of a day", feeds.Day),
    "days": ("the index of the days", feeds.Days),
    "changes": ("the feed of changes", feeds.Changes),
}
# What a reader may wait for, and the states that end the waiting: there is no use in waiting for a clip that failed.
_ENDS: Final = {
    "playable": frozenset({ClipState.PLAYABLE, ClipState.READY, ClipState.FAILED, ClipState.WITHDRAWN}),
    "ready": frozenset({ClipState.READY, ClipState.FAILED, ClipState.WITHDRAWN}),
    "complete": frozenset({ArticleState.COMPLETE, ArticleState.FAILED, ArticleState.WITHDRAWN}),
}

Limit = Annotated[int, Query(ge=1, le=1000, description="The largest number of entries in a page.")]
After = Annotated[str | None, Query(description="The last name of the previous page.", max_length=1024)]
From = Annotated[date | None, Query(alias="from", description="The first day, such as `2020-12-03`.")]
To = Annotated[date | None, Query(alias="to", description="The last day.")]
Prefix = Annotated[str, Query(description="The beginning of the name, regardless of case.", max_length=1024)]
Text = Annotated[
    str, Query(alias="q", description="Words in name or title, regardless of case and accents.", max_length=200)
]
AsUrls = Annotated[Urls, Query(description="`presigned` URLs are valid for an hour, for a bucket that is not public.")]
Patience = Annotated[float, Query(alias="timeout", ge=0, le=60, description="How long to wait, in seconds.")]


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What both lists can be asked for; the states are each kind's own."""

    since: date | None
    until: date | None
    prefix: str
    text: str
    limit: int
    after: str | None


def _asked(
    since: From = None,
    until: To = None,
    prefix: Prefix = "",
    text: Text = "",
    limit: Limit = 100,
    after: After = None,
) -> _Asked:
    return _Asked(since=since, until=until, prefix=prefix, text=text, limit=limit, after=after)


Asked = Annotated[_Asked, Depends(_asked)]


class Page(BaseModel):
    """Some entries in alphabetical order of their names, and the address of the next page, or null.

    Their URLs are absolute.
    """

    items: list[Summary]
    next: str | None = Field(description="To be followed unchanged.")


def router(services: Services, catalogue: Catalogue) -> APIRouter:
    """The routes of the read API; the catalogue is that of the gateway."""
    routes = APIRouter(prefix=_PREFIX, tags=["records"], responses=problems.RESPONSES)
    api = _Api(services, catalogue)

    @routes.get("/clips", summary="Find clips", response_model=Page)
    async def list_clips(
        asked: Asked,
        state: Annotated[list[ClipState] | None, Query(description="One of these states.")] = None,
    ) -> Response:
        """Clips by name, day, state and text, sorted regardless of case."""
        return await api.page("clip", asked, state or [])

    @routes.get("/articles", summary="Find articles", response_model=Page)
    async def list_articles(
        asked: Asked,
        state: Annotated[list[ArticleState] | None, Query(description="One of these states.")] = None,
    ) -> Response:
        """Articles by id, day of publication, state and text."""
        return await api.page("article", asked, state or [])

    @routes.head("/clips/{name}", include_in_schema=False)
    @routes.get("/clips/{name}", summary="A clip's record", response_model=ClipRecord, responses={304: {}})
    async def get_clip(
        request: Request,
        name: str,
        wait: Annotated[
            str | None, Query(pattern="^(playable|ready)$", description="Answer when it is `playable` or `ready`.")
        ] = None,
        timeout: Patience = 30.0,
        urls: AsUrls = Urls.STORED,
    ) -> Response:
        """The record as it is stored; its URLs are relative to ``/media/clips/{name}/clip.json``.

        With `wait` the answer comes when the clip has that state, at once if it failed, or else after `timeout`.
        """
        return await api.record(request, "clip", name, wait, timeout, urls)

    @routes.head("/articles/{article_id}", include_in_schema=False)
    @routes.get(
        "/articles/{article_id}", summary="An article's record", response_model=ArticleRecord, responses={304: {}}
    )
    async def get_article(
        request: Request,
        article_id: str,
        wait: Annotated[
            str | None, Query(pattern="^complete$", description="Answer when all its clips are `complete`.")
        ] = None,
        timeout: Patience = 30.0,
        urls: AsUrls = Urls.STORED,
    ) -> Response:
        """The record as it is stored; its URLs are relative to ``/media/articles/{article_id}/article.json``."""
        return await api.record(request, "article", article_id, wait, timeout, urls)

    changes.add_routes(routes, catalogue, public_base(services.settings))
    for name, (what, kind) in _SCHEMAS.items():
        _add_schema(routes, name, what, kind)
    return routes


class _Api:
    """What the routes do."""

    def __init__(self, services: Services, catalogue: Catalogue) -> None:
        self._services = services
        self._catalogue = catalogue
        self._cache = RecordCache(services, catalogue)
        self._base = public_base(services.settings)
        self._waiting = anyio.Semaphore(MAX_WAITING)

    async def page(self, kind: Kind, asked: _Asked, states: Sequence[str]) -> Response:
        """A page of the entries in one of these states, or in any, that are ``asked`` for."""
        await self._catalogue.ready()
        wanted = tuple(dict.fromkeys(states))
        narrow = narrowing(states=wanted, since=asked.since, until=asked.until, prefix=asked.prefix, text=asked.text)
        question = (frozenset(wanted), asked.since, asked.until, asked.prefix, asked.text)
        found, has_more = self._catalogue.find(kind, narrow, after=asked.after, limit=asked.limit, asked=question)
        following = None
        if has_more:
            named = {"state": wanted, "from": asked.since, "to": asked.until, "prefix": asked.prefix, "q": asked.text}
            again = {name: value for name, value in named.items() if value}
            query = urlencode({**again, "limit": asked.limit, "after": found[-1].summary.name}, doseq=True)
            following = f"{_PREFIX}/{kind}s?{query}"
        # Each entry's JSON is written once and kept: a page is made of them by joining.
        items = ",".join(each.told for each in found)
        body = f'{{"items":[{items}],"next":{json.dumps(following)}}}'
        return Response(body, headers={"Cache-Control": keys.CACHE_RECORD}, media_type="application/json")

    async def record(
        self, request: Request, kind: Kind, name: str, wait: str | None, patience_s: float, urls: Urls
    ) -> Response:
        """A record, at once or when it has the state that is waited for."""
        await self._catalogue.ready()
        found = await (self._awaited(request, kind, name, wait, patience_s) if wait else self._cache.get(kind, name))
        if found is None:
            raise ProblemError(404, "not_found", f"There is no {kind} {name[:200]!r}.")
        etag = found.etag if urls is Urls.STORED else f"{found.etag}-{urls}"
        headers = {"ETag": f'"{etag}"', "Cache-Control": keys.CACHE_RECORD}
        if urls is Urls.PRESIGNED:
            # Another signature each time, and for the one who asked.
            headers = {"Cache-Control": "private, no-store"}
        elif conditional.is_unmodified(request.headers, etag):
            return Response(status_code=304, headers=headers)
        body = found.body if urls is Urls.STORED else await run_in_threadpool(self._with_urls, kind, name, found, urls)
        return Response(body, headers=headers, media_type="application/json")

    async def _awaited(
        self, request: Request, kind: Kind, name: str, wait: str, patience_s: float
    ) -> CachedRecord | None:
        try:
            self._waiting.acquire_nowait()
        except anyio.WouldBlock:
            raise ProblemError(
                503, "too_many_waiting", "Too many are waiting.", {"Retry-After": str(problems.RETRY_AFTER_S)}
            ) from None
        try:
            until_s = time.monotonic() + patience_s
            while True:
                found = await self._cache.get(kind, name)
                left_s = until_s - time.monotonic()
                has_come = found is not None and found.state in _ENDS[wait]
                if has_come or left_s <= 0 or await request.is_disconnected():
                    return found
                await self._catalogue.next_news(min(_LOOK_AGAIN_S, left_s))
        finally:
            self._waiting.release()

    def _with_urls(self, kind: Kind, name: str, found: CachedRecord, urls: Urls) -> bytes:
        key = keys.clip_record(name) if kind == "clip" else keys.article_record(name)
        sign = signer(self._services.store, self._services.settings) if urls is Urls.PRESIGNED else None
        at = self._base + records.media_url(key).removeprefix("/media/")
        content = absolute(json.loads(found.body), at=at, base=self._base, sign=sign)
        return json.dumps(content, ensure_ascii=False).encode()


def _add_schema(routes: APIRouter, name: str, what: str, kind: type[Record]) -> None:
    def schema() -> Response:
        # Ours leave room for what a later release adds: unknown fields are allowed, as readers must pass them over.
        described: dict[str, Any] = {"$schema": _DIALECT, **kind.model_json_schema(mode="serialization")}
        return Response(json.dumps(described, indent=1), media_type="application/schema+json")

    routes.add_api_route(
        f"/schemas/{name}",
        schema,
        name=f"{name}_schema",
        summary=f"JSON Schema of {what}",
        description="Its fields, in JSON Schema 2020-12.",
        response_class=Response,
    )
