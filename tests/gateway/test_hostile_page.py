"""Hostile words in a real Chromium: wherever they stand, a page runs none of them, asks no other host, and shows them.

Each page is opened twice: as it is served, and with its Content Security Policy switched off, so that the escaping is
seen to hold alone. The page's own faults fail the test too, which is how a policy that had to step in would show.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tasks.adapters.changes import REBUILD
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import ObjectStore
from tasks.pipeline import feeds
from tasks.pipeline.ingest import ingest
from tasks.pipeline.link import link
from tasks.pipeline.services import Services
from tasks.records import keys
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.browser import publish_media, watched

pytestmark = pytest.mark.browser

FOREIGN = "http://foreign.example"
SCRIPTS = (
    "<script>canary()</script>",
    "</script><script>canary()</script>",
    "</title></textarea></style></noscript><script>canary()</script>",
    "<img src=x onerror=canary()>",
    "<svg onload=canary()><script>canary()</script><animate onbegin=canary() attributeName=x></svg>",
    '<math><mtext></p><a xlink:href="javascript:canary()">',
    '"><img src=x onerror="canary()">',
    "' autofocus tabindex=1 onfocus='canary()",
    "javascript:canary()",
    "<iframe srcdoc='<script>parent.canary()</script>'>",
    "<object data='javascript:canary()'>",
    "<template><script>canary()</script></template><video><source onerror=canary()>",
    "<!--><script>canary()</script>-->",
    "\u2028canary()\u2029//",
    "{{ canary() }}{% raw %}${canary()}",
)
URLS = (
    f"<img src={FOREIGN}/i.png>",
    f"<link rel=stylesheet href={FOREIGN}/s.css>",
    f"<style>@import '{FOREIGN}/s.css'; *{{background:url({FOREIGN}/b.png)}}</style>",
    f'x" style="background:url({FOREIGN}/b.png)',
    f"<base href={FOREIGN}/>",
    f"<meta http-equiv=refresh content='0;url={FOREIGN}/'>",
    f"<form action={FOREIGN}><button autofocus>",
)
EVIL = " ".join((*SCRIPTS, *URLS))
# What is left of a name where no slash may stand.
NAME = "\"><svg onload=canary()>&amp;<a href='javascript:canary()'>%27{{1}}"
UPLOAD = (
    f"<html><head><title>{escape(EVIL)}</title><script>canary()</script>"
    f"<style>@import '{FOREIGN}/a.css';</style></head>"
    f"<body onload=canary()><h1>Words {SCRIPTS[3]}</h1><p>Đoạn một <b onmouseover=canary()>đậm</b> {escape(EVIL)}</p>"
    f"<p>Đoạn hai {SCRIPTS[0]} {SCRIPTS[3]} <svg onload=canary()><script>canary()</script></svg></p>"
    f'<p><a href="javascript:canary()">a link</a> <img src="{FOREIGN}/i.png"></p><p>Video: {NAME}.mp4</p>'
    "<p>&lt;script&gt;canary()&lt;/script&gt; đoạn cuối</p></body></html>"
)


@pytest.fixture(scope="module", autouse=True)
def _published(services: Services, store: ObjectStore, buckets: Buckets) -> None:
    publish_media(store, buckets.media, NAME)
    track = f"{samples.VERSION}/captions.vtt"
    cue = f"WEBVTT\n\n00:00.000 --> 00:06.000\n<c.x onclick=canary()>{SCRIPTS[3]}</c> {SCRIPTS[0]}\n"
    store.put(buckets.media, f"{keys.CLIPS}{NAME}/{track}", cue.encode(), content_type="text/vtt")
    told = {"code": "x", "message": EVIL, "detail": EVIL}
    captions = {"language": EVIL, "label": EVIL, "kind": "subtitles", "url": track, "is_default": True}
    clip = samples.ready_clip(
        NAME,
        slug=EVIL,
        failure=told,
        warnings=[{"code": "x", "message": EVIL}],
        captions=[captions, {**captions, "is_default": False, "label": "other"}],
        links=[{"article": "hostile", "paragraph": "p1"}],
    )
    failed = samples.clip("failed", state="failed", failure={**told, "code": "unheard_of"})
    names = {NAME: "ready", "failed": "failed"}
    shown = [
        {"name": name, "state": state, "title": EVIL, "record": samples.reference_to(name)}
        for name, state in names.items()
    ]
    missing = {"name": EVIL, "paragraph": "p2", "state": "ambiguous", "message": EVIL, "suggestions": [EVIL, NAME]}
    article = samples.article(
        "hostile",
        title=EVIL,
        lede=EVIL,
        byline=EVIL,
        keywords=[EVIL, NAME],
        published_at=utc_now().isoformat(),
        updated_at=utc_now(),
        state="waiting",
        warnings=[{"code": "x", "message": EVIL}],
        paragraphs=[
            {"id": "p1", "kind": "body", "text": EVIL, "clips": shown},
            {"id": "p2", "kind": "heading", "text": EVIL},
            {"id": "p3", "kind": "caption", "text": EVIL},
        ],
        references=[missing, *({"name": name, "paragraph": "p1", "state": "linked"} for name in names)],
    )
    unread = samples.article("unread", title=EVIL, state="failed", failure=told, published_at=EVIL)
    samples.publish(store, buckets.media, clip, failed, article, unread)
    store.put(buckets.incoming, "articles/uploaded.html", UPLOAD.encode(), content_type="text/html")
    ingest(services, "articles/uploaded.html")
    link(services, "uploaded")
    feeds.publish(services, REBUILD)


@pytest.fixture(scope="module")
def browser(launch_chromium: Callable[..., Browser]) -> Browser:
    """Chromium as it comes."""
    return launch_chromium()


@pytest.fixture(params=[False, True], ids=["as served", "without its policy"])
def opened(browser: Browser, gateway: str, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Page]]:
    """Opens a page with a canary in every frame, which at the end has not sung."""
    with watched(browser, gateway, bypass_csp=request.param, locale="en-GB") as page:
        page.add_init_script("window.canary = () => { window.top.sung = true; }")
        page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))

        def open_page(path: str) -> Page:
            page.goto(f"{gateway}{path}", wait_until="load")
            return page

        yield open_page
        assert still_silent(page)


def still_silent(page: Page) -> bool:
    """Whether nothing hostile ran or could: no canary, no handler, no address that is a script, no foreign element."""
    found: dict[str, Any] = page.evaluate(
        """async () => {
            const everything = [];
            const walk = root => { for (const each of root.querySelectorAll("*")) {
                everything.push(each); if (each.shadowRoot) walk(each.shadowRoot); } };
            walk(document);
            for (const each of everything) {
                for (const kind of ["mouseover", "focus"]) each.dispatchEvent(new Event(kind));
            }
            await new Promise(resolve => setTimeout(resolve, 200));
            const attributes = everything.flatMap(each => [...each.attributes]);
            return {
                sung: Boolean(window.sung),
                handlers: attributes.filter(each => /^on/i.test(each.name)).map(each => each.name),
                scripts: attributes.filter(each => /^(href|src|action|data|poster|.*:href)$/i.test(each.name)
                    && /^\\s*(javascript|vbscript|data:text)/i.test(each.value)).map(each => each.value),
                elements: everything.filter(each => each.matches("iframe, object, embed, base, math, style:not(:empty)")
                    && each.getRootNode() === document).map(each => each.tagName),
            };
        }"""
    )
    assert found == {"sung": False, "handlers": [], "scripts": [], "elements": []}
    return True


def picture(page: Page, name: str) -> None:
    """Keep a screenshot where NEWSREEL_SCREENSHOTS says, for a person's eye."""
    if folder := os.environ.get("NEWSREEL_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_a_story_shows_every_hostile_word_as_text(opened: Callable[[str], Page]) -> None:
    page = opened("/stories/hostile")
    text = page.locator("article.story").text_content() or ""
    for payload in (*SCRIPTS, *URLS):
        assert text.count(payload.strip()) >= 5, payload
    block = page.locator('script[type="application/ld+json"]').text_content() or ""
    assert page.evaluate("text => JSON.parse(text).headline", block) == EVIL
    picture(page, "hostile-story")


def test_a_hostile_clip_plays_and_its_menu_is_text(opened: Callable[[str], Page]) -> None:
    page = opened("/stories/hostile")
    page.wait_for_function("customElements.get('newsreel-clip') !== undefined")
    player = page.locator("newsreel-clip").first
    player.scroll_into_view_if_needed()
    player.get_by_role("button").first.click()
    expect(player.locator("video")).to_have_js_property("paused", value=False, timeout=30_000)
    still_silent(page)


def test_a_hostile_upload_is_read_into_text(opened: Callable[[str], Page]) -> None:
    page = opened("/stories/uploaded")
    expect(page.locator("article.story")).to_contain_text("đoạn cuối")
    expect(page.locator("article.story")).to_contain_text("<script>canary()</script>")
    assert page.locator("article.story a[href*='javascript'], article.story img[src*='foreign']").count() == 0


@pytest.mark.parametrize("path", ["/", "/stories/unread", "/desk", f"/embed/{quote(NAME, safe='')}"])
def test_no_other_page_runs_them_either(opened: Callable[[str], Page], path: str) -> None:
    page = opened(path)
    if path == "/desk":
        expect(page.locator(".card").filter(has_text="canary()").first).to_be_visible()
    picture(page, f"hostile-{path.strip('/').partition('/')[0] or 'list'}")


def test_the_canary_would_sing(browser: Browser, gateway: str) -> None:
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.add_init_script("window.canary = () => { window.top.sung = true; }")
    page.route(f"{gateway}/trap", lambda route: route.fulfill(body=f"<p>{SCRIPTS[3]}", content_type="text/html"))
    page.goto(f"{gateway}/trap")
    page.wait_for_function("window.sung")
    with pytest.raises(AssertionError):
        still_silent(page)
    context.close()
