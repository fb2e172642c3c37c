"""``/desk``: the story desk, where editors see the state of today's stories, and fix problems with a click.

Pages are made here alone; the script exchanges parts of a page for parts made by the same templates. Everybody who may
read may look; who fixes things is signed in (`workers.web.desk_fixes`).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.clip_record import ClipRecord, ClipState
from workers.web import conditional, desk_fixes, records
from workers.web.catalogue import Catalogue
from workers.web.desk_sessions import DeskSessions
from workers.web.desk_stories import MOST_SHOWN, Stories
from workers.web.desk_tiles import tiles
from workers.web.desk_view import counts
from workers.web.desk_visit import Visit, message, page, remember_language, visit
from workers.web.desk_words import LANGUAGES
from workers.web.joined import Joined
from workers.web.rendering import copy_of

# Pages that are kept for who is not signed in: days, filters and languages that are looked at in the same second.
_MOST_KEPT: Final = 32
_SAID: Final = frozenset({"retry", "priority", "withdraw", "poster", "decide", "undo", "nothing"})


def router(services: Services, catalogue: Catalogue) -> APIRouter:
    """The routes of the desk."""
    routes = APIRouter(prefix="/desk", include_in_schema=False)
    sessions = DeskSessions(services)
    stories = Stories(services, catalogue)

    async def here(request: Request) -> Visit:
        return await visit(request, sessions, stories.today())

    async def board(question: tuple[Visit, str]) -> Response:
        at, said = question
        await catalogue.ready()
        # Read before the stories: what comes between is told once more, rather than never.
        known = catalogue.sequence
        found = await stories.of(at.day, at.words)
        return page(
            "desk.html",
            at,
            of_day=[each for each in found.of_day if each.is_shown(at.show)],
            updated=[each for each in found.updated if each.is_shown(at.show)],
            counts=counts([*found.of_day, *found.updated]),
            most=MOST_SHOWN if found.left_out else 0,
            days=await stories.days(),
            said=at.words(f"done_{said}") if said else "",
            languages=LANGUAGES,
            known=known,
        )

    async def figures(at: Visit) -> Response:
        found = await stories.of(at.day, at.words)
        return page("desk_summary.html", at, counts=counts([*found.of_day, *found.updated]))

    boards: Joined[tuple[Visit, str], Response] = Joined(board, most=_MOST_KEPT)
    summaries: Joined[Visit, Response] = Joined(figures, most=_MOST_KEPT)

    @routes.get("")
    async def show_desk(request: Request) -> Response:
        """The stories of a day, and their state; at most a second old, except for editors who are signed in."""
        at = await here(request)
        done = request.query_params.get("done", "")
        said = done if done in _SAID else ""
        answer = await board((at, said)) if at.is_signed_in else copy_of(await boards.get((_anywhere(at), said)))
        return remember_language(answer, request, at)

    @routes.get("/summary")
    async def show_summary(request: Request) -> Response:
        """The figures alone, to replace those on the page."""
        at = await here(request)
        return await figures(at) if at.is_signed_in else copy_of(await summaries.get(_anywhere(at)))

    @routes.get("/stories/{article_id}")
    async def show_card(request: Request, article_id: str) -> Response:
        """One story's card, to replace the one on the page; 204 if the page would not show it."""
        at = await here(request)
        found = await stories.one(article_id, at.day, at.words)
        if found is None or not found[0].is_shown(at.show):
            return Response(status_code=204)
        shown, is_of_day = found
        etag = f"{shown.view}-{at.words.language}-{at.form_token[:8]}"
        if conditional.is_unmodified(request.headers, etag):
            return Response(status_code=304, headers={"ETag": f'"{etag}"', "Cache-Control": "private, no-cache"})
        answer = page("desk_fragment.html", at, card=shown, section="day" if is_of_day else "updated")
        answer.headers["ETag"] = f'"{etag}"'
        return answer

    @routes.get("/sign-in")
    async def show_sign_in(request: Request) -> Response:
        """The form that asks for the token."""
        return page("desk_sign_in.html", await here(request), fault="")

    @routes.get("/clips/{name}/withdraw")
    async def ask_to_withdraw(request: Request, name: str) -> Response:
        """The page that asks for confirmation."""
        at = await here(request)
        record = await run_in_threadpool(_clip, services, name)
        if record is None or not at.is_signed_in:
            return message(at, 404 if record is None else 403, at.words("refused" if record is None else "expired"))
        return page("desk_withdraw.html", at, name=record.name)

    @routes.get("/clips/{name}/poster")
    async def choose_poster(request: Request, name: str) -> Response:
        """The pictures of the clip's storyboard, and the clip itself, to choose a poster from."""
        at = await here(request)
        record = await run_in_threadpool(_clip, services, name)
        if record is None or record.poster is None or not at.is_signed_in:
            known = record is not None and record.poster is not None
            return message(at, 403 if known else 404, at.words("expired" if known else "poster_none"))
        return page(
            "desk_poster.html",
            at,
            clip=record,
            base=records.media_url(f"{keys.CLIPS}{record.name}/"),
            tiles=await run_in_threadpool(tiles, services, record),
            is_coming=record.poster.chosen_s != record.poster_wish_s,
            video=next(iter(reversed(record.mp4)), None),
            seconds=json.dumps(round(record.poster.time_s, 1)),
        )

    desk_fixes.add_routes(routes, services, sessions, stories)
    return routes


def _anywhere(at: Visit) -> Visit:
    """The same page, wherever in it somebody is going to look: to ask for another card makes no page of its own."""
    return replace(at, anchor="")


def _clip(services: Services, name: str) -> ClipRecord | None:
    if not records.is_public(keys.clip_record(name)):
        return None
    record = services.clips.get(name)
    return record if record is not None and record.state is not ClipState.WITHDRAWN else None
