"""The story desk in a real Chromium, over a real store: what it tells, and how it follows."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.gateway import samples
from tests.gateway.desk.page import (
    HOSTILE,
    SOON_MS,
    card,
    lease,
    picture,
    reference,
    row,
    sign_in,
    story,
)


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
    told(samples.clip("L1", state="processing", progress=0.1, lease=lease()))
    expect(row(page, "L1")).to_contain_text("Being prepared, 10 %", timeout=SOON_MS)
    assert page.evaluate("document.activeElement.textContent") == "Tin nóng"
    expect(page.locator("#announce")).to_contain_text("L1: Being prepared")
    # Progress alone is no change that feeds tell: the page asks for it.
    told(samples.clip("L1", state="processing", progress=0.6, lease=lease()))
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


def test_what_is_asked_wrongly_is_answered_as_if_not_asked(desk: str) -> None:
    with httpx.Client(base_url=desk, timeout=30) as client:
        assert client.get("/desk?day=soon&show=everything&lang=xx&done=<b>").status_code == 200
        assert client.get("/desk/stories/nobody").status_code == 204
        assert client.get("/desk/stories/%2E%2E").status_code in (204, 307, 404)
        assert client.get("/desk/clips/nobody/poster").status_code == 404
        first = client.get("/desk/stories/whole")
        again = client.get("/desk/stories/whole", headers={"If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code) == (200, 304)
