"""What is told of clips to search engines, social sites and CMSes: pure, from records alone."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from lxml import etree

from tests.gateway import samples
from workers.web import oembed
from workers.web.linked_data import data_block, iso_duration, news_article, video_object
from workers.web.media_rss import media_rss
from workers.web.sharing import SharedClip, shared_alone, shared_clips
from workers.web.video_sitemap import sitemap

SITE = "https://news.example"
NAME = "120312_MUỐI 1"
EVIL = "</script><script>alert(1)</script>&\u2028"


def story(*names: str, **changes: Any) -> Any:
    clips = [{"name": name, "state": "ready", "record": samples.reference_to(name)} for name in names]
    clips[0]["title"] = "Lưu Thị Ngần"
    paragraph = {"id": "p1", "kind": "body", "text": "Sáng nay, bà con ra đồng. " * 30, "clips": clips}
    return samples.article("muối", **{"paragraphs": [paragraph], "byline": "Hải Miên", **changes})


def shared(*names: str, **changes: Any) -> tuple[SharedClip, ...]:
    records = {name: samples.ready_clip(name, timings={"uploaded_at": samples.NOW}) for name in names}
    return shared_clips(story(*names, **changes), records, SITE)


def test_a_clip_is_told_under_the_title_and_words_of_its_story() -> None:
    first, second = shared(NAME, "B")
    assert first.title == "Lưu Thị Ngần: Làng nghề ven biển vào vụ muối mới"
    assert second.title == "Làng nghề ven biển vào vụ muối mới (2)"
    assert first.description.startswith("Sáng nay, bà con ra đồng. Sáng nay")
    assert len(first.description) <= 300
    assert first.page_url == "https://news.example/stories/mu%E1%BB%91i#p1"
    assert first.embed_url == "https://news.example/embed/120312_MU%E1%BB%90I%201"
    assert first.mp4_url == f"https://news.example/media/clips/120312_MU%E1%BB%90I%201/{samples.VERSION}/mp4/video.mp4"


@pytest.mark.parametrize("state", ["received", "processing", "failed", "withdrawn"])
def test_a_clip_that_cannot_be_watched_is_told_nobody(state: str) -> None:
    record = samples.ready_clip(NAME, state=state)
    assert shared_clips(story(NAME), {NAME: record}, SITE) == ()
    assert shared_alone(record, None, SITE) is None


def test_a_withdrawn_story_tells_nothing_of_its_clips() -> None:
    assert shared(NAME, state="withdrawn") == ()


def test_a_clip_without_a_story_is_told_by_its_name() -> None:
    alone = shared_alone(samples.ready_clip(NAME), None, SITE)
    assert alone is not None
    assert (alone.title, alone.page_url) == (NAME, alone.embed_url)


def test_the_video_object_has_what_search_engines_ask_for() -> None:
    told = video_object(shared(NAME)[0])
    assert told["@type"] == "VideoObject"
    # Google's required and recommended properties.
    for name in ("name", "description", "thumbnailUrl", "uploadDate", "duration", "contentUrl", "embedUrl"):
        assert told[name], name
    assert told["duration"] == "PT6S"
    assert told["uploadDate"] == "2026-03-12T11:00:30+00:00"


@pytest.mark.parametrize(
    ("duration_s", "words"), [(0.2, "PT1S"), (75.4, "PT1M15S"), (60, "PT1M"), (3600, "PT1H"), (7325, "PT2H2M5S")]
)
def test_durations_are_written_in_iso_8601(duration_s: float, words: str) -> None:
    assert iso_duration(duration_s) == words


def test_a_data_block_can_not_be_left_by_any_text() -> None:
    article = story(NAME, title=EVIL, lede=EVIL)
    block = data_block(news_article(article, shared(NAME, title=EVIL), SITE))
    assert not re.search("[<>&\u2028]", block)
    assert json.loads(block)["headline"] == EVIL


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://news.example/embed/A%20B", ("embed", "A B")),
        ("https://NEWS.example/stories/mu%E1%BB%91i?x=1#p1", ("stories", "muối")),
        ("https://news.example/embed/", None),
        ("https://news.example/embed/a/b", None),
        ("https://news.example/docs", None),
        ("https://other.example/embed/A", None),
        ("http://news.example/embed/A", None),
        ("https://news.example.evil/embed/A", None),
        ("embed/A", None),
    ],
)
def test_only_our_own_pages_have_a_frame(url: str, found: tuple[str, str] | None) -> None:
    assert oembed.subject(SITE, url) == found


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ((None, None), (640, 360)),
        ((320, None), (320, 180)),
        ((None, 90), (160, 90)),
        ((320, 90), (160, 90)),
        ((4000, 4000), (640, 360)),
    ],
)
def test_a_frame_keeps_the_shape_and_is_no_larger_than_asked(
    asked: tuple[int | None, int | None], size: tuple[int, int]
) -> None:
    told = oembed.answer(samples.ready_clip(NAME), None, SITE, max_width=asked[0], max_height=asked[1])
    assert (told["width"], told["height"]) == size
    assert f'width="{size[0]}" height="{size[1]}"' in told["html"]


def test_a_title_can_not_leave_its_attribute() -> None:
    evil = '"><script>x</script>'
    told = oembed.frame("https://news.example/embed/A", evil, 1, 1)
    assert "<script" not in told
    assert html.escape(evil) in told


def test_the_feed_and_the_sitemap_are_well_formed_whatever_the_text() -> None:
    clips = shared(NAME, "B", title=EVIL + "\x00\x0b ]]>")
    channel = etree.fromstring(media_rss(clips, SITE)).find("channel")
    assert channel is not None
    assert len(channel.findall("item")) == 2
    assert len(etree.fromstring(sitemap(clips))) == 1
