"""The clip's player in a real Chromium: what it plays where, states that change, and a frame elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, expect

from tasks.adapters.object_store import ObjectStore
from tasks.records import keys
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.browser import publish_media, watched
from tests.gateway.player.page import (
    NAME,
    SHIFTS,
    WITHOUT_HLS,
    begin,
    button,
    opened,
    picture,
    time_of,
    until,
)

pytestmark = pytest.mark.browser


@contextmanager
def portal(page: str) -> Iterator[str]:
    """Another site, which serves this page at every address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_nothing_of_the_clip_is_fetched_before_a_click_plays_it(browser: Browser, gateway: str) -> None:
    with opened(browser, gateway, viewport={"width": 1280, "height": 720}) as page:
        media: list[str] = []
        page.on("request", lambda request: media.append(request.url) if "/hls/" in request.url else None)
        expect(page.get_by_role("button", name=f"Play: {NAME}")).to_be_visible()
        expect(page.get_by_role("img", name=f"A picture from {NAME}")).to_be_visible()
        expect(page.locator(".length")).to_have_text("0:06")
        picture(page, "player-poster-1280")
        assert media == []
        begin(page)
        assert page.locator("video").evaluate("video => [video.videoWidth, video.videoHeight]") == [640, 360]
        assert page.locator("video").evaluate("video => video.currentSrc").endswith("/hls/master.m3u8")
        expect(page.locator(".time")).to_contain_text("/ 0:06")
        page.mouse.move(640, 400)
        picture(page, "player-playing-1280")


def test_a_browser_without_hls_takes_the_mp4(browser: Browser, gateway: str) -> None:
    with watched(browser, gateway) as page:
        page.add_init_script(WITHOUT_HLS)
        page.goto(f"{gateway}/embed/{NAME}?lang=en")
        begin(page)
        assert page.locator("video").evaluate("video => video.currentSrc").endswith("/mp4/video.mp4")


def test_a_playlist_that_fails_gives_way_to_the_mp4(
    browser: Browser, gateway: str, store: ObjectStore, buckets: Buckets
) -> None:
    samples.publish(
        store,
        buckets.media,
        samples.ready_clip(
            "BROKEN",
            hls="none.m3u8",
            mp4=[{**samples.ready_clip(NAME).mp4[0].model_dump(), "url": f"../{NAME}/{samples.VERSION}/mp4/video.mp4"}],
            poster=None,
        ),
    )
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{gateway}/embed/BROKEN?lang=en")
    begin(page)
    assert page.locator("video").evaluate("video => video.currentSrc").endswith("/mp4/video.mp4")
    context.close()


def test_the_player_comes_by_itself_when_the_clip_can_be_watched(
    browser: Browser, gateway: str, store: ObjectStore, buckets: Buckets
) -> None:
    name = "120312_SOON2"
    publish_media(store, buckets.media, name)
    poster = samples.ready_clip(name).poster
    states = """window.states = [];
        document.addEventListener("newsreel:state", event => states.push(event.detail.state));"""
    size = {"width": 640, "height": 360}
    context = browser.new_context(viewport=size)
    page = context.new_page()
    page.add_init_script(SHIFTS + states)
    page.goto(f"{gateway}/embed/{name}?lang=vi")
    status = page.get_by_role("status")
    expect(status).to_have_text("Video chưa được gửi đến")
    samples.publish(store, buckets.media, samples.clip(name))
    expect(status).to_have_text("Video sắp được xử lý", timeout=20_000)
    samples.publish(store, buckets.media, samples.clip(name, state="processing", progress=0.42, poster=poster))
    expect(status).to_have_text("Đang xử lý, 42 %", timeout=20_000)
    expect(page.get_by_role("progressbar", name="Đã xử lý")).to_have_attribute("value", "42")
    expect(page.get_by_role("img")).to_be_visible()
    picture(page, "player-processing-640")
    samples.publish(store, buckets.media, samples.ready_clip(name, state="playable", progress=0.6, mp4=[]))
    expect(page.locator(".start")).to_be_visible(timeout=20_000)
    expect(status).to_be_hidden()
    begin(page)
    page.locator("video").evaluate("video => { video.dataset.mine = 'yes'; }")
    samples.publish(store, buckets.media, samples.ready_clip(name))
    until(lambda: page.evaluate("states").count("ready") == 1)
    assert page.evaluate("states") == ["missing", "received", "processing", "playable", "ready"]
    assert page.locator("video").evaluate("video => [video.dataset.mine, video.ended]") == ["yes", False]
    assert page.evaluate("shift") == 0
    # What is final is not asked for again.
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("clip.json") else None)
    page.wait_for_timeout(3000)
    assert asked == []
    context.close()


@pytest.mark.parametrize(
    ("state", "words"),
    [("failed", "This video could not be prepared"), ("withdrawn", "This video is no longer available")],
)
def test_a_clip_that_will_not_come_says_so(
    browser: Browser, gateway: str, store: ObjectStore, buckets: Buckets, state: str, words: str
) -> None:
    failure = {"code": "not_media", "message": "This file is a text.", "detail": "Invalid data"}
    samples.publish(store, buckets.media, samples.clip(state, state=state, failure=failure))
    # Not under watch: the browser notes the status of a withdrawn clip's page (410).
    context = browser.new_context(viewport={"width": 640, "height": 360})
    page = context.new_page()
    page.goto(f"{gateway}/embed/{state}?lang=en")
    expect(page.get_by_role("status")).to_have_text(words)
    expect(page.locator(".start")).to_have_count(0)
    picture(page, f"player-{state}-640")
    context.close()


def test_hls_js_plays_where_the_page_brings_it_and_offers_qualities(
    browser: Browser, gateway: str, store: ObjectStore, buckets: Buckets, hls_js: str
) -> None:
    stream = "#EXT-X-STREAM-INF:BANDWIDTH={0},RESOLUTION={1}\nvideo.m3u8\n"
    playlist = "#EXTM3U\n" + stream.format(400_000, "640x360") + stream.format(900_000, "1280x720")
    key = f"{keys.version_prefix(NAME, samples.VERSION)}hls/two.m3u8"
    store.put(buckets.media, key, playlist.encode(), content_type="application/vnd.apple.mpegurl")
    samples.publish(store, buckets.media, samples.ready_clip("TWO", hls=f"../{NAME}/{samples.VERSION}/hls/two.m3u8"))
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.add_init_script(WITHOUT_HLS + hls_js)
    html = f"""<!doctype html><html lang="en"><link rel="icon" href="data:,">
        <script type="module" src="{gateway}/static/newsreel-clip.js"></script>
        <newsreel-clip record="{gateway}/media/clips/TWO/clip.json"></newsreel-clip>"""
    with portal(html) as site:
        page.goto(site)
        begin(page)
        assert page.locator("video").evaluate("video => video.currentSrc").startswith("blob:")
        button(page, "Settings").click()
        quality = page.get_by_role("group", name="Quality")
        expect(quality.get_by_role("radio")).to_have_count(3)
        expect(quality.get_by_role("radio", name="Automatic")).to_be_checked()
        quality.get_by_role("radio", name="720p").check()
        page.keyboard.press("Escape")
        button(page, "Settings").click()
        expect(quality.get_by_role("radio", name="720p")).to_be_checked()
        context.close()


def test_a_browser_that_must_wait_for_the_mp4_says_so(
    browser: Browser, gateway: str, store: ObjectStore, buckets: Buckets
) -> None:
    publish_media(store, buckets.media, "HLSONLY")
    samples.publish(store, buckets.media, samples.ready_clip("HLSONLY", state="playable", progress=0.5, mp4=[]))
    with watched(browser, gateway) as page:
        page.add_init_script(WITHOUT_HLS)
        page.goto(f"{gateway}/embed/HLSONLY?lang=en")
        expect(page.get_by_role("status")).to_have_text("This browser can play the video once all of it is prepared")
        expect(page.locator(".start")).to_be_hidden()
        samples.publish(store, buckets.media, samples.ready_clip("HLSONLY"))
        expect(page.locator(".start")).to_be_visible(timeout=20_000)
        begin(page)


def test_another_site_shows_the_clip_in_a_frame_and_as_an_element(browser: Browser, gateway: str) -> None:
    html = f"""<!doctype html><html lang="vi"><link rel="icon" href="data:,">
        <script type="module" src="{gateway}/static/newsreel-clip.js"></script>
        <iframe src="{gateway}/embed/{NAME}" width="640" height="360" allow="fullscreen; picture-in-picture"></iframe>
        <div style="width: 400px">
        <newsreel-clip record="{gateway}/media/clips/{NAME}/clip.json" label="Vụ muối mới"></newsreel-clip></div>"""
    faults: list[str] = []
    with portal(html) as site:
        context = browser.new_context()
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(site)
        frame = page.frame_locator("iframe")
        frame.locator(".start").click()
        until(lambda: frame.locator("video").evaluate("video => video.currentTime") > 0.2)
        frame.locator("video").evaluate("video => video.pause()")
        page.get_by_role("button", name="Phát: Vụ muối mới").click()
        until(lambda: time_of(page) > 0.2)
        box = page.locator("newsreel-clip").bounding_box()
        assert box is not None
        assert (box["width"], box["height"]) == (400, 225)
        context.close()
    assert faults == []


def test_without_a_script_the_page_has_the_browsers_own_player(browser: Browser, gateway: str) -> None:
    with watched(browser, gateway, java_script_enabled=False) as page:
        page.goto(f"{gateway}/embed/{NAME}")
        video = page.locator("video[controls]")
        expect(video).to_be_visible()
        assert page.locator("video source").last.get_attribute("src").endswith("/mp4/video.mp4")
