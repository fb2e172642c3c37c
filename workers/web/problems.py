"""Errors over HTTP: problem details (RFC 9457) for programs, a page for readers of stories."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from tasks.adapters.records import report
from tasks.errors import RecordUnreadable, SourceRejected, TemporarilyUnavailable
from workers.web.headers import SAFE
from workers.web.rendering import render

_log = structlog.get_logger()

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5
# A record that can't be read waits for a person, or for the next rebuild.
_MENDED_AFTER_S: Final = 60


class Problem(BaseModel):
    """A problem, as RFC 9457 has it; ``code`` is stable, ``detail`` is for people."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "A problem (RFC 9457).",
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
}
"""For the OpenAPI description of every route that answers errors in this way."""


class ProblemError(HTTPException):
    """An answer other than success; ``code`` and ``detail`` as in `Problem`."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)
        self.code = code


def install(app: FastAPI) -> None:
    """Answer every error of the app as this module says."""
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(SourceRejected)(_rejected)
    app.exception_handler(TemporarilyUnavailable)(_unavailable)
    app.exception_handler(RecordUnreadable)(_unreadable)
    app.exception_handler(ClientDisconnect)(_gone)
    app.exception_handler(Exception)(_unforeseen)


async def _http_error(request: Request, error: HTTPException) -> Response:
    code = (
        error.code
        if isinstance(error, ProblemError)
        else HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    )
    return _answer(request, error.status_code, code, error.detail, error.headers)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return _answer(request, 422, "invalid_request", faults)


async def _rejected(request: Request, error: SourceRejected) -> Response:
    _log.warning("request.rejected", path=request.url.path, code=error.code, detail=error.detail)
    return _answer(request, 422, error.code, f"{error.message} ({error.detail})" if error.detail else error.message)


async def _unavailable(request: Request, error: TemporarilyUnavailable) -> Response:
    # The detail names our servers: it is the operator's, not the caller's.
    _log.warning("request.unavailable", path=request.url.path, code=error.code, detail=error.detail)
    return _answer(request, 503, error.code, error.message, {"Retry-After": str(RETRY_AFTER_S)})


async def _unreadable(request: Request, error: RecordUnreadable) -> Response:
    # A caller can ask again; what is to be done is the operator's, whom the log tells.
    report(error)
    words = "The stored record can't be read. The newsroom's log says why."
    return _answer(request, 503, error.code, words, {"Retry-After": str(_MENDED_AFTER_S)})


async def _gone(_request: Request, _error: Exception) -> Response:
    # Nobody reads this answer, and nothing failed but the caller's patience or our own.
    return Response(status_code=400)


async def _unforeseen(request: Request, error: Exception) -> Response:
    _log.error("request.failed", path=request.url.path, exc_info=error)
    # This answer passes by every layer, the one that adds safe headers too. Uvicorn ends the connection after it: who
    # is not told so would lose the next request.
    headers = {**SAFE, "Connection": "close"}
    return _answer(request, 500, "internal_error", "The gateway failed; its log says why.", headers)


def plain(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A problem's answer, for what happens before any route is found."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, code=code)
    return JSONResponse(problem.model_dump(), status, dict(headers or {}), media_type=MEDIA_TYPE)


def _answer(
    request: Request, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    title = HTTPStatus(status).phrase
    if request.url.path == "/" or request.url.path.startswith(("/stories/", "/desk")):
        return render("error.html", status=status, headers=headers, title=title, detail=detail)
    return plain(status, code, detail, headers)
