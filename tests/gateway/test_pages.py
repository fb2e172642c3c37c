"""The pages as HTML: escaped, with safe headers, from this host alone."""

from __future__ import annotations

import re
import time
from urllib.parse import quote

import httpx
import pytest

from tasks.adapters.object_store import ObjectStore
from tests.conftest import Buckets
from tests.gateway import samples

# Where the settings say that the gateway is; what is read elsewhere names it.
SITE = "http://127.0.0.1:8080"
EVIL = '<script>alert("1")</script><img src=x onerror=alert(2)>'


@pytest.fixture(scope="module", autouse=True)
def _published(store: ObjectStore, buckets: Buckets) -> None:
    name = 'a"b <i>.x'
    evil = samples.article(
        "evil",
        title=EVIL,
        published_at=EVIL,
        byline=EVIL,
        keywords=[EVIL],
        state="waiting",
        lede=EVIL,
        paragraphs=[
            {
                "id": "p1",
                "kind": "body",
                "text": EVIL,
                "clips": [{"name": name, "state": "ready", "record": samples.reference_to(name)}],
            },
            {"id": "p2", "kind": "heading", "text": EVIL},
        ],
        references=[{"name": EVIL, "paragraph": "p2", "state": "ambiguous", "message": EVIL, "suggestions": [EVIL]}],
        warnings=[{"code": "x", "message": EVIL}],
    )
    records = [
        evil,
        samples.ready_clip(name, failure={"code": "x", "message": EVIL}),
        samples.article("old", title="Tin cũ", published_at="2019-01-01T08:00:00+07:00"),
        samples.article("Đê biển/1".replace("/", " "), title="Tin mới", published_at="2026-05-01T08:00:00+07:00"),
    ]
    samples.publish(store, buckets.media, *records)


@pytest.mark.parametrize("path", ["/", "/stories/evil"])
def test_no_text_of_an_article_becomes_markup(http: httpx.Client, path: str) -> None:
    page = http.get(path)
    assert page.status_code == 200
    assert "&lt;script&gt;alert(" in page.text
    assert "<script>" not in page.text
    assert "<img src=x" not in page.text
    assert "<i>" not in page.text


@pytest.mark.parametrize("path", ["/", "/stories/evil", "/docs", "/stories/nothing"])
def test_pages_allow_only_what_is_ours(http: httpx.Client, path: str) -> None:
    page = http.get(path)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    # No inline script or style, and no other host; a data block is not run.
    assert re.findall(r"<script(?![^>]* src=)(?! type=\"application/ld\+json\">)", page.text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=[\"']", page.text) == []
    for url in re.findall(r"""(?:src|href|poster|action)=["']([^"']+)""", page.text):
        assert url.startswith(("/", "#", f"{SITE}/stories/", f"{SITE}/oembed?")), url


def test_every_file_that_a_page_names_is_served(http: httpx.Client) -> None:
    for path in ("/", "/stories/evil", "/docs"):
        for url in re.findall(r"""(?:src|href)=["'](/static/[^"']+)""", http.get(path).text):
            assert http.get(url).status_code == 200, url


def test_stories_are_listed_the_newest_first_and_linked(http: httpx.Client) -> None:
    page = http.get("/").text
    assert page.index("Tin mới") < page.index("Tin cũ")
    assert "Thứ Sáu, 1/5/2026, 08:00" in page
    link = f"/stories/{quote('Đê biển 1')}"
    assert f'href="{link}"' in page
    assert "Tin mới" in http.get(link).text


def test_the_list_follows_a_story_that_changed(http: httpx.Client, store: ObjectStore, buckets: Buckets) -> None:
    samples.publish(store, buckets.media, samples.article("changing", title="Bản nháp"))
    assert "Bản nháp" in list_with(http, "Bản nháp")
    samples.publish(store, buckets.media, samples.article("changing", title="Bản chính"))
    assert "Bản nháp" not in list_with(http, "Bản chính")


def list_with(http: httpx.Client, title: str) -> str:
    """The list of stories, as soon as that title stands in it: it may be a second old."""
    deadline = time.monotonic() + 30
    while title not in (page := http.get("/").text):
        assert time.monotonic() < deadline, title
        time.sleep(0.1)
    return page


def test_a_story_that_is_not_there_is_a_page_of_404(http: httpx.Client) -> None:
    for path in ("/stories/nothing", "/stories/%2e%2e", "/stories/a%00"):
        page = http.get(path)
        assert page.status_code == 404
        assert page.headers["Content-Type"].startswith("text/html")
        assert 'href="/"' in page.text


def test_a_story_is_marked_as_vietnamese_and_names_its_record(http: httpx.Client) -> None:
    page = http.get("/stories/old").text
    assert '<article class="story" lang="vi"' in page
    assert '<link rel="alternate" type="application/json" href="/media/articles/old/article.json">' in page


def test_a_long_lede_is_told_once_and_else_in_short(http: httpx.Client, store: ObjectStore, buckets: Buckets) -> None:
    long = "muối " * 40_000
    paragraph = {"id": "p1", "kind": "body", "text": long}
    samples.publish(store, buckets.media, samples.article("long", lede=long, paragraphs=[paragraph]))
    page = http.get("/stories/long")
    assert page.text.count(long) == 1
    assert len(page.text) < len(long) + 20_000
    assert '<meta name="description" content="muối muối' in page.text
