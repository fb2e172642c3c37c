"""The desk's forms: signing in, deciding what a reference means, and orders for a clip.

A form counts if its browser says that this site made it (``Origin``), if it brings the session's cookie, which no other
site's request carries (``SameSite=Strict``), and if it holds that session's own token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from tasks.pipeline import decisions, orders
from tasks.pipeline.order_steps import OrderRefused
from tasks.pipeline.services import Services
from workers.web.desk_sessions import DeskSessions
from workers.web.desk_stories import Stories
from workers.web.desk_visit import (
    Visit,
    form_of,
    is_from_here,
    message,
    page,
    return_to_desk,
    visit,
)
from workers.web.limits import Allowance, callers

_log: Final = structlog.get_logger()
# Five at once, then one a second: enough for a person, too slow for guessing.
_TRIES_PER_S: Final = 1.0
_LONGEST_REASON: Final = 500

Form = dict[str, str]
Fix = Callable[[Form], bool]


def add_routes(routes: APIRouter, services: Services, sessions: DeskSessions, stories: Stories) -> None:
    """Add the routes that change something."""
    site = services.settings.gateway_url
    tries = Allowance(_TRIES_PER_S)

    async def opened(request: Request) -> tuple[Visit, Form]:
        form = await form_of(request)
        return await visit(request, sessions, stories.today(), form), form

    def is_permitted(request: Request, at: Visit, form: Form) -> bool:
        return is_from_here(request, site) and at.is_form_of(form.get("token", ""))

    async def mend(request: Request, said: str, fix: Fix) -> Response:
        at, form = await opened(request)
        if not is_permitted(request, at, form):
            return message(at, 403, at.words("expired"))
        try:
            is_news = await run_in_threadpool(fix, form)
        except OrderRefused as refused:
            status = 404 if refused.code == "not_found" else 409
            return message(at, status, str(refused), language="en")
        return return_to_desk(at, done=said if is_news else "nothing")

    @routes.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        """Begin a session for anybody who knows the token."""
        at, form = await opened(request)
        if not is_from_here(request, site):
            return message(at, 403, at.words("expired"))
        if tries.wait_s(callers(request.scope)[0]):
            return page("desk_sign_in.html", at, status=429, fault=at.words("too_often"))
        if not sessions.signed.knows(form.get("secret", "")):
            _log.warning("desk.sign_in_refused")
            return page("desk_sign_in.html", at, status=403, fault=at.words("wrong_token"))
        return sessions.begin(return_to_desk(at), request)

    @routes.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        """End the session: whoever has its cookie is signed out."""
        at, form = await opened(request)
        if not is_permitted(request, at, form):
            return message(at, 403, at.words("expired"))
        return await sessions.end(return_to_desk(at), request)

    @routes.post("/stories/{article_id}/decide")
    async def decide(request: Request, article_id: str) -> Response:
        """Decide which clip a reference means."""
        return await mend(
            request,
            "decide",
            lambda form: decisions.decide(services, article_id, form.get("reference", ""), form.get("clip", "")),
        )

    @routes.post("/stories/{article_id}/undo")
    async def undo(request: Request, article_id: str) -> Response:
        """Undo such a decision."""
        return await mend(
            request, "undo", lambda form: decisions.decide(services, article_id, form.get("reference", ""), None)
        )

    for said, order in _orders(services).items():
        routes.add_api_route(f"/clips/{{name}}/{said}", _ordering(mend, said, order), methods=["POST"], name=said)


def _orders(services: Services) -> dict[str, Callable[[str, Form], bool]]:
    """The orders that forms give, by the last part of their address: each takes a clip's name and the form."""
    return {
        "retry": lambda name, _: orders.retry(services, name).changed,
        "priority": lambda name, _: orders.prioritise(services, name, "urgent").changed,
        "withdraw": lambda name, form: (
            orders.withdraw(services, name, reason=form.get("reason", "")[:_LONGEST_REASON]).changed
        ),
        "poster": lambda name, form: orders.choose_poster(services, name, _moment(form)).changed,
    }


def _ordering(
    mend: Callable[[Request, str, Fix], Awaitable[Response]], said: str, order: Callable[[str, Form], bool]
) -> Callable[[Request, str], Awaitable[Response]]:
    async def give(request: Request, name: str) -> Response:
        return await mend(request, said, lambda form: order(name, form))

    return give


def _moment(form: Form) -> float | None:
    """The second that the form asks for; None for “automatic”."""
    if "automatic" in form:
        return None
    text = form.get("at", "").strip().replace(",", ".")
    try:
        time_s = float(text)
    except ValueError:
        time_s = -1.0
    if not 0 <= time_s < float("inf"):
        raise OrderRefused("no_such_moment", f"“{text[:40]}” is no number of seconds.")
    return time_s
