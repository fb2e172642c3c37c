"""The story page of the real stack in a real browser: uploads in, a playing picture out."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from tests import clips
from tests.acceptance.conftest import Stack
from tests.acceptance.test_story import TEXT

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(300)]


def test_an_uploaded_clip_plays_under_its_paragraph(
    stack: Stack, launch_chromium: Callable[..., Browser], tmp_path_factory: pytest.TempPathFactory
) -> None:
    stack.put("articles/page.txt", TEXT.format(title="Con đê mới", clip="120320_PAGE1").encode())
    stack.put("clips/120320_PAGE1.mp4", clips.progressive(tmp_path_factory.mktemp("clips") / "p.mp4", seconds=4))
    stack.wait_article("page", "complete")
    page = launch_chromium().new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto(stack.env["NEWSREEL_GATEWAY_URL"] + "/stories/page")
    assert "Con đê mới" in page.inner_text("h1")
    video = page.locator("video")
    start = page.locator("newsreel-clip .start")
    start.wait_for()
    assert video.count() == 1
    assert "/poster" in page.locator("newsreel-clip img").evaluate("image => image.src")
    # The paragraph that stands last before the figure (4: the figure follows).
    before = page.locator("figure").evaluate(
        "figure => [...document.querySelectorAll('p')]"
        ".filter(p => p.compareDocumentPosition(figure) & 4).at(-1).innerText"
    )
    assert before.startswith("Một đoạn dài")
    assert video.evaluate("video => video.currentTime") == 0
    start.click()
    deadline = time.monotonic() + 20
    # Asked from outside: the page's own policy lets nothing be evaluated in it.
    while video.evaluate("video => video.currentTime") < 0.5:
        assert time.monotonic() < deadline, video.evaluate("video => video.error && video.error.message")
        page.wait_for_timeout(100)
    assert video.evaluate("video => video.videoWidth") > 0
    assert faults == []
    page.close()
