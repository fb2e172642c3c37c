"""The story desk in a real Chromium, over a real store: what it tells, how it follows, and what a click mends."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from pydantic import SecretStr

from tasks.adapters.changes import CHANGED, REBUILD
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import ObjectStore
from tasks.pipeline import feeds
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.article_record import ArticleRecord
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.browser import publish_media, watched
from tests.gateway.conftest import serving
from workers.web.desk_visit import SESSION_COOKIE

R = TypeVar("R")
SECRET = "a token of the desk's own"
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script> & "bài"'
TODAY = utc_now().isoformat(timespec="seconds")
SOON_MS = 60_000


def _instead(wanted: R, _: R | None) -> R:
    return wanted


def reference(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "paragraph": "p1", "state": "waiting", "message": "…", **more}


def story(article_id: str, title: str, *names: str, missing: list[dict[str, Any]] | None = None) -> ArticleRecord:
    """A story of today with these clips under its paragraph, and further references."""
    shown = [{"name": each, "state": "ready", "record": samples.reference_to(each)} for each in names]
    text = "Sáng nay, bà con diêm dân xã ven biển đồng loạt ra đồng, mở đầu vụ muối mới sau ba tháng nghỉ mưa."
    return samples.article(
        article_id,
        title=title,
        published_at=TODAY,
        updated_at=utc_now(),
        state="waiting",
        paragraphs=[{"id": "p1", "kind": "body", "text": text, "clips": shown}],
        references=[*(reference(each, state="linked") for each in names), *(missing or [])],
    )


@pytest.fixture(scope="module")
def told(services: Services) -> Callable[..., None]:
    """Publishes records as the pipeline does, feeds included."""

    def tell(*records: Any) -> None:
        for each in records:
            if isinstance(each, ArticleRecord):
                services.articles.update(each.id, partial(_instead, each))
            else:
                marker = keys.clip_name_marker(each.name)
                services.store.put(services.settings.media_bucket, marker, b"", content_type="text/plain")
                services.clips.update(each.name, partial(_instead, each))
        feeds.publish(services, CHANGED)

    return tell


@pytest.fixture(scope="module")
def desk(services: Services, store: ObjectStore, buckets: Buckets, told: Callable[..., None]) -> Iterator[str]:
    """A gateway with a desk that editors may sign in to, and stories in every state."""
    feeds.publish(services, REBUILD)
    publish_media(store, buckets.media, "120312_OTHANH1")
    vtt = "WEBVTT\n\n00:00:00.000 --> 00:00:03.000\nsheet-001.jpg#xywh=0,0,320,180\n"
    vtt += "\n00:00:03.000 --> 00:00:06.000\nsheet-001.jpg#xywh=320,180,320,180\n"
    prefix = keys.version_prefix("120312_OTHANH1", samples.VERSION)
    poster = store.get(buckets.media, f"{prefix}poster.jpg").body
    store.put(buckets.media, f"{prefix}storyboard/storyboard.vtt", vtt.encode(), content_type="text/vtt")
    store.put(buckets.media, f"{prefix}storyboard/sheet-001.jpg", poster, content_type="image/jpeg")
    upload = store.put(buckets.incoming, "clips/120312_OTHANH1.mp4", b"x" * 1000, content_type="video/mp4")
    board = {
        "vtt": f"{samples.VERSION}/storyboard/storyboard.vtt",
        "images": [f"{samples.VERSION}/storyboard/sheet-001.jpg"],
        "interval_s": 3.0,
    }
    source = {"key": "clips/120312_OTHANH1.mp4", "etag": upload, "size_bytes": 1000, "duration_s": 6.0}
    failure = {"code": "not_media", "message": "This file is a text, not a video.", "attempts": 1}
    told(
        samples.ready_clip("120312_OTHANH1", storyboard=board, source=source),
        samples.clip("120312_OTHANH2", state="processing", progress=0.42, speed=3.1, lease=_lease()),
        samples.clip("120312_OTHANH3", state="failed", failure=failure),
        samples.clip("120312_OQUEUE1", queue="transcode"),
        story("salt", "Diêm dân ven biển vào vụ muối mới", "120312_OTHANH1", "120312_OTHANH2", "120312_OTHANH3"),
        story("queued", "Xã mở lớp phơi muối", "120312_OQUEUE1"),
        story(
            "typo",
            "Bản tin chiều",
            missing=[reference("120312_OTHAN1", suggestions=["120312_OTHANH1"]), reference("120312_OLATE1")],
        ),
        story("whole", "Đủ clip", "120312_OTHANH1").evolve(state="complete"),
        story("hostile", HOSTILE, missing=[reference(HOSTILE)]),
        samples.article("old", title="Bài cũ", updated_at=utc_now() - timedelta(days=9)),
    )
    settings = services.settings.model_copy(update={"operator_token": SecretStr(SECRET)})
    with serving(replace(services, settings=settings)) as url:
        yield url


def _lease() -> dict[str, Any]:
    now = utc_now()
    return {"owner": "w", "attempt": 1, "heartbeat_at": now, "expires_at": now + timedelta(hours=1)}


@pytest.fixture(scope="module")
def browser(launch_chromium: Callable[..., Browser]) -> Browser:
    """Chromium as it comes."""
    return launch_chromium()


@pytest.fixture
def looked_at(browser: Browser, desk: str) -> Iterator[Callable[..., Page]]:
    """Opens the desk in a browser that must show no error."""
    with ExitStack() as opened:

        def look(path: str = "/desk", **options: Any) -> Page:
            options = {"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **options}
            page = opened.enter_context(watched(browser, desk, **options))
            page.goto(f"{desk}{path}")
            return page

        yield look


def card(page: Page, title: str) -> Any:
    return page.locator(".card").filter(has=page.get_by_role("heading", name=title, exact=True))


def row(page: Page, name: str) -> Any:
    return page.locator(f'.row[data-reference="{name}"]').first


def sign_in(page: Page) -> None:
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Token").fill(SECRET)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def picture(page: Page, name: str) -> None:
    """Keep a screenshot of the whole page where NEWSREEL_SCREENSHOTS says, for a person's eye."""
    if folder := os.environ.get("NEWSREEL_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.browser
def test_each_story_tells_what_it_waits_for(looked_at: Callable[..., Page]) -> None:
    page = looked_at()
    salt = card(page, "Diêm dân ven biển vào vụ muối mới")
    expect(salt.locator(".card-blocked")).to_have_text(
        "Blocked by 120312_OTHANH2 (being prepared, 42 %) and 120312_OTHANH3 (failed)."
    )
    expect(row(page, "120312_OTHANH2").locator(".row-state")).to_contain_text("Being prepared, 42 % · 3.1× speed")
    expect(row(page, "120312_OTHANH3")).to_contain_text("This file is a text, not a video.")
    expect(row(page, "120312_OTHANH3")).to_contain_text("export the clip again and upload it")
    image = row(page, "120312_OTHANH1").get_by_role("img")
    assert image.evaluate("async image => (await image.decode(), image.naturalWidth)") == 640
    expect(card(page, "Bài cũ")).to_have_count(0)
    expect(page.locator(".strip")).to_have_text(re.compile(r"5\s*All\s*4\s*Blocked\s*2\s*In work\s*1\s*Failed"))
    # Nobody has signed in: there is nothing to click that changes anything.
    assert page.locator("main form").count() == 0


@pytest.mark.browser
def test_a_hostile_title_is_text(looked_at: Callable[..., Page]) -> None:
    page = looked_at()
    expect(card(page, HOSTILE)).to_be_visible()
    assert page.title() == "Story desk · newsreel"
    assert page.locator(".card img[src='x']").count() == 0


@pytest.mark.browser
def test_the_filters_work_without_a_script(looked_at: Callable[..., Page]) -> None:
    page = looked_at(java_script_enabled=False)
    page.get_by_role("link", name="Failed").click()
    expect(page.locator(".card")).to_have_count(1)
    expect(card(page, "Diêm dân ven biển vào vụ muối mới")).to_be_visible()
    page.get_by_role("link", name="All").click()
    expect(page.locator(".card")).to_have_count(5)
    page.get_by_role("link", name="12/3/2026").click()
    expect(page.locator(".card h3")).to_have_text(["Bài cũ"])
    assert 'http-equiv="refresh" content="30"' in page.content()


@pytest.mark.browser
def test_it_speaks_vietnamese_and_remembers(looked_at: Callable[..., Page]) -> None:
    page = looked_at(locale="vi-VN")
    expect(row(page, "120312_OTHANH3")).to_contain_text("Tệp này không phải là video.")
    assert page.locator("html").get_attribute("lang") == "vi"
    picture(page, "desk-vi")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    page.goto(page.url.partition("?")[0])
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.browser
def test_changes_show_by_themselves(looked_at: Callable[..., Page], told: Callable[..., None]) -> None:
    told(samples.clip("L1", queue="transcode"), story("live", "Tin nóng", "L1"))
    page = looked_at()
    expect(page.locator("#live-on")).to_be_visible(timeout=SOON_MS)
    page.evaluate("window.isSamePage = true")
    expect(row(page, "L1")).to_contain_text("Waiting for its turn", timeout=SOON_MS)
    card(page, "Tin nóng").get_by_role("link", name="Tin nóng", exact=True).focus()
    told(samples.clip("L1", state="processing", progress=0.1, lease=_lease()))
    expect(row(page, "L1")).to_contain_text("Being prepared, 10 %", timeout=SOON_MS)
    assert page.evaluate("document.activeElement.textContent") == "Tin nóng"
    expect(page.locator("#announce")).to_contain_text("L1: Being prepared")
    # Progress alone is no change that feeds tell: the page asks for it.
    told(samples.clip("L1", state="processing", progress=0.6, lease=_lease()))
    expect(row(page, "L1")).to_contain_text("60 %", timeout=SOON_MS)
    told(samples.ready_clip("L1", poster=None), story("live", "Tin nóng", "L1").evolve(state="complete"))
    expect(row(page, "L1")).to_contain_text("Ready", timeout=SOON_MS)
    told(story("fresh", "Bài mới đến", missing=[reference("L9")]))
    expect(card(page, "Bài mới đến")).to_be_visible(timeout=SOON_MS)
    assert page.evaluate("window.isSamePage")
    for each in ("live", "fresh"):
        told(story(each, "…").evolve(state="withdrawn"))
    expect(card(page, "Bài mới đến")).to_have_count(0, timeout=SOON_MS)


@pytest.mark.browser
def test_what_changes_between_the_page_and_its_connection_shows_too(
    looked_at: Callable[..., Page], told: Callable[..., None]
) -> None:
    page = looked_at("/desk/sign-in")

    def change_first(route: Any) -> None:
        told(story("between", "Giữa chừng", missing=[reference("L8")]))
        # By then the gateway knows of it, and counts it among what is past.
        time.sleep(3)
        route.continue_()

    page.route("**/api/v1/changes?*", change_first, times=1)
    page.goto(page.url.removesuffix("/sign-in"))
    expect(card(page, "Giữa chừng")).to_be_visible(timeout=SOON_MS)
    told(story("between", "…").evolve(state="withdrawn"))
    expect(card(page, "Giữa chừng")).to_have_count(0, timeout=SOON_MS)


@pytest.mark.browser
def test_a_lost_connection_shows(browser: Browser, desk: str) -> None:
    # The browser itself notes each refused request as an error, so this page is not under watch.
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.route("**/api/v1/changes?*", lambda route: route.abort())
    page.goto(f"{desk}/desk")
    expect(page.locator("#live-lost")).to_be_visible(timeout=SOON_MS)
    page.unroute("**/api/v1/changes?*")
    expect(page.locator("#live-on")).to_be_visible(timeout=SOON_MS)
    context.close()


@pytest.mark.browser
def test_a_click_settles_what_a_name_means_and_another_takes_it_back(
    looked_at: Callable[..., Page], services: Services, store: ObjectStore, buckets: Buckets
) -> None:
    page = looked_at()
    sign_in(page)
    row(page, "120312_OTHAN1").get_by_role("button", name="Use 120312_OTHANH1").click()
    expect(page.locator(".said")).to_contain_text("Decided")
    assert store.get(buckets.media, keys.decisions("typo")).body == b'{"120312_othan1": "120312_OTHANH1"}'
    # What the worker then makes of it, told by the feeds.
    before = services.articles.get("typo")
    assert before is not None
    decided = [before.references[0].evolve(decided="120312_OTHANH1", suggestions=(), state="linked")]
    shown = story("typo", "Bản tin chiều", "120312_OTHANH1").paragraphs
    services.articles.update(
        "typo", lambda _: before.evolve(references=(*decided, before.references[1]), paragraphs=shown)
    )
    feeds.publish(services, CHANGED)
    expect(row(page, "120312_OTHAN1")).to_contain_text("as an editor chose", timeout=SOON_MS)
    row(page, "120312_OTHAN1").get_by_role("button", name="Undo").click()
    expect(page.locator(".said")).to_contain_text("Taken back")
    assert store.get(buckets.media, keys.decisions("typo")).body == b"{}"
    services.articles.update("typo", lambda _: before)


@pytest.mark.browser
def test_orders_are_a_click(looked_at: Callable[..., Page], services: Services) -> None:
    page = looked_at()
    sign_in(page)
    row(page, "120312_OQUEUE1").get_by_role("button", name="Make urgent").click()
    expect(page.locator(".said")).to_have_text("It passes the others now.")
    queued = services.clips.get("120312_OQUEUE1")
    assert queued is not None
    assert queued.queue == "transcode.urgent"


def test_an_order_that_can_not_be_carried_out_says_why(desk: str) -> None:
    client, token = signed_in(desk)
    answer = client.post("/desk/clips/120312_OTHANH3/retry", data={"token": token})
    assert answer.status_code == 409
    assert "is not there any more" in answer.text
    for name, at in (("nobody", "1"), ("120312_OTHANH1", "soon"), ("120312_OTHANH1", "nan"), ("120312_OTHANH1", "7")):
        answer = client.post(f"/desk/clips/{name}/poster", data={"token": token, "at": at})
        assert answer.status_code == (404 if name == "nobody" else 409), at
    client.close()


@pytest.mark.browser
def test_a_poster_is_chosen_from_the_storyboard_or_at_the_clips_moment(
    looked_at: Callable[..., Page], services: Services
) -> None:
    page = looked_at()
    sign_in(page)
    row(page, "120312_OTHANH1").get_by_role("link", name="Choose poster").click()
    deadline = time.monotonic() + 30
    while page.locator("#clip").evaluate("clip => clip.readyState") < 2:
        assert time.monotonic() < deadline, "the clip does not load"
        time.sleep(0.05)
    picture(page, "desk-poster-1280")
    page.get_by_role("button", name="Use the picture at 0:03").click()
    expect(page.locator(".said")).to_have_text("The poster is being made.")
    chosen = services.clips.get("120312_OTHANH1")
    assert chosen is not None
    assert chosen.poster_wish_s == 3.0
    row(page, "120312_OTHANH1").get_by_role("link", name="Choose poster").click()
    page.locator("#clip").evaluate("clip => { clip.currentTime = 4.5; }")
    expect(page.get_by_label("Seconds from the start")).to_have_value("4.5", timeout=SOON_MS)
    page.get_by_role("button", name="Use this moment").click()
    expect(page.locator(".said")).to_be_visible()
    row(page, "120312_OTHANH1").get_by_role("link", name="Choose poster").click()
    page.get_by_role("button", name="Let newsreel choose").click()
    expect(page.locator(".said")).to_be_visible()
    chosen = services.clips.get("120312_OTHANH1")
    assert chosen is not None
    assert chosen.poster_wish_s is None


@pytest.mark.browser
def test_withdrawing_asks_first_and_works_without_a_script(
    looked_at: Callable[..., Page], services: Services, told: Callable[..., None]
) -> None:
    told(samples.ready_clip("W1", poster=None), story("wrong", "Nhầm clip", "W1").evolve(state="complete"))
    page = looked_at(java_script_enabled=False)
    sign_in(page)
    deadline = time.monotonic() + 30
    while not card(page, "Nhầm clip").count():
        assert time.monotonic() < deadline
        page.reload()
    row(page, "W1").get_by_role("link", name="Withdraw").click()
    page.get_by_label("Reason").fill("wrong person")
    page.get_by_role("button", name="Withdraw the clip").click()
    expect(page.locator(".said")).to_have_text("The clip is withdrawn.")
    gone = services.clips.get("W1")
    assert gone is not None
    assert gone.withdrawn is not None
    assert gone.withdrawn.reason == "wrong person"
    told(story("wrong", "…").evolve(state="withdrawn"))
    while card(page, "Nhầm clip").count():
        assert time.monotonic() < deadline + 30
        page.goto(page.url.partition("?")[0])


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_width_needs_sideways_scrolling(looked_at: Callable[..., Page], width: int, scheme: str) -> None:
    page = looked_at(viewport={"width": width, "height": 900}, color_scheme=scheme)
    sign_in(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture(page, f"desk-{width}-{scheme}")
    if width == 390:
        small = page.evaluate(
            """() => [...document.querySelectorAll("button, .button")]
                .filter(each => each.offsetParent && each.getBoundingClientRect().height < 24)
                .map(each => each.textContent)"""
        )
        assert small == []
    for path in ("/desk/clips/120312_OTHANH1/poster", "/desk/clips/120312_OTHANH1/withdraw"):
        page.goto(page.url.partition("/desk")[0] + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        picture(page, f"desk-{path.rpartition('/')[2]}-{width}-{scheme}")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_have_no_fault_that_axe_knows(looked_at: Callable[..., Page], scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    page = looked_at("/desk/sign-in", color_scheme=scheme, viewport={"width": 390, "height": 900})
    found = {"sign-in": axe.Axe().run(page, options=options).response["violations"]}
    page.goto(page.url.partition("/sign-in")[0])
    sign_in(page)
    for path in ("", "/clips/120312_OTHANH1/poster", "/clips/120312_OTHANH1/withdraw"):
        page.goto(f"{page.url.partition('/desk')[0]}/desk{path}")
        found[path] = axe.Axe().run(page, options=options).response["violations"]
    assert not any(found.values()), found


def signed_in(desk: str) -> tuple[httpx.Client, str]:
    """A client with a session, and its forms' token."""
    client = httpx.Client(base_url=desk, timeout=30, headers={"Origin": desk})
    answer = client.post("/desk/sign-in", data={"secret": SECRET})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert all(each in cookie for each in ("HttpOnly", "SameSite=strict", "Path=/desk", "Max-Age=43200"))
    token = re.search(r'name="token" value="([0-9a-f]{64})"', client.get("/desk").text)
    assert token is not None
    return client, token[1]


def test_only_a_form_of_this_site_and_session_changes_anything(desk: str, services: Services) -> None:
    client, token = signed_in(desk)
    path = "/desk/clips/120312_OTHANH2/withdraw"
    other, others_token = signed_in(desk)
    other.close()
    cases: list[tuple[dict[str, str], dict[str, str], bool]] = [
        ({"token": token}, {"Origin": "https://evil.example"}, True),
        ({"token": token}, {"Origin": "null"}, True),
        ({"token": token}, {"Origin": ""}, True),
        ({"token": token}, {"Sec-Fetch-Site": "cross-site"}, True),
        ({"token": others_token}, {}, True),
        ({}, {}, True),
        ({"token": token}, {}, False),
    ]
    for data, headers, has_cookie in cases:
        cookies = client.cookies if has_cookie else httpx.Cookies()
        with httpx.Client(base_url=desk, cookies=cookies, headers={"Origin": desk, **headers}) as asking:
            assert asking.post(path, data=data).status_code == 403, (data, headers, has_cookie)
    record = services.clips.get("120312_OTHANH2")
    assert record is not None
    assert record.state == "processing"
    # The session ends with a click, and then the same form is worth nothing.
    assert client.post("/desk/sign-out", data={"token": token}).status_code == 303
    assert SESSION_COOKIE not in client.cookies
    client.close()


def test_the_api_takes_the_same_order(desk: str) -> None:
    path = "/api/v1/clips/120312_OTHANH1/poster"
    headers = {"Authorization": f"Bearer {SECRET}"}
    with httpx.Client(base_url=desk, timeout=30) as client:
        assert client.post(f"{path}?at=2").status_code == 401
        assert client.post(f"{path}?at=2", headers=headers).json()["changed"] is True
        assert client.get("/api/v1/clips/120312_OTHANH1").json()["poster_wish_s"] == 2.0
        for at in ("7", "-1", "nan"):
            assert client.post(f"{path}?at={at}", headers=headers).status_code == 422
        assert client.post(path, headers=headers).json()["changed"] is True


def test_who_guesses_has_to_wait(services: Services) -> None:
    settings = services.settings.model_copy(update={"operator_token": SecretStr(SECRET)})
    with serving(replace(services, settings=settings)) as url, httpx.Client(base_url=url, timeout=30) as client:
        tries = [client.post("/desk/sign-in", data={"secret": "?"}, headers={"Origin": url}) for _ in range(12)]
        assert tries[0].status_code == 403
        assert 429 in [each.status_code for each in tries]
        assert all("set-cookie" not in each.headers for each in tries)


def test_without_a_token_set_nobody_signs_in(http: httpx.Client, gateway: str, desk: str) -> None:
    assert "NEWSREEL_OPERATOR_TOKEN" in http.get("/desk/sign-in", headers={"Accept-Language": "en"}).text
    assert http.post("/desk/sign-in", data={"secret": ""}, headers={"Origin": gateway}).status_code == 403


def test_what_is_asked_wrongly_is_answered_as_if_not_asked(desk: str) -> None:
    with httpx.Client(base_url=desk, timeout=30) as client:
        assert client.get("/desk?day=soon&show=everything&lang=xx&done=<b>").status_code == 200
        assert client.get("/desk/stories/nobody").status_code == 204
        assert client.get("/desk/stories/%2E%2E").status_code in (204, 307, 404)
        assert client.get("/desk/clips/nobody/poster").status_code == 404
        first = client.get("/desk/stories/whole")
        again = client.get("/desk/stories/whole", headers={"If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code) == (200, 304)
