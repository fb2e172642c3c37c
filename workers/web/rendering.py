"""The page templates: escaped by default, unknown names are errors, static files carry their content's mark."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE: Final = Path(__file__).parent
STATIC_DIR: Final = _HERE / "static"


def render(
    template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: object
) -> HTMLResponse:
    """The page that the template makes of the values; browsers ask again each time they show it."""
    html = _environment().get_template(template).render(**values)
    return HTMLResponse(html, status, {"Cache-Control": "no-cache", **(headers or {})})


def copy_of(page: Response) -> Response:
    """The same page, to be sent once more: what is sent gets headers and cookies of its own on the way."""
    return Response(page.body, page.status_code, dict(page.headers))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = _static_url
    environment.globals["player_modules"] = sorted(
        f"/static/newsreel-clip/{path.name}" for path in (STATIC_DIR / "newsreel-clip").glob("*.js")
    )
    return environment


@cache
def _static_url(name: str) -> str:
    """The file's address; it changes with the content, so a browser never mixes two releases."""
    return f"/static/{name}?v={hashlib.sha256((STATIC_DIR / name).read_bytes()).hexdigest()[:10]}"
