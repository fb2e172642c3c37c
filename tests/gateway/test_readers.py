"""With a read token set, nothing that can be read is given to anybody else; which sites and hosts may ask at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect
from pydantic import SecretStr
from starlette.routing import Mount, Route

from config.settings import Settings
from tasks.adapters.object_store import ObjectStore
from tasks.pipeline.services import Services
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.conftest import close, serving
from workers.gateway import create_app
from workers.services import build_services
from workers.web.access import _ALWAYS_OPEN, _GUARDED_THEMSELVES

TOKEN = "a read token"
SITE = "https://portal.example"
OPEN = ("/healthz", "/static/story.css")
GUARDED = (
    "/",
    "/stories/tin",
    "/docs",
    "/openapi.json",
    "/api/v1/clips",
    "/api/v1/clips/a",
    "/media/clips/a/clip.json",
)


@pytest.fixture(scope="module")
def guarded(settings: Settings, store: ObjectStore, buckets: Buckets) -> Iterator[Services]:
    """Services with a read token, one site that scripts may come from, and one name of their own."""
    samples.publish(store, buckets.media, samples.ready_clip("a"), samples.article("tin"))
    more = {
        "read_token": SecretStr(TOKEN),
        "operator_token": SecretStr("an operator's token"),
        "cors_origins": (SITE,),
        "embed_origins": (SITE, "https://other.example"),
        "allowed_hosts": ("127.0.0.1", "news.example"),
    }
    made = build_services(settings.model_copy(update=more))
    yield made
    close(made)


@pytest.fixture(scope="module")
def http(guarded: Services) -> Iterator[httpx.Client]:
    with serving(guarded) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.mark.parametrize("path", GUARDED)
def test_only_who_has_the_token_may_read(http: httpx.Client, path: str) -> None:
    for auth in (None, ("any", "wrong"), ("any", ""), (TOKEN, "")):
        answer = http.get(path, auth=auth)
        assert answer.status_code == 401
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert "Content-Security-Policy" in answer.headers
    for header in ("Bearer", "Bearer wrong", "Basic not-base64!", f"Digest {TOKEN}", TOKEN):
        assert http.get(path, headers={"Authorization": header}).status_code == 401
    for token in (TOKEN, "an operator's token"):
        assert http.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert http.get(path, auth=("any", TOKEN)).status_code == 200


@pytest.mark.parametrize("path", OPEN)
def test_what_tells_nothing_of_the_news_needs_no_token(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 200


def test_no_route_is_open_that_is_not_meant_to_be(http: httpx.Client, guarded: Services) -> None:
    for route in create_app(guarded).routes:
        path = getattr(route, "path", "")
        if isinstance(route, Route) and "GET" in (route.methods or ()) and not path.startswith(_ALWAYS_OPEN):
            assert http.get(path.replace("{", "").replace("}", "")).status_code == 401, path
        elif isinstance(route, Mount):
            assert path.startswith("/static"), path
    assert _GUARDED_THEMSELVES == ("/events",)
    assert http.post("/events", content=b"{}").status_code == 401


def test_a_preflight_needs_no_token_and_is_answered_for_the_listed_site(http: httpx.Client) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization,range"}
    for path in ("/media/clips/a/clip.json", "/api/v1/clips"):
        ours = http.options(path, headers={**asked, "Origin": SITE})
        assert ours.status_code == 204
        assert ours.headers["Access-Control-Allow-Origin"] == SITE
        assert "Authorization" in ours.headers["Access-Control-Allow-Headers"]
        assert "POST" not in ours.headers["Access-Control-Allow-Methods"]
        assert "Access-Control-Allow-Credentials" not in ours.headers
        other = http.options(path, headers={**asked, "Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in other.headers


def test_an_answer_may_be_read_by_scripts_of_the_listed_site_only(http: httpx.Client) -> None:
    token = {"Authorization": f"Bearer {TOKEN}"}
    ours = http.get("/api/v1/clips", headers={**token, "Origin": SITE})
    assert ours.headers["Access-Control-Allow-Origin"] == SITE
    assert ours.headers["Vary"] == "Origin"
    for origin in ("https://evil.example", "null", SITE + ".evil.example", "http://portal.example"):
        other = http.get("/api/v1/clips", headers={**token, "Origin": origin})
        assert "Access-Control-Allow-Origin" not in other.headers
        assert other.headers["Vary"] == "Origin"


def test_pages_and_changes_are_for_no_other_sites_scripts(http: httpx.Client) -> None:
    asked = {"Origin": SITE, "Access-Control-Request-Method": "POST"}
    for path in ("/events", "/", "/stories/tin"):
        assert "Access-Control-Allow-Origin" not in http.options(path, headers=asked).headers
        assert "Access-Control-Allow-Origin" not in http.get(path, headers={"Origin": SITE}).headers
    post = http.post("/api/v1/clips", headers={"Origin": SITE, "Authorization": f"Bearer {TOKEN}"})
    assert "Access-Control-Allow-Origin" not in post.headers


def test_embedded_pages_may_be_framed_by_the_listed_sites_and_others_by_nobody(http: httpx.Client) -> None:
    embedded = http.get("/embed/none", auth=("any", TOKEN)).headers
    assert embedded["Content-Security-Policy"].endswith(f"frame-ancestors {SITE} https://other.example")
    assert "X-Frame-Options" not in embedded
    page = http.get("/stories/tin", auth=("any", TOKEN)).headers
    assert page["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    assert page["X-Frame-Options"] == "DENY"


def test_another_hosts_name_is_not_ours(http: httpx.Client) -> None:
    token = {"Authorization": f"Bearer {TOKEN}"}
    for host in ("news.example", "NEWS.example:8080", "127.0.0.1:1"):
        assert http.get("/api/v1/clips", headers={**token, "Host": host}).status_code == 200
    for host in ("evil.example", "news.example.evil.example", "", "news.example@evil.example"):
        answer = http.get("/api/v1/clips", headers={**token, "Host": host})
        assert (answer.status_code, answer.json()["code"]) == (421, "unknown_host")
    assert http.get("/healthz", headers={"Host": "10.0.0.1"}).status_code == 200


@pytest.mark.parametrize("method", ["TRACE", "PUT", "DELETE", "PATCH", "PROPFIND", "CONNECT", "GETT"])
@pytest.mark.parametrize("path", ["/", "/api/v1/clips", "/media/clips/a/clip.json", "/events", "/static/story.css"])
def test_methods_that_nobody_needs_do_nothing(http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, path, headers={"Authorization": f"Bearer {TOKEN}", "X-Echo": "echo me"})
    assert answer.status_code == 405
    assert "echo me" not in answer.text


@pytest.mark.parametrize(
    "path", ["/media/", "/media/clips", "/media/clips/", "/media/clips/a/", "/static/", "/media/index/"]
)
def test_no_directory_is_listed(http: httpx.Client, path: str) -> None:
    answer = http.get(path, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 404
    assert "clip.json" not in answer.text


@pytest.fixture(scope="module")
def browser(launch_chromium: Callable[..., Browser]) -> Browser:
    """Chromium as it comes."""
    return launch_chromium()


@pytest.mark.browser
@pytest.mark.parametrize("path", ["/stories/shown", "/embed/a"])
def test_a_browser_whose_user_has_the_token_shows_the_player(
    browser: Browser, guarded: Services, http: httpx.Client, path: str
) -> None:
    shown = {"name": "a", "state": "ready", "record": samples.reference_to("a")}
    paragraph = {"id": "p1", "kind": "body", "text": "Sáng nay.", "clips": [shown]}
    story = samples.article("shown", paragraphs=[paragraph])
    samples.publish(guarded.store, guarded.settings.media_bucket, story)
    context = browser.new_context(http_credentials={"username": "any", "password": TOKEN})
    try:
        page = context.new_page()
        page.goto(f"{http.base_url.copy_with(path=path)}")
        expect(page.locator("newsreel-clip .start")).to_be_visible(timeout=20_000)
    finally:
        context.close()
