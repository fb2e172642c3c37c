"""``/api/v1``: records, lists of them, and their schemas, for the portal's developer."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.article_record import ArticleRecord
from tasks.records.base import Record
from tasks.records.clip_record import ClipRecord
from workers.web import conditional, problems, records
from workers.web.problems import ProblemError

_PREFIX: Final = "/api/v1"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Limit = Annotated[int, Query(ge=1, le=1000, description="How many names a page has at most.")]
After = Annotated[str | None, Query(description="The last name of the page before.", max_length=1024)]


class NamePage(BaseModel):
    """Some names in alphabetical order, and the address of the next page, or null."""

    items: list[str]
    next: str | None = Field(description="Follow it as it stands.")


def router(services: Services) -> APIRouter:
    """The routes of the read API."""
    routes = APIRouter(prefix=_PREFIX, tags=["records"], responses=problems.RESPONSES)

    @routes.get("/clips", summary="All clips")
    def list_clips(limit: Limit = 100, after: After = None) -> NamePage:
        """Clip names; upper and lower case sort together."""
        return _page("/clips", records.clip_names(services), lambda name: (keys.fold(name), name), limit, after)

    @routes.get("/articles", summary="All articles")
    def list_articles(limit: Limit = 100, after: After = None) -> NamePage:
        """Article ids."""
        ids = (article_id for article_id, _ in records.article_ids(services))
        return _page("/articles", ids, lambda article_id: (article_id,), limit, after)

    @routes.get("/clips/{name}", summary="A clip's record", response_model=ClipRecord, responses={304: {}})
    def get_clip(request: Request, name: str) -> Response:
        """The record as it is stored; its URLs are relative to ``/media/clips/{name}/clip.json``."""
        return _record(services, request, keys.clip_record(name), f"There is no clip {name[:200]!r}.")

    @routes.get(
        "/articles/{article_id}", summary="An article's record", response_model=ArticleRecord, responses={304: {}}
    )
    def get_article(request: Request, article_id: str) -> Response:
        """The record as it is stored; its URLs are relative to ``/media/articles/{article_id}/article.json``."""
        missing = f"There is no article {article_id[:200]!r}."
        return _record(services, request, keys.article_record(article_id), missing)

    @routes.get("/schemas/clip", summary="JSON Schema of a clip's record", response_class=Response)
    def clip_schema() -> Response:
        """Which fields a clip's record has, in JSON Schema 2020-12."""
        return _schema(ClipRecord)

    @routes.get("/schemas/article", summary="JSON Schema of an article's record", response_class=Response)
    def article_schema() -> Response:
        """Which fields an article's record has, in JSON Schema 2020-12."""
        return _schema(ArticleRecord)

    return routes


def _page(
    path: str, names: Iterable[str], order: Callable[[str], tuple[str, ...]], limit: int, after: str | None
) -> NamePage:
    later = (name for name in names if after is None or order(name) > order(after))
    found = heapq.nsmallest(limit + 1, later, key=order)
    items = found[:limit]
    is_last = len(found) <= limit
    following = None if is_last else f"{_PREFIX}{path}?{urlencode({'limit': limit, 'after': items[-1]})}"
    return NamePage(items=items, next=following)


def _record(services: Services, request: Request, key: str, missing: str) -> Response:
    found = records.stored(services, key) if records.is_public(key) else None
    if found is None:
        raise ProblemError(404, "not_found", missing)
    headers = {"ETag": f'"{found.etag}"', "Cache-Control": keys.CACHE_RECORD}
    if conditional.is_unmodified(request.headers, found.etag):
        return Response(status_code=304, headers=headers)
    return Response(found.body, headers=headers, media_type="application/json")


def _schema(kind: type[Record]) -> Response:
    # Ours leave room for what a later release adds: unknown fields are allowed, as readers must pass them over.
    schema: dict[str, Any] = {"$schema": _DIALECT, **kind.model_json_schema(mode="serialization")}
    return Response(json.dumps(schema, indent=1), media_type="application/schema+json")
