"""``/desk``: where editors see today's stories, what each waits for, and mend it with a click.

Pages are made here alone; the script exchanges parts of a page for parts made by the same templates. Everybody who may
read may look; who fixes things is signed in (`workers.web.desk_fixes`).
"""

from __future__ import annotations

import json
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.clip_record import ClipRecord, ClipState
from workers.web import conditional, desk_fixes, records
from workers.web.catalogue import Catalogue
from workers.web.desk_stories import MOST_SHOWN, Stories
from workers.web.desk_tiles import tiles
from workers.web.desk_view import counts
from workers.web.desk_visit import Visit, message, page, visit
from workers.web.desk_words import LANGUAGES
from workers.web.sessions import Sessions

_SAID: Final = frozenset({"retry", "priority", "withdraw", "poster", "decide", "undo", "nothing"})


def router(services: Services, catalogue: Catalogue) -> APIRouter:
    """The routes of the desk."""
    routes = APIRouter(prefix="/desk", include_in_schema=False)
    sessions = Sessions(services.settings.operator_token.get_secret_value())
    stories = Stories(services, catalogue)

    def here(request: Request) -> Visit:
        return visit(request, sessions, stories.today())

    @routes.get("")
    async def show_desk(request: Request) -> Response:
        """The stories of a day, and how they stand."""
        at = here(request)
        await catalogue.ready()
        # Read before the stories: what comes between is told once more, rather than never.
        known = catalogue.sequence
        found = await stories.of(at.day, at.words)
        said = request.query_params.get("done", "")
        return page(
            request,
            "desk.html",
            at,
            of_day=[each for each in found.of_day if each.is_shown(at.show)],
            updated=[each for each in found.updated if each.is_shown(at.show)],
            counts=counts([*found.of_day, *found.updated]),
            most=MOST_SHOWN if found.left_out else 0,
            days=await stories.days(),
            said=at.words(f"done_{said}") if said in _SAID else "",
            languages=LANGUAGES,
            known=known,
        )

    @routes.get("/summary")
    async def show_summary(request: Request) -> Response:
        """The figures alone, to take the place of those on the page."""
        at = here(request)
        found = await stories.of(at.day, at.words)
        return page(request, "desk_summary.html", at, counts=counts([*found.of_day, *found.updated]))

    @routes.get("/stories/{article_id}")
    async def show_card(request: Request, article_id: str) -> Response:
        """One story's card, to take the place of the one on the page; 204 where the page would not show it."""
        at = here(request)
        found = await stories.one(article_id, at.day, at.words)
        if found is None or not found[0].is_shown(at.show):
            return Response(status_code=204)
        shown, is_of_day = found
        etag = f"{shown.view}-{at.words.language}-{at.form_token[:8]}"
        if conditional.is_unmodified(request.headers, etag):
            return Response(status_code=304, headers={"ETag": f'"{etag}"', "Cache-Control": "private, no-cache"})
        answer = page(request, "desk_fragment.html", at, card=shown, section="day" if is_of_day else "updated")
        answer.headers["ETag"] = f'"{etag}"'
        return answer

    @routes.get("/sign-in")
    def show_sign_in(request: Request) -> Response:
        """The form that asks for the token."""
        return page(request, "desk_sign_in.html", here(request), fault="")

    @routes.get("/clips/{name}/withdraw")
    def ask_to_withdraw(request: Request, name: str) -> Response:
        """Asks whether that is really meant."""
        at = here(request)
        record = _clip(services, name)
        if record is None or not at.is_signed_in:
            return message(
                request, at, 404 if record is None else 403, at.words("refused" if record is None else "expired")
            )
        return page(request, "desk_withdraw.html", at, name=record.name)

    @routes.get("/clips/{name}/poster")
    async def choose_poster(request: Request, name: str) -> Response:
        """The pictures of the clip's storyboard, and the clip itself, to choose a poster from."""
        at = here(request)
        record = await run_in_threadpool(_clip, services, name)
        if record is None or record.poster is None or not at.is_signed_in:
            known = record is not None and record.poster is not None
            return message(request, at, 403 if known else 404, at.words("expired" if known else "poster_none"))
        return page(
            request,
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


def _clip(services: Services, name: str) -> ClipRecord | None:
    if not records.is_public(keys.clip_record(name)):
        return None
    record = services.clips.get(name)
    return record if record is not None and record.state is not ClipState.WITHDRAWN else None
