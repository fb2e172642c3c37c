"""A visit of the desk: the language, session, day and filter of a request, and the page that answers it."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, get_args
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from workers.web.desk_sessions import DeskSessions
from workers.web.desk_view import Show
from workers.web.desk_words import LANGUAGES, Language, Words, preferred
from workers.web.headers import PAGE_POLICY
from workers.web.rendering import render

_LANGUAGE_COOKIE: Final = "newsreel_desk_language"
_A_YEAR_S: Final = 365 * 24 * 3600
_SHOWS: Final[tuple[Show, ...]] = get_args(Show)
_ANCHOR: Final = re.compile("s-[0-9a-f]{10}")
# The desk's forms go to the desk; no other page of ours has any.
_HEADERS: Final = {
    "Content-Security-Policy": PAGE_POLICY.replace("form-action 'none'", "form-action 'self'"),
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie, Accept-Language",
}
_MAX_FIELDS: Final = 20


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What a request asks of the desk. ``form_token`` is empty if nobody is signed in; ``anchor`` is a card's."""

    words: Words
    form_token: str
    can_sign_in: bool
    today: date
    day: date
    show: Show
    anchor: str = ""

    @property
    def is_signed_in(self) -> bool:
        """Whether the visitor may use the desk's forms."""
        return bool(self.form_token)

    def is_form_of(self, token: str) -> bool:
        """Whether a form was made for whoever is signed in here; compared in constant time."""
        return self.is_signed_in and hmac.compare_digest(self.form_token.encode(), token.encode())

    def query(self, **other: str) -> str:
        """The query that leads back to this place, with ``other`` values in it; with its ``?``, or empty."""
        known = {"day": self.day.isoformat() if self.day != self.today else "", "show": self.show}
        asked = {
            name: value for name, value in {**known, **other}.items() if value and (name, value) != ("show", "all")
        }
        return f"?{urlencode(asked)}" if asked else ""


async def visit(request: Request, sessions: DeskSessions, today: date, form: Mapping[str, str] | None = None) -> Visit:
    """What the request, or its ``form``, asks for; anything that can't be understood is ignored.

    Raises:
        TemporarilyUnavailable: it brings a session, and the store can't be asked whether that was ended.
    """
    asked = form if form is not None else request.query_params
    show = asked.get("show", "all")
    cookie = await sessions.cookie_of(request)
    anchor = asked.get("story", "")
    return Visit(
        words=Words(_language(request)),
        form_token=sessions.signed.form_token(cookie) if cookie else "",
        can_sign_in=sessions.signed.are_possible,
        today=today,
        day=_day(asked.get("day", "")) or today,
        show=next((each for each in _SHOWS if each == show), "all"),
        anchor=anchor if _ANCHOR.fullmatch(anchor) else "",
    )


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form that a browser sent (``application/x-www-form-urlencoded``); of many alike the last."""
    body = (await request.body()).decode("utf-8", errors="replace")
    try:
        fields = parse_qs(body, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in fields.items()}


def is_from_here(request: Request, site: str) -> bool:
    """Whether the request comes from a form of this site, as far as its browser says (``Origin``)."""
    scheme, _, host = request.headers.get("origin", "").partition("://")
    own = urlsplit(site)
    is_ours = bool(host) and (host == request.headers.get("host") or (scheme, host) == (own.scheme, own.netloc))
    return is_ours and request.headers.get("sec-fetch-site", "same-origin") == "same-origin"


def page(template: str, here: Visit, *, status: int = 200, **values: object) -> Response:
    """The page that the template makes of the visit and the values."""
    return render(template, status=status, headers=_HEADERS, visit=here, w=here.words, **values)


def remember_language(answer: Response, request: Request, here: Visit) -> Response:
    """The answer, with a cookie for the language where one was asked for."""
    if request.query_params.get("lang") in LANGUAGES:
        answer.set_cookie(
            _LANGUAGE_COOKIE, here.words.language, max_age=_A_YEAR_S, path="/desk", httponly=True, samesite="lax"
        )
    return answer


def message(here: Visit, status: int, text: str, *, language: str = "") -> Response:
    """A page that says why something was not done; ``language`` is the text's, where it is not the visitor's."""
    return page("desk_message.html", here, status=status, text=text, text_language=language)


def return_to_desk(here: Visit, **said: str) -> RedirectResponse:
    """Back to where the visit came from; ``said`` goes along in the address."""
    anchor = f"#{here.anchor}" if here.anchor else ""
    return RedirectResponse(f"/desk{here.query(**said)}{anchor}", 303, {"Cache-Control": "no-store"})


def _language(request: Request) -> Language:
    for told in (request.query_params.get("lang"), request.cookies.get(_LANGUAGE_COOKIE)):
        for known in LANGUAGES:
            if told == known:
                return known
    return preferred(request.headers.get("accept-language", ""))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
