"""Headers that every answer has, so that a browser runs nothing but our own scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.settings import Settings

_CONTENT: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
# No inline script or style anywhere: whatever an article's text holds, it cannot run.
PAGE_POLICY: Final = f"{_CONTENT}; frame-ancestors 'none'"
# A media file opened by itself: the browser wraps it in a page of its own, with inline styles.
_MEDIA_POLICY: Final = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"

_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_MEDIA: Final = {
    **_ALWAYS,
    "Content-Security-Policy": _MEDIA_POLICY,
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_PAGES: Final = {
    **_ALWAYS,
    "Content-Security-Policy": PAGE_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
SAFE: Final[Mapping[str, str]] = {**_PAGES, "Cache-Control": "no-store"}
"""For an answer that no layer has seen."""


def embed_policy(origins: tuple[str, ...]) -> str:
    """The policy of pages that those sites, or with ``*`` all, may show in a frame; else as `PAGE_POLICY`."""
    sites = " ".join(origins) or "'none'"
    return f"{_CONTENT}; frame-ancestors {sites}"


def policies(settings: Settings) -> Mapping[str, Mapping[str, str]]:
    """The policies of answers, by the longest prefix of the path; ``/`` is for all others."""
    # No X-Frame-Options here: it knows no list of sites, and would forbid what frame-ancestors allows.
    embedded = {
        **_ALWAYS,
        "Content-Security-Policy": embed_policy(settings.embed_origins),
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    # A portal's page may load our player's script.
    files = {**_PAGES, "Cross-Origin-Resource-Policy": "cross-origin"}
    return {"/": _PAGES, "/media/": _MEDIA, "/static/": files, "/embed/": embedded}


class SafeHeaders:
    """ASGI middleware that adds the headers an answer does not set itself; bodies pass through untouched."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        longest_first = sorted(policies(settings).items(), key=lambda each: len(each[0]), reverse=True)
        self._policies = tuple(longest_first)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = next((headers for start, headers in self._policies if scope["path"].startswith(start)), _PAGES)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in wanted.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
