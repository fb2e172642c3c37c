"""``/media/…``: the media bucket's public objects, streamed with ranges and conditions, for a browser or a CDN."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tasks.adapters.object_store import NoSuchObject, ObjectStore, ObjectStream, RangeNotSatisfiable
from tasks.pipeline.services import Services
from workers.web import conditional, problems, records
from workers.web.problems import ProblemError


class ObjectResponse(StreamingResponse):
    """Streams an object in short chunks; however the answer ends, the store's connection is given back."""

    def __init__(self, stream: ObjectStream, status_code: int, headers: dict[str, str]) -> None:
        super().__init__(stream.chunks, status_code, headers)
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stream.close()


def router(services: Services) -> APIRouter:
    """The routes of ``/media``."""
    routes = APIRouter(prefix="/media", tags=["media"], responses=problems.RESPONSES)
    store, bucket = services.store, services.settings.media_bucket

    @routes.head("/{key:path}", include_in_schema=False)
    @routes.get(
        "/{key:path}",
        summary="A published object",
        response_class=Response,
        responses={200: {"content": {"*/*": {}}}, 206: {"description": "The asked range."}, 304: {}, 416: {}},
    )
    def get_media(request: Request, key: str) -> Response:
        """A record, playlist, segment, picture or MP4 by its key in the media bucket; one range may be asked for."""
        if not records.is_public(key):
            raise _not_found(key)
        try:
            return _object(store, bucket, key, request)
        except NoSuchObject:
            raise _not_found(key) from None

    @routes.options("/{key:path}", include_in_schema=False)
    def preflight(key: str) -> Response:  # noqa: ARG001 # the path's parameter
        """Any page may ask, with a range or a condition."""
        return Response(
            status_code=204,
            headers={
                "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
                "Access-Control-Allow-Headers": "If-Modified-Since, If-None-Match, If-Range, Range",
                "Access-Control-Max-Age": "86400",
            },
        )

    return routes


def _object(store: ObjectStore, bucket: str, key: str, request: Request) -> Response:
    asked = request.headers
    if "if-none-match" in asked or "if-modified-since" in asked:
        info = store.head(bucket, key)
        if conditional.is_unmodified(asked, info.etag, info.modified_at):
            return Response(
                status_code=304,
                headers={"ETag": f'"{info.etag}"', "Last-Modified": conditional.http_date(info.modified_at)},
            )
    byte_range = conditional.single_range(asked) if request.method == "GET" else None
    try:
        stream = store.stream(bucket, key, byte_range=byte_range)
    except RangeNotSatisfiable:
        size_bytes = store.head(bucket, key).size_bytes
        raise ProblemError(
            416,
            "range_not_satisfiable",
            f"The object has {size_bytes} bytes.",
            {"Content-Range": f"bytes */{size_bytes}", "Accept-Ranges": "bytes"},
        ) from None
    if byte_range and not conditional.range_is_current(asked, stream.etag, stream.modified_at):
        stream.close()
        stream = store.stream(bucket, key)
    headers = _headers(stream)
    if request.method == "HEAD":
        stream.close()
        return Response(status_code=200, headers=headers)
    return ObjectResponse(stream, 206 if stream.content_range else 200, headers)


def _headers(stream: ObjectStream) -> dict[str, str]:
    headers = {
        "Content-Type": stream.content_type,
        "Content-Length": str(stream.size_bytes),
        "ETag": f'"{stream.etag}"',
        "Last-Modified": conditional.http_date(stream.modified_at),
        "Accept-Ranges": "bytes",
    }
    if stream.cache_control:
        headers["Cache-Control"] = stream.cache_control
    if stream.content_range:
        headers["Content-Range"] = stream.content_range
    return headers


def _not_found(key: str) -> ProblemError:
    return ProblemError(404, "not_found", f"Nothing is published as {key[:200]!r}.")
