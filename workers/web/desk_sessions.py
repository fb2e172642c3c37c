"""The desk's sessions: begun and ended by a cookie, and ended for good by a mark in the store.

A cookie is good wherever it is shown until its time runs out, so one that was taken must not outlive “Sign out”. Every
gateway sees the mark, also one that is started later; the gateways themselves keep nothing.
"""

from __future__ import annotations

import time
from typing import Final

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from tasks.adapters.object_store import NoSuchObject
from tasks.pipeline.services import Services
from tasks.records import keys
from workers.web.sessions import GOOD_FOR_S, Sessions

COOKIE: Final = "newsreel_desk"


class DeskSessions:
    """The sessions of one newsroom; ``signed`` is what is known of them without asking the store."""

    def __init__(self, services: Services) -> None:
        self.signed = Sessions(services.settings.operator_token.get_secret_value())
        self._store = services.store
        self._bucket = services.settings.media_bucket
        self._site = services.settings.gateway_url

    async def cookie_of(self, request: Request) -> str:
        """The cookie of the request's session; empty if it has none, or one that ended.

        The store is asked for cookies that we signed only.

        Raises:
            TemporarilyUnavailable: the store can't be asked.
        """
        cookie = request.cookies.get(COOKIE, "")
        if not self.signed.is_good(cookie, time.time()):
            return ""
        return "" if await run_in_threadpool(self._has_ended, cookie) else cookie

    def begin(self, answer: Response, request: Request) -> Response:
        """The answer, with a new session's cookie."""
        return self._with_cookie(answer, request, self.signed.begin(time.time()))

    async def end(self, answer: Response, request: Request) -> Response:
        """End the request's session in every browser; the answer removes the cookie from this one.

        Raises:
            TemporarilyUnavailable: the store can't be told, so the session goes on.
        """
        mark = self._mark(request.cookies[COOKIE])
        await run_in_threadpool(self._store.put, self._bucket, mark, b"", content_type="application/octet-stream")
        return self._with_cookie(answer, request, "")

    def _has_ended(self, cookie: str) -> bool:
        try:
            self._store.head(self._bucket, self._mark(cookie))
        except NoSuchObject:
            return False
        return True

    def _mark(self, cookie: str) -> str:
        return keys.ended_session_mark(self.signed.mark(cookie))

    def _with_cookie(self, answer: Response, request: Request, cookie: str) -> Response:
        answer.set_cookie(
            COOKIE,
            cookie,
            max_age=GOOD_FOR_S if cookie else 0,
            path="/desk",
            secure=request.url.scheme == "https" or self._site.startswith("https:"),
            httponly=True,
            samesite="strict",
        )
        return answer
