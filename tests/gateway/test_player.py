"""The clip's player in a real Chromium: playing, keys, storyboard, captions, states that change, a frame elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tasks.adapters.object_store import ObjectStore
from tasks.records import keys
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.browser import SECONDS, publish_media, watched

pytestmark = pytest.mark.browser

NAME = "120312_NGAN1"
WITHOUT_HLS = """
    const answer = HTMLMediaElement.prototype.canPlayType;
    HTMLMediaElement.prototype.canPlayType = function (type) {
        return type.includes("mpegurl") ? "" : answer.call(this, type);
    };
"""
SHIFTS = """
    window.shift = 0;
    new PerformanceObserver(list => list.getEntries().forEach(entry => { window.shift += entry.value; }))
        .observe({ type: "layout-shift", buffered: true });
"""
# Three tiles of two seconds, red, green and blue.
STORYBOARD = "WEBVTT\n\n" + "\n".join(
    f"00:00:{2 * tile:02}.000 --> 00:00:{2 * tile + 2:02}.000\nsheet-001.jpg#xywh={160 * tile},0,160,90\n"
    for tile in range(3)
)
CAPTIONS = "WEBVTT\n\n00:00:00.000 --> 00:00:06.000\nBà con diêm dân ra đồng từ sáng sớm\n"


def full_clip(name: str, **changes: Any) -> Any:
    """A ready clip with all that the player can show."""
    captions = [
        {"language": "vi", "label": "Tiếng Việt", "kind": "captions", "url": f"{samples.VERSION}/captions/vi.vtt"},
        {"language": "en", "label": "English", "kind": "subtitles", "url": f"{samples.VERSION}/captions/vi.vtt"},
    ]
    storyboard = {
        "vtt": f"{samples.VERSION}/storyboard/storyboard.vtt",
        "images": [f"{samples.VERSION}/storyboard/sheet-001.jpg"],
        "interval_s": 2.0,
    }
    poster = {
        "url": f"{samples.VERSION}/poster.jpg",
        "width": 640,
        "height": 360,
        "time_s": 1.0,
        "thumbhash": "1QcSHQRnh493V4dIh4eXh1h4kJUI",
    }
    facts = {"captions": captions, "storyboard": storyboard, "poster": poster, "sound": [], **changes}
    return samples.ready_clip(name, **facts)


def publish_extras(store: ObjectStore, bucket: str, name: str, folder: Path) -> None:
    """The storyboard and captions that `full_clip` names."""
    sheet = folder / "sheet-001.jpg"
    colours = "color=red:s=160x90[a];color=lime:s=160x90[b];color=blue:s=160x90[c];[a][b][c]hstack=3"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y", "-filter_complex", colours]
    subprocess.run([*command, "-frames:v", "1", str(sheet)], check=True, timeout=60)
    prefix = keys.version_prefix(name, samples.VERSION)
    store.put(bucket, f"{prefix}storyboard/storyboard.vtt", STORYBOARD.encode(), content_type="text/vtt")
    store.put(bucket, f"{prefix}storyboard/sheet-001.jpg", sheet.read_bytes(), content_type="image/jpeg")
    store.put(bucket, f"{prefix}captions/vi.vtt", CAPTIONS.encode(), content_type="text/vtt; charset=utf-8")


@pytest.fixture(scope="module")
def browser(launch_chromium: Callable[..., Browser]) -> Browser:
    """Chromium as it comes."""
    return launch_chromium()


@pytest.fixture(scope="module", autouse=True)
def _published(store: ObjectStore, buckets: Buckets, tmp_path_factory: pytest.TempPathFactory) -> None:
    # A busy machine may need longer than the usual 5 s.
    expect.set_options(timeout=20_000)
    publish_media(store, buckets.media, NAME, hue=3)
    publish_extras(store, buckets.media, NAME, tmp_path_factory.mktemp("extras"))
    samples.publish(store, buckets.media, full_clip(NAME))


@pytest.fixture(scope="module")
def hls_js(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of hls.js, from the package registry."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on this machine: it fetches hls.js")
    folder = tmp_path_factory.mktemp("hls")
    command = [npm, "pack", "hls.js@1", "--silent"]
    packed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if packed.returncode:
        pytest.skip(f"npm can't fetch hls.js: {packed.stderr[-200:]}")
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        member = archive.extractfile("package/dist/hls.min.js")
        assert member is not None
        return member.read().decode()


def picture(page: Page, name: str) -> None:
    """Keep a screenshot where NEWSREEL_SCREENSHOTS says, for a person's eye."""
    if folder := os.environ.get("NEWSREEL_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def until(found: Callable[[], object], *, timeout_s: float = 30) -> None:
    """Wait until it is so, asking from outside: the pages' policy lets nothing be evaluated again and again inside."""
    deadline = time.monotonic() + timeout_s
    while not found():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def time_of(page: Page) -> float:
    return float(page.locator("video").evaluate("video => video.currentTime"))


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


@contextmanager
def opened(browser: Browser, gateway: str, name: str = NAME, lang: str = "en", **options: object) -> Iterator[Page]:
    with watched(browser, gateway, **options) as page:
        page.goto(f"{gateway}/embed/{name}?lang={lang}")
        yield page


def begin(page: Page) -> None:
    """Click the poster, and wait until the clip runs."""
    page.locator("newsreel-clip .start").click()
    until(lambda: time_of(page) > 0.2)


def pause(page: Page) -> None:
    page.locator("video").evaluate("video => video.pause()")


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
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
