"""Which sites' scripts may read records and media (the Fetch Standard's CORS protocol); nothing else may be asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.settings import Settings

# Where the public part of the gateway is. What changes something is not asked by a portal's script, but by its server.
_READABLE: Final = ("/media/", "/api/v1/", "/feeds/", "/oembed", "/static/")
_READING: Final = ("GET", "HEAD")
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    # The first carries the read token, where there is one; the others make ranges and conditions.
    "Access-Control-Allow-Headers": "Authorization, If-Modified-Since, If-None-Match, If-Range, Last-Event-ID, Range",
    "Access-Control-Max-Age": "86400",
}
_EXPOSED: Final = "Accept-Ranges, Content-Length, Content-Range, ETag, Last-Modified, Link, Retry-After"


class Cors:
    """ASGI middleware that answers preflights, and tells the browser of each answer which site may read it.

    Cookies and a browser's own logins are never sent along: a site's script presents the token that it was given.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._origins = frozenset(settings.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_READABLE):
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        allowed = self._allowed(asked.get("origin"))
        if scope["method"] == "OPTIONS" and "access-control-request-method" in asked:
            await Response(status_code=204, headers={**_PREFLIGHT, **allowed})(scope, receive, send)
            return
        if scope["method"] not in _READING:
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in allowed.items():
                    if name == "Vary":
                        headers.add_vary_header(value)
                    else:
                        headers[name] = value
                headers["Access-Control-Expose-Headers"] = _EXPOSED
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _allowed(self, origin: str | None) -> Mapping[str, str]:
        if "*" in self._origins:
            return {"Access-Control-Allow-Origin": "*"}
        # A shared cache must not give one site the answer that another was allowed to read.
        named = {"Access-Control-Allow-Origin": origin} if origin in self._origins else {}
        return {**named, "Vary": "Origin"}
