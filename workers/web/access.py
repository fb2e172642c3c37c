"""Who may do what over HTTP: senders of events, operators and readers each present a bearer token of their own.

Tokens are compared in constant time, so that the answer's delay tells nothing of them.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from config.settings import PREFIX
from workers.web.problems import ProblemError

Guard = Callable[[HTTPAuthorizationCredentials | None], Awaitable[None]]
_bearer: Final = HTTPBearer(auto_error=False, description="A token of the gateway's settings.")


def bearer(token: SecretStr, *, setting: str, whom: str, is_open_without: bool = False) -> Guard:
    """A dependency that lets a request pass which presents the token of that setting; ``whom`` it belongs to, in words.

    Without a token set nobody passes, or, where ``is_open_without``, everybody.
    """
    secret = token.get_secret_value().encode()
    variable = f"{PREFIX}{setting.upper()}"

    async def guard(credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> None:
        if not secret:
            if is_open_without:
                return
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
