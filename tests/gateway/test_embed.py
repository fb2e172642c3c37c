"""Embedding and syndication over HTTP: the frame's page, oEmbed, data for search engines, sitemaps and the feed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from lxml import etree

from config.settings import Settings
from tasks.adapters.object_store import ObjectStore
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.conftest import close, serving
from workers.services import build_services

SITE = "https://news.example"
NAME = "120312_MUỐI 1"
FRAMED = f"{SITE}/embed/{quote(NAME)}"
VIDEO = {"v": "http://www.google.com/schemas/sitemap-video/1.1", "s": "http://www.sitemaps.org/schemas/sitemap/0.9"}
MEDIA = {"media": "http://search.yahoo.com/mrss/", "atom": "http://www.w3.org/2005/Atom"}


@pytest.fixture(scope="module", autouse=True)
def _published(store: ObjectStore, buckets: Buckets) -> None:
    shown = {"name": NAME, "state": "ready", "record": samples.reference_to(NAME), "title": "Lưu Thị Ngần"}
    missing = {"name": "LATE", "state": "processing", "record": samples.reference_to("LATE")}
    paragraph = {"id": "p1", "kind": "body", "text": "Sáng nay, bà con ra đồng.", "clips": [shown, missing]}
    clip = samples.ready_clip(NAME, links=[{"article": "muối", "paragraph": "p1"}])
    article = samples.article("muối", paragraphs=[paragraph], title='Vụ muối "mới" <b>')
    samples.publish(store, buckets.media, clip, samples.clip("LATE"), article, samples.article("no-clips"))


@pytest.fixture(scope="module")
def http(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a gateway whose public address is another one."""
    services = build_services(
        settings.model_copy(update={"gateway_url": f"{SITE}/", "embed_origins": ("https://a.b",)})
    )
    with serving(services) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client
    close(services)


def test_the_frames_page_may_be_framed_by_the_sites_in_the_settings_alone(http: httpx.Client) -> None:
    page = http.get(f"/embed/{quote(NAME)}")
    assert page.status_code == 200
    assert "frame-ancestors https://a.b" in page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in page.headers
    assert re.findall(r"<style|\sstyle=|\son\w+=[\"']", page.text) == []
    assert "<b>" not in page.text


def test_a_clip_that_has_not_come_has_its_page_already(http: httpx.Client) -> None:
    page = http.get("/embed/NEVER")
    assert page.status_code == 404
    assert '<newsreel-clip fill record="/media/clips/NEVER/clip.json"' in page.text
    assert http.get("/embed/%2e%2e").status_code == 404


@pytest.mark.parametrize("path", [f"/embed/{quote(NAME)}", f"/stories/{quote('muối')}"])
def test_a_page_tells_search_engines_and_social_sites_of_its_clip(http: httpx.Client, path: str) -> None:
    page = http.get(path).text
    block = re.search(r'<script type="application/ld\+json">(.*?)</script>', page)
    assert block is not None
    facts = json.loads(block[1])
    video = facts["video"][0] if "video" in facts else facts
    assert video["name"] == 'Lưu Thị Ngần: Vụ muối "mới" <b>'
    assert video["embedUrl"] == FRAMED
    assert video["contentUrl"].startswith(f"{SITE}/media/clips/")
    assert f'<meta property="og:video" content="{FRAMED}">' in page
    assert '<meta name="twitter:card" content="player">' in page
    found = re.search(r'<link rel="alternate" type="application/json\+oembed" href="([^"]+)"', page)
    assert found is not None
    assert http.get(found[1].replace("&amp;", "&").removeprefix(SITE)).json()["type"] == "video"


@pytest.mark.parametrize("url", [FRAMED, f"{SITE}/stories/{quote('muối')}"])
def test_oembed_gives_a_frame_no_larger_than_asked(http: httpx.Client, url: str) -> None:
    answer = http.get("/oembed", params={"url": url, "maxwidth": 320, "format": "json"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    told = answer.json()
    assert (told["version"], told["type"], told["width"], told["height"]) == ("1.0", "video", 320, 180)
    assert f'<iframe src="{FRAMED}" width="320" height="180" title="Lưu Thị Ngần: Vụ muối &quot;mới' in told["html"]
    assert told["thumbnail_url"].endswith("/poster.jpg")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"url": FRAMED, "format": "xml"}, 501),
        ({"url": "https://other.example/embed/A"}, 404),
        ({"url": f"{SITE}/embed/NEVER"}, 404),
        ({"url": f"{SITE}/stories/no-clips"}, 404),
        ({"url": FRAMED, "maxwidth": 0}, 422),
        ({}, 422),
    ],
)
def test_oembed_refuses_what_it_can_not_answer(http: httpx.Client, asked: dict[str, str], status: int) -> None:
    assert http.get("/oembed", params=asked).status_code == status


def test_the_sitemap_lists_each_clip_that_is_ready_under_its_story(http: httpx.Client) -> None:
    root = etree.fromstring(http.get("/sitemap-video.xml").content)
    (page,) = root.findall("s:sitemap/s:loc", VIDEO)
    answer = http.get(page.text.removeprefix(SITE))
    assert answer.headers["Content-Type"].startswith("application/xml")
    (url,) = etree.fromstring(answer.content).findall("s:url", VIDEO)
    assert url.find("s:loc", VIDEO).text == f"{SITE}/stories/{quote('muối')}"
    (video,) = url.findall("v:video", VIDEO)
    # In the order in which the extension's schema has them.
    assert [etree.QName(each).localname for each in video] == (
        "thumbnail_loc title description content_loc player_loc duration publication_date".split()
    )
    assert video.find("v:duration", VIDEO).text == "6"
    assert http.get("/sitemap-video-2.xml").status_code == 404


def test_the_feed_has_each_clips_file_picture_and_player(http: httpx.Client) -> None:
    answer = http.get("/feeds/media.rss")
    assert answer.headers["Content-Type"].startswith("application/rss+xml")
    channel = etree.fromstring(answer.content).find("channel")
    assert all(channel.find(name) is not None for name in ("title", "link", "description"))
    assert channel.find("atom:link", MEDIA).get("href") == f"{SITE}/feeds/media.rss"
    (item,) = channel.findall("item")
    assert item.find("guid").text == FRAMED
    content = item.find("media:content", MEDIA)
    assert (content.get("type"), content.get("fileSize"), content.get("bitrate")) == ("video/mp4", "100000", "300")
    assert content.find("media:player", MEDIA).get("url") == FRAMED
    again = http.get("/feeds/media.rss", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_the_component_may_be_used_by_other_sites_and_is_never_of_two_releases(http: httpx.Client) -> None:
    page = http.get(f"/embed/{quote(NAME)}").text
    modules = re.findall(r'(?:src|href)="(/static/newsreel-clip[^"]+\.js)"', page)
    assert len(modules) > 10
    for module in modules:
        answer = http.get(module, headers={"Origin": "https://portal.example"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*", module
        assert answer.headers["Cache-Control"] == "no-cache"
        # Nothing but our own files, and nothing that a strict policy forbids.
        assert all(each.startswith("./") for each in re.findall(r'from "([^"]+)"', answer.text))
        assert not re.search(r"\beval\(|new Function|innerHTML|cssText", answer.text), module
