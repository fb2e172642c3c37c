"""The host names that the gateway answers to: another site whose name resolves to us could otherwise read our pages."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from config.settings import Settings
from workers.web import problems


class KnownHosts:
    """ASGI middleware that refuses requests for other hosts (421, RFC 9110, 15.5.20); ``*`` among them is any.

    ``/healthz`` answers to every name, since who asks for it goes by address.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._hosts = frozenset(settings.allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_known = "*" in self._hosts or scope["type"] != "http" or scope["path"] == "/healthz"
        if is_known or _host(Headers(scope=scope).get("host", "")) in self._hosts:
            await self._app(scope, receive, send)
            return
        refusal = problems.plain(421, "unknown_host", "Nothing is served under this host's name.")
        await refusal(scope, receive, send)


def _host(header: str) -> str:
    return re.sub(r":[0-9]*$", "", header.strip().lower())
