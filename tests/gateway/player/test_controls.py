"""The player's controls in a real Chromium: keys, storyboard, captions, and for whom they are."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tasks.adapters.object_store import ObjectStore
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.browser import SECONDS
from tests.gateway.player.page import (
    NAME,
    begin,
    button,
    opened,
    pause,
    picture,
    time_of,
    until,
)

pytestmark = pytest.mark.browser


def test_the_player_works_by_keys_alone(browser: Browser, gateway: str) -> None:
    with opened(browser, gateway) as page:
        expect(page.locator(".start")).to_be_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        until(lambda: time_of(page) > 0.2)
        # The focus has gone from the poster to the button in its place.
        expect(button(page, "Pause")).to_be_focused()
        video = page.locator("video")
        page.keyboard.press("k")
        until(lambda: video.evaluate("video => video.paused"))
        for key, place in (
            ("0", 0),
            ("5", SECONDS / 2),
            ("Home", 0),
            ("ArrowRight", 5),
            ("ArrowLeft", 0),
            ("l", SECONDS),
            ("j", 0),
            ("End", SECONDS),
            ("j", 0),
        ):
            page.keyboard.press(key)
            until(lambda place=place: abs(time_of(page) - place) < 0.3)
        page.keyboard.press("m")
        expect(button(page, "Unmute")).to_be_visible()
        page.keyboard.press("m")
        page.keyboard.press("ArrowDown")
        until(lambda: abs(video.evaluate("video => video.volume") - 0.9) < 0.01)
        page.keyboard.press("ArrowUp")
        until(lambda: video.evaluate("video => video.volume") == 1)
        page.keyboard.press("c")
        expect(button(page, "Captions")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("f")
        expect(button(page, "Leave full screen")).to_be_visible()
        page.keyboard.press("f")
        expect(button(page, "Full screen")).to_be_visible()
        # A key that belongs to the browser is left to it.
        page.keyboard.press("Control+k")
        assert video.evaluate("video => video.paused")


@pytest.mark.parametrize(("part", "tile"), [(0.05, 0), (0.5, 160), (0.95, 320)])
def test_the_storyboards_tile_shows_over_the_seek_bar(browser: Browser, gateway: str, part: float, tile: int) -> None:
    with opened(browser, gateway, viewport={"width": 1280, "height": 720}) as page:
        begin(page)
        pause(page)
        box = page.get_by_role("slider", name="Position").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * part, box["y"] + box["height"] / 2)
        shown = page.locator(".tile")
        expect(shown).to_be_visible()
        assert shown.evaluate("tile => tile.style.backgroundPosition") == f"{-tile}px 0px".replace("-0", "0")
        assert "sheet-001.jpg" in shown.evaluate("tile => getComputedStyle(tile).backgroundImage")
        preview = page.locator(".preview").bounding_box()
        assert preview is not None
        assert preview["x"] >= 0
        assert preview["x"] + preview["width"] <= 1280
        picture(page, f"player-storyboard-{tile}")
        page.mouse.click(box["x"] + box["width"] * part, box["y"] + box["height"] / 2)
        until(lambda: abs(time_of(page) - SECONDS * part) < 0.5)


def test_a_key_on_the_seek_bar_shows_its_tile_and_says_the_time(browser: Browser, gateway: str) -> None:
    with opened(browser, gateway) as page:
        begin(page)
        pause(page)
        seek = page.get_by_role("slider", name="Position")
        seek.focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator(".tile")).to_be_visible()
        until(lambda: seek.get_attribute("aria-valuetext") in ("5 seconds of 6 seconds", "6 seconds of 6 seconds"))
        page.keyboard.press("Tab")
        expect(page.locator(".tile")).to_be_hidden()


def test_captions_are_chosen_and_shown(browser: Browser, gateway: str) -> None:
    with opened(browser, gateway, viewport={"width": 1280, "height": 720}) as page:
        begin(page)
        pause(page)
        shown = "video => [...video.textTracks].filter(track => track.mode === 'showing').map(track => track.language)"
        cues = """video => [...video.textTracks].filter(track => track.mode === "showing")
            .flatMap(track => [...(track.activeCues ?? [])].map(cue => cue.text))"""
        video = page.locator("video")
        assert video.evaluate(shown) == []
        button(page, "Captions").click()
        until(lambda: video.evaluate(cues) == ["Bà con diêm dân ra đồng từ sáng sớm"])
        picture(page, "player-captions-1280")
        button(page, "Settings").click()
        panel = page.get_by_role("dialog", name="Settings")
        expect(panel.get_by_role("radio", name="Tiếng Việt")).to_be_checked()
        picture(page, "player-settings-1280")
        panel.get_by_role("radio", name="English").check()
        until(lambda: video.evaluate(shown) == ["en"])
        panel.get_by_role("group", name="Captions").get_by_role("radio", name="Off").check()
        until(lambda: video.evaluate(shown) == [])
        panel.get_by_role("radio", name="1.5×").check()
        assert video.evaluate("video => video.playbackRate") == 1.5
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        expect(button(page, "Settings")).to_be_focused()


def test_captions_marked_as_default_are_shown_at_once_and_forced_ones_always(
    browser: Browser, gateway: str, store: ObjectStore, buckets: Buckets
) -> None:
    url = f"../{NAME}/{samples.VERSION}/captions/vi.vtt"
    forced = {"language": "ja", "label": "Nhật", "kind": "subtitles", "url": url, "is_forced": True}
    usual = {"language": "vi", "label": "Tiếng Việt", "kind": "captions", "url": url, "is_default": True}
    mp4 = {**samples.ready_clip(NAME).mp4[0].model_dump(), "url": f"../{NAME}/{samples.VERSION}/mp4/video.mp4"}
    clip = samples.ready_clip("FORCED", captions=[forced, usual], hls=None, mp4=[mp4], poster=None)
    samples.publish(store, buckets.media, clip)
    shown = "video => [...video.textTracks].filter(track => track.mode === 'showing').map(track => track.language)"
    with opened(browser, gateway, "FORCED") as page:
        expect(page.locator(".start")).to_be_visible()
        video = page.locator("video")
        until(lambda: video.evaluate(shown) == ["vi"])
        begin(page)
        button(page, "Captions").click()
        until(lambda: video.evaluate(shown) == ["ja"])


@pytest.mark.parametrize("width", [390, 1280])
def test_every_control_has_a_name_and_room_for_a_finger(browser: Browser, gateway: str, width: int) -> None:
    height = width * 9 // 16
    context = browser.new_context(
        viewport={"width": width, "height": height}, is_mobile=width < 500, has_touch=width < 500
    )
    page = context.new_page()
    page.goto(f"{gateway}/embed/{NAME}?lang=vi")
    begin(page)
    pause(page)
    button(page, "Phụ đề").click()
    page.wait_for_timeout(300)
    picture(page, f"player-controls-{width}")
    found = page.locator("newsreel-clip").evaluate(
        """clip => [...clip.shadowRoot.querySelectorAll("button, input")].filter(each => each.checkVisibility())
            .map(each => { const box = each.getBoundingClientRect();
                return [each.ariaLabel ?? "", box.width, box.height, box.left >= 0 && box.right <= innerWidth]; })"""
    )
    assert {name for name, *_ in found} >= {"Phát", "Tắt tiếng", "Vị trí", "Phụ đề", "Cài đặt", "Toàn màn hình"}
    assert all(name and wide >= 24 and high >= 24 and inside for name, wide, high, inside in found), found
    button(page, "Cài đặt").click()
    page.wait_for_timeout(200)
    panel = page.get_by_role("dialog", name="Cài đặt").bounding_box()
    assert panel is not None
    assert panel["x"] >= 0
    assert panel["y"] >= 0
    picture(page, f"player-panel-{width}")
    context.close()


def test_the_page_has_no_fault_that_axe_knows(browser: Browser, gateway: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    with opened(browser, gateway) as page:
        expect(page.locator(".start")).to_be_visible()
        before = axe.Axe().run(page, options=options)
        begin(page)
        pause(page)
        button(page, "Settings").click()
        after = axe.Axe().run(page, options=options)
    assert (before.response["violations"], after.response["violations"]) == ([], [])
