"""The story page in a real Chromium: posters, playing, changes that show by themselves, and a phone's width."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tasks.adapters.object_store import ObjectStore
from tasks.records.article_record import ArticleRecord
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.browser import publish_media, watched
from workers.web.story import HLS_TYPE

pytestmark = pytest.mark.browser

NAMES = ("120312_MUOI1", "120312_MUOI2", "120312_Ruộng muối Đê 3")

TEXTS = [
    (
        "body",
        "Sáng nay, bà con diêm dân xã ven biển đồng loạt ra đồng, mở đầu vụ muối mới sau hơn ba tháng nghỉ mưa. "
        "Năm nay thời tiết thuận, nắng đến sớm, ai cũng mong một vụ được mùa.",
    ),
    ("caption", "Bà con diêm dân san ô muối trong buổi sáng đầu vụ"),
    (
        "body",
        "Theo hợp tác xã, toàn vùng có gần một trăm héc-ta ruộng muối được cải tạo, lót bạt lại từ cuối tháng trước. "
        "Cách làm này giúp muối kết tinh trắng hơn, ít lẫn cát và rút ngắn được hai ngày phơi nước cho mỗi lứa.",
    ),
    (
        "body",
        "Bác Lưu Thị Ngần, người đã gắn bó bốn mươi năm với nghề, cho biết giá thu mua đầu vụ đang nhỉnh hơn năm "
        "ngoái. Nếu giữ được mức này đến giữa năm, mỗi sào ruộng có thể cho thu nhập gấp rưỡi so với vụ trước.",
    ),
    ("heading", "Đưa hạt muối lên sàn"),
    (
        "body",
        "Cùng với bán cho thương lái, hợp tác xã bắt đầu đóng gói muối hạt sạch để bán qua mạng. Lô hàng thử nghiệm "
        "đầu tiên gồm năm trăm gói đã có người đặt hết chỉ sau một tuần.",
    ),
    ("body", "Trong tháng tới, xã sẽ mở lớp hướng dẫn kỹ thuật phơi muối trên bạt cho những hộ mới vào nghề."),
]


def salt_story(article_id: str, *names: str, state: str = "complete", waiting: tuple[str, ...] = ()) -> ArticleRecord:
    """An article of seven blocks, with the clips under the third, fourth and sixth, and references that wait."""
    under = {3: names[0:1], 4: names[1:2], 6: names[2:]}
    paragraphs = [
        {
            "id": f"p{number}",
            "kind": kind,
            "text": text,
            "clips": [
                {"name": name, "state": "ready", "record": samples.reference_to(name)} for name in under.get(number, ())
            ],
        }
        for number, (kind, text) in enumerate(TEXTS, 1)
    ]
    linked = [
        {"name": name, "paragraph": f"p{number}", "state": "linked"} for number, each in under.items() for name in each
    ]
    missing = [
        {
            "name": name,
            "paragraph": "p7",
            "state": "waiting",
            "message": f"No upload named {name} has arrived yet.",
        }
        for name in waiting
    ]
    return samples.article(
        article_id,
        title="Diêm dân ven biển vào vụ muối mới với nhiều kỳ vọng được mùa, được giá",
        lede=TEXTS[0][1],
        byline="Hải Miên",
        keywords=["nghề muối", "diêm dân", "ven biển"],
        state=state,
        paragraphs=paragraphs,
        references=linked + missing,
    )


@pytest.fixture(scope="module")
def browser(launch_chromium: Callable[..., Browser]) -> Browser:
    """Chromium as it comes."""
    return launch_chromium()


@pytest.fixture(scope="module", autouse=True)
def _published(store: ObjectStore, buckets: Buckets) -> None:
    for hue, name in enumerate(NAMES):
        publish_media(store, buckets.media, name, hue=hue + 3)
    samples.publish(store, buckets.media, *(samples.ready_clip(name) for name in NAMES), salt_story("muối", *NAMES))


def picture(page: Page, name: str) -> None:
    """Keep a screenshot of the whole page where NEWSREEL_SCREENSHOTS says, for a person's eye."""
    if folder := os.environ.get("NEWSREEL_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def play(page: Page, index: int) -> None:
    """Click the poster as a reader does, and wait until the clip's time advances."""
    clip = page.locator("newsreel-clip").nth(index)
    clip.scroll_into_view_if_needed()
    clip.locator(".start").click()
    deadline = time.monotonic() + 30
    while clip.locator("video").evaluate("video => video.currentTime") < 0.5:
        assert time.monotonic() < deadline, "it does not play"
        time.sleep(0.05)


def test_posters_are_shown_before_play(browser: Browser, gateway: str) -> None:
    with watched(browser, gateway, viewport={"width": 1280, "height": 900}) as page:
        media: list[str] = []
        page.on("request", lambda request: media.append(request.url) if request.resource_type == "media" else None)
        page.goto(f"{gateway}/stories/muối", wait_until="networkidle")
        assert page.title() == "Diêm dân ven biển vào vụ muối mới với nhiều kỳ vọng được mùa, được giá · newsreel"
        expect(page.locator("newsreel-clip")).to_have_count(3)
        for index in range(3):
            # A clip far down the page is fetched when it is near.
            page.locator("newsreel-clip").nth(index).scroll_into_view_if_needed()
            poster = page.locator("newsreel-clip").nth(index).get_by_role("img")
            expect(poster).to_be_visible()
            size = poster.evaluate("async image => (await image.decode(), [image.naturalWidth, image.naturalHeight])")
            assert size == [640, 360]
        assert page.locator("newsreel-clip .start:visible").count() == 3
        # Nothing of the clips themselves is fetched before somebody wants to see one.
        assert media == []
        picture(page, "story-1280")


def test_a_click_plays_each_clip(browser: Browser, gateway: str) -> None:
    with watched(browser, gateway) as page:
        page.goto(f"{gateway}/stories/muối")
        for index in range(3):
            play(page, index)
            video = page.locator("video").nth(index)
            assert video.evaluate("video => [video.videoWidth, video.videoHeight]") == [640, 360]


def without_hls(page: Page) -> None:
    """Make the browser one that says it cannot play HLS."""
    page.add_init_script(
        """const answer = HTMLMediaElement.prototype.canPlayType;
        HTMLMediaElement.prototype.canPlayType = function (type) {
            return type.includes("mpegurl") ? "" : answer.call(this, type);
        };"""
    )


def test_a_browser_that_plays_hls_takes_it(browser: Browser, gateway: str) -> None:
    with watched(browser, gateway) as page:
        page.goto(f"{gateway}/stories/muối")
        if not page.evaluate("type => document.createElement('video').canPlayType(type)", HLS_TYPE):
            pytest.skip("this Chromium cannot play HLS by itself: 142 and later can")
        play(page, 0)
        assert page.locator("video").first.evaluate("video => video.currentSrc").endswith("/hls/master.m3u8")


def test_a_browser_without_hls_takes_the_mp4(browser: Browser, gateway: str) -> None:
    with watched(browser, gateway) as page:
        without_hls(page)
        page.goto(f"{gateway}/stories/muối")
        play(page, 0)
        assert page.locator("video").first.evaluate("video => video.currentSrc").endswith("/mp4/video.mp4")


def test_nothing_moves_while_the_page_loads_and_plays(browser: Browser, gateway: str) -> None:
    with watched(browser, gateway) as page:
        page.add_init_script(
            """window.shift = 0;
            new PerformanceObserver(list => list.getEntries().forEach(entry => { window.shift += entry.value; }))
                .observe({ type: "layout-shift", buffered: true });"""
        )
        page.goto(f"{gateway}/stories/muối", wait_until="networkidle")
        play(page, 0)
        assert page.evaluate("window.shift") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_width_needs_sideways_scrolling(
    browser: Browser, gateway: str, store: ObjectStore, buckets: Buckets, width: int, scheme: str
) -> None:
    states = [
        samples.clip("W1", state="processing", progress=0.42),
        samples.clip(
            "W2",
            state="failed",
            failure={"code": "x", "message": "This file is a text, not a video. Export the clip again and upload it."},
        ),
        samples.clip("W3_" + "LONG_NAME_" * 12),
    ]
    late = ("120312_MUOI9",)
    article = salt_story("states", *(each.name for each in states), state="waiting", waiting=late)
    samples.publish(store, buckets.media, *states, article)
    for path, name in (
        ("/stories/muối", "story"),
        ("/stories/states", "states"),
        ("/", "list"),
        ("/stories/no", "error"),
    ):
        size = {"width": width, "height": 844}
        context = browser.new_context(viewport=size, color_scheme=scheme, is_mobile=width < 500, has_touch=width < 500)
        page = context.new_page()
        page.goto(f"{gateway}{path}", wait_until="networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        picture(page, f"{name}-{width}-{scheme}")
        context.close()


def test_a_clip_becomes_watchable_under_the_readers_eyes(
    browser: Browser, gateway: str, store: ObjectStore, buckets: Buckets
) -> None:
    name = "120312_SOON1"
    publish_media(store, buckets.media, name)
    poster = samples.ready_clip(name).poster
    samples.publish(store, buckets.media, samples.clip(name), salt_story("soon", name, state="waiting"))
    with watched(browser, gateway) as page:
        page.goto(f"{gateway}/stories/soon")
        page.evaluate("window.stayed = true")
        status = page.locator("newsreel-clip").get_by_role("status")
        expect(status).to_have_text("This video will be prepared in a moment")
        samples.publish(store, buckets.media, samples.clip(name, state="processing", progress=0.25))
        expect(status).to_have_text("Being prepared, 25 %", timeout=15_000)
        expect(page.get_by_role("progressbar")).to_have_attribute("value", "25")
        samples.publish(store, buckets.media, samples.clip(name, state="processing", progress=0.5, poster=poster))
        expect(page.locator("newsreel-clip").get_by_role("img")).to_be_visible(timeout=15_000)
        samples.publish(store, buckets.media, samples.ready_clip(name), salt_story("soon", name))
        expect(page.locator("newsreel-clip .start")).to_be_visible(timeout=15_000)
        expect(page.locator("#story-state")).to_have_text("Complete · 1 clip", timeout=15_000)
        play(page, 0)
        assert page.evaluate("window.stayed")


def test_a_clip_that_comes_late_takes_the_place_that_waited_for_it(
    browser: Browser, gateway: str, store: ObjectStore, buckets: Buckets
) -> None:
    late = "120312_LATE"
    publish_media(store, buckets.media, late)
    samples.publish(store, buckets.media, salt_story("late", state="waiting", waiting=(late,)))
    with watched(browser, gateway) as page:
        page.goto(f"{gateway}/stories/late")
        place = page.locator("#clips-p7 .clip")
        expect(place).to_contain_text("No upload named 120312_LATE has arrived yet.")
        linked = salt_story("late").model_dump()
        linked["paragraphs"][6]["clips"] = [{"name": late, "state": "ready", "record": samples.reference_to(late)}]
        linked["references"] = [{"name": late, "paragraph": "p7", "state": "linked"}]
        samples.publish(store, buckets.media, samples.ready_clip(late), ArticleRecord.model_validate(linked))
        expect(place.locator(".start")).to_be_visible(timeout=20_000)
        expect(place).to_have_count(1)
        expect(place).not_to_contain_text("arrived yet")


def test_a_clip_that_is_being_watched_goes_on_while_its_state_changes(
    browser: Browser, gateway: str, store: ObjectStore, buckets: Buckets
) -> None:
    name = "120312_LIVE1"
    publish_media(store, buckets.media, name)
    playable = samples.ready_clip(name, state="playable", progress=0.5)
    samples.publish(store, buckets.media, playable, salt_story("live", name, state="waiting"))
    with watched(browser, gateway) as page:
        page.goto(f"{gateway}/stories/live")
        expect(page.locator(".clip-status")).to_have_text("Being prepared, 50 %; can be watched already")
        play(page, 0)
        video = page.locator("video")
        video.evaluate("video => { video.dataset.mine = 'yes'; }")
        samples.publish(store, buckets.media, samples.ready_clip(name), salt_story("live", name))
        expect(page.locator(".clip-status")).to_have_count(0, timeout=15_000)
        assert video.evaluate("video => video.dataset.mine") == "yes"
        assert video.evaluate("video => video.currentTime") > 0.5


def test_a_player_without_anything_it_can_play_says_so(
    browser: Browser, gateway: str, store: ObjectStore, buckets: Buckets
) -> None:
    name = "120312_HLSONLY"
    publish_media(store, buckets.media, name)
    only_hls = samples.ready_clip(name, state="playable", progress=0.5, mp4=[])
    samples.publish(store, buckets.media, only_hls, salt_story("hls-only", name, state="waiting"))
    with watched(browser, gateway) as page:
        without_hls(page)
        page.goto(f"{gateway}/stories/hls-only")
        status = page.locator("newsreel-clip").get_by_role("status")
        expect(status).to_have_text("This browser can play the video once all of it is prepared")
        samples.publish(store, buckets.media, samples.ready_clip(name), salt_story("hls-only", name))
        expect(status).to_be_hidden(timeout=15_000)
        play(page, 0)


def test_without_a_script_each_clip_has_the_browsers_own_player(browser: Browser, gateway: str) -> None:
    with watched(browser, gateway, java_script_enabled=False) as page:
        page.goto(f"{gateway}/stories/muối")
        expect(page.locator("video[controls]")).to_have_count(3)
        expect(page.locator("video[controls]").first).to_be_visible()
        picture(page, "story-no-script")


def test_an_articles_text_never_runs(browser: Browser, gateway: str, store: ObjectStore, buckets: Buckets) -> None:
    evil = '<script>window.ran = true</script><img src="/static/none" onerror="window.ran = true">'
    article = samples.article("evil", title=evil, paragraphs=[{"id": "p1", "kind": "body", "text": evil}], lede=evil)
    samples.publish(store, buckets.media, article)
    with watched(browser, gateway) as page:
        page.goto(f"{gateway}/stories/evil", wait_until="networkidle")
        expect(page.locator("h1")).to_have_text(evil)
        assert page.evaluate("window.ran") is None


def test_the_apis_documentation_opens_without_another_host(browser: Browser, gateway: str) -> None:
    with watched(browser, gateway) as page:
        page.goto(f"{gateway}/docs", wait_until="networkidle")
        route = page.get_by_role("link", name="/api/v1/clips/{name}", exact=True)
        expect(route).to_be_visible(timeout=30_000)
        route.click()
        expect(page.get_by_text("Try it out").first).to_be_visible()
        picture(page, "docs")
