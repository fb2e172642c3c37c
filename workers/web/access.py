"""Who may do what over HTTP: senders of events, operators and readers each present a secret of their own.

Secrets are compared in constant time, so that the answer's delay tells nothing of them.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Final

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.settings import PREFIX, Settings
from workers.web import problems
from workers.web.problems import ProblemError

Guard = Callable[[HTTPAuthorizationCredentials | None], Awaitable[None]]
BEARER: Final = HTTPBearer(auto_error=False, description="A token of the gateway's settings.")
"""Reads the header; what it holds is compared by `bearer`'s guards."""

# What readers and their players may fetch without the token: no record, no medium, no name of either.
_ALWAYS_OPEN: Final = ("/healthz", "/static/")
# Routes that ask for a secret of their own.
_GUARDED_THEMSELVES: Final = ("/events",)


def bearer(token: SecretStr, *, setting: str, whom: str) -> Guard:
    """A dependency that lets requests pass that present the token of that setting; ``whom`` it belongs to, in words.

    Without a token set nobody passes.
    """
    secret = token.get_secret_value().encode()
    variable = f"{PREFIX}{setting.upper()}"

    async def guard(credentials: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]) -> None:
        if not secret:
            remedy = f"No token for {whom} is set. Remedy: set {variable} and restart the gateway."
            raise ProblemError(503, f"{setting.removesuffix('_token')}_not_configured", remedy)
        if credentials is None or not hmac.compare_digest(credentials.credentials.encode(), secret):
            raise ProblemError(
                401,
                "unauthorized",
                f"This needs the header 'Authorization: Bearer <{variable}>'.",
                {"WWW-Authenticate": f'Bearer realm="newsreel {whom}"'},
            )

    return guard


class ReadersOnly:
    """ASGI middleware: with a read token set, everything that can be read asks for it.

    It is presented as a bearer token, or as the password of HTTP Basic (any user), which a browser asks its user for;
    the operator's token opens as much. Every route is guarded, also one that is added later, but those that ask for
    a secret themselves, the pages' own files and ``/healthz``.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._is_open = not settings.read_token.get_secret_value()
        tokens = (settings.read_token, settings.operator_token)
        self._secrets = tuple(each.get_secret_value().encode() for each in tokens if each.get_secret_value())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_open or scope["type"] != "http" or _is_free(scope["path"]):
            await self._app(scope, receive, send)
            return
        if self._may_read(Headers(scope=scope)):
            await self._app(scope, receive, _private(send))
            return
        refusal = problems.plain(
            401,
            "unauthorized",
            f"This needs the header 'Authorization: Bearer <{PREFIX}READ_TOKEN>', or the token as password.",
            {"WWW-Authenticate": 'Basic realm="newsreel readers", charset="UTF-8", Bearer realm="newsreel readers"'},
        )
        await refusal(scope, receive, send)

    def _may_read(self, headers: Mapping[str, str]) -> bool:
        presented = presented_secret(headers)
        return presented is not None and any(hmac.compare_digest(presented, secret) for secret in self._secrets)


def presented_secret(headers: Mapping[str, str]) -> bytes | None:
    """The secret in an ``Authorization`` header: a bearer token, or the password of HTTP Basic. Names in lower case."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return given.strip().encode()
        case "basic":
            try:
                return base64.b64decode(given.strip(), validate=True).partition(b":")[2]
            except ValueError:
                return None
        case _:
            return None


def _private(send: Send) -> Send:
    """The same answer, for the one who asked: a shared cache may keep ``public`` ones for all (RFC 9111, 3.5)."""

    async def send_privately(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            told = headers.get("Cache-Control")
            if told is not None:
                headers["Cache-Control"] = told.replace("public", "private")
        await send(message)

    return send_privately


def _is_free(path: str) -> bool:
    return path in _GUARDED_THEMSELVES or any(path == open_ or path.startswith(open_) for open_ in _ALWAYS_OPEN)
