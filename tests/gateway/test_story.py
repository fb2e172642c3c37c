"""What the story page says of each state: a table over records, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.records.article_record import ArticleRecord
from tasks.records.clip_record import ClipRecord
from tests.gateway import samples
from workers.web.records import Published
from workers.web.story import Figure, Story, clip_figure, date_words, duration_words, story

RECORD_URL = "/media/clips/120312_MUOI1/clip.json"
NAME = "120312_MUOI1"


def figure(clip: ClipRecord | None) -> Figure:
    return clip_figure("p1/x", NAME, RECORD_URL, clip and Published(record=clip, etag="e"))


def told(article: ArticleRecord, *clips: ClipRecord) -> Story:
    return story(Published(record=article, etag="e"), {clip.name: Published(record=clip, etag="e") for clip in clips})


FAILED = {
    "code": "not_a_video",
    "message": "This file is a text, not a video.",
    "detail": "Invalid data",
    "attempts": 1,
}


@pytest.mark.parametrize(
    ("changes", "status", "detail", "percent", "is_final"),
    [
        ({}, "Waiting for its turn", "", None, False),
        ({"retry_at": samples.NOW, "failure": FAILED}, "Will be tried again", FAILED["message"], None, False),
        ({"state": "processing", "progress": 0.429}, "Being prepared, 42 %", "", 42, False),
        ({"state": "playable", "progress": 0.8}, "Being prepared, 80 %; can be watched already", "", 80, False),
        ({"state": "ready", "progress": 1.0}, "", "", None, True),
        ({"state": "failed", "failure": FAILED}, "Could not be prepared", FAILED["message"], None, True),
        ({"state": "withdrawn"}, "Withdrawn", "", None, True),
    ],
)
def test_each_state_is_told_in_words(
    changes: dict[str, Any], status: str, detail: str, percent: int | None, is_final: bool
) -> None:
    shown = figure(samples.clip(NAME, **changes))
    assert (shown.status, shown.detail, shown.percent, shown.is_final) == (status, detail, percent, is_final)


def test_a_clip_without_a_record_is_waited_for() -> None:
    shown = figure(None)
    assert (shown.name, shown.status, shown.is_final) == (NAME, "Waiting for the upload", False)


def test_urls_of_a_record_are_resolved_against_where_it_is() -> None:
    shown = figure(samples.ready_clip(NAME))
    base = f"/media/clips/{NAME}/{samples.VERSION}"
    assert shown.poster == f"{base}/poster.jpg"
    # HLS first: it is for the browser that can play it; the MP4 is for all others.
    assert [(each.url, each.type) for each in shown.sources] == [
        (f"{base}/hls/master.m3u8", "application/vnd.apple.mpegurl"),
        (f"{base}/mp4/video.mp4", "video/mp4"),
    ]


@pytest.mark.parametrize("state", ["received", "processing", "failed", "withdrawn"])
def test_a_clip_that_is_not_published_has_no_player(state: str) -> None:
    assert figure(samples.ready_clip(NAME, state=state)).sources == ()


@pytest.mark.parametrize(
    ("work", "status"),
    [
        ({"state": "processing", "progress": 0.4}, "New version: being prepared, 40 %"),
        ({"state": "failed", "failure": FAILED}, "New version: could not be prepared"),
    ],
)
def test_a_published_clip_keeps_its_player_while_a_newer_upload_is_in_work(work: dict[str, Any], status: str) -> None:
    upcoming = {**samples.clip(NAME).model_dump(), "version": "b" * 16, **work}
    shown = figure(samples.ready_clip(NAME, next=upcoming))
    assert (len(shown.sources), shown.status) == (2, status)


def test_a_figure_looks_different_only_when_something_shown_changes() -> None:
    before = clip_figure("k", NAME, RECORD_URL, Published(record=samples.clip(NAME, progress=0.421), etag="1"))
    heartbeat = clip_figure("k", NAME, RECORD_URL, Published(record=samples.clip(NAME, progress=0.424), etag="2"))
    ready = clip_figure("k", NAME, RECORD_URL, Published(record=samples.ready_clip(NAME), etag="3"))
    assert before.view == heartbeat.view != ready.view


def test_a_reference_without_a_clip_has_its_place_and_its_reason() -> None:
    article = samples.article(
        "a",
        state="waiting",
        references=[
            {"name": "LATE", "paragraph": "p1", "state": "waiting", "message": "No upload named LATE has arrived yet."},
            {"name": "TWO", "paragraph": "p1", "state": "ambiguous", "suggestions": ["two", "Two"]},
            {"name": "EARLY", "paragraph": None, "state": "waiting"},
        ],
    )
    shown = told(article)
    assert [(each.name, each.status) for each in shown.blocks[0].figures] == [
        ("LATE", "Waiting for the upload"),
        ("TWO", "More than one clip could be meant"),
    ]
    assert shown.blocks[0].figures[0].detail == "No upload named LATE has arrived yet."
    assert shown.blocks[0].figures[1].suggestions == ("two", "Two")
    assert [each.name for each in shown.loose] == ["EARLY"]
    assert (shown.summary, shown.is_final) == ("Waiting · 0 of 3 clips can be watched", False)


def test_a_reference_whose_clip_is_shown_has_no_second_place() -> None:
    paragraph = {"id": "p1", "kind": "body", "text": "Chữ.", "clips": [shown_clip("muoi1"), shown_clip("early")]}
    references = [
        {"name": "MUOI1", "paragraph": "p1", "state": "linked"},
        {"name": "EARLY", "paragraph": None, "state": "linked"},
    ]
    shown = told(samples.article("a", paragraphs=[paragraph], references=references), samples.ready_clip("muoi1"))
    assert [each.name for each in shown.blocks[0].figures] == ["muoi1", "early"]
    assert shown.loose == ()
    assert shown.summary == "Complete · 2 clips"


def shown_clip(name: str) -> dict[str, str]:
    return {"name": name, "state": "ready", "record": samples.reference_to(name)}


def test_the_lede_is_the_first_paragraph_of_text() -> None:
    paragraphs = [
        {"id": "p1", "kind": "caption", "text": "Chú thích ảnh"},
        {"id": "p2", "kind": "body", "text": "Mở đầu."},
        {"id": "p3", "kind": "body", "text": "Thân bài."},
        {"id": "p4", "kind": "heading", "text": "Đề mục"},
    ]
    shown = told(samples.article("a", paragraphs=paragraphs, lede="Mở đầu."))
    assert [each.style for each in shown.blocks] == ["caption", "lede", "body", "heading"]


def test_an_article_that_failed_says_why() -> None:
    shown = told(samples.article("a", title="", state="failed", failure=FAILED))
    assert (shown.title, shown.summary, shown.failure) == ("a", "The article could not be read", FAILED["message"])


@pytest.mark.parametrize(
    ("published_at", "words"),
    [
        ("2020-12-03T18:00:30+07:00", "Thứ Năm, 3/12/2020, 18:00"),
        ("2026-03-15T06:05:00+07:00", "Chủ Nhật, 15/3/2026, 06:05"),
        (None, ""),
        ("hôm qua", "hôm qua"),
    ],
)
def test_dates_are_written_as_vietnamese_papers_do(published_at: str | None, words: str) -> None:
    assert date_words(published_at) == words


@pytest.mark.parametrize(
    ("duration_s", "words"),
    [(None, ""), (0.4, "0:00"), (9.6, "0:10"), (75.4, "1:15"), (3599.7, "1:00:00"), (7325, "2:02:05")],
)
def test_durations_are_written_as_players_do(duration_s: float | None, words: str) -> None:
    assert duration_words(duration_s) == words
