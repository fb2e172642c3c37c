"""The desk's words and sentences, its sessions and its storyboard's pictures: pure, without a server."""

from __future__ import annotations

import re
import string
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.pipeline.reconcile import SESSION_MARKS_KEPT
from tasks.records.base import Failure, Notice
from tasks.records.clip_record import ClipRecord
from tests.gateway import samples
from workers.web import desk_words
from workers.web.desk_tiles import read_tiles
from workers.web.desk_view import Card, card, clip_names, counts, time_words
from workers.web.desk_visit import Visit
from workers.web.desk_words import Words, preferred
from workers.web.sessions import GOOD_FOR_S, Sessions

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
EN, VI = Words("en"), Words("vi")
ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 12, 11, tzinfo=UTC)


def made(references: list[dict[str, Any]], *clips: ClipRecord, words: Words = EN, **changes: Any) -> Card:
    shown = [
        {"name": each.name, "state": each.state, "record": samples.reference_to(each.name)}
        for each in clips
        if each.state != "withdrawn"
    ]
    article = samples.article(
        "a",
        state="waiting",
        paragraphs=[{"id": "p1", "kind": "body", "text": "Một.", "clips": shown}],
        references=[{"paragraph": "p1", "state": "waiting", **each} for each in references],
    ).evolve(**changes)
    records = {each.name: each for each in clips}
    assert set(clip_names(article)) >= set(records)
    return card(article, records, words, HANOI)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_word_has_the_same_places_in_both_languages() -> None:
    for key, (english, vietnamese) in desk_words._TABLE.items():
        assert english.strip(), key
        assert vietnamese.strip(), key
        assert places(english) == places(vietnamese), key


def test_every_word_that_the_desk_asks_for_is_there() -> None:
    sources = [*ROOT.glob("workers/web/desk*.py"), *ROOT.glob("workers/web/templates/desk*.html")]
    asked = {
        key for each in sources for key in re.findall(r"\b(?:w|words)\(\s*[\"']([a-z_]+)[\"']", each.read_text("utf-8"))
    }
    assert len(asked) > 60
    assert asked <= set(desk_words._TABLE)


def test_every_failure_and_warning_of_the_contract_is_told_in_vietnamese() -> None:
    contract = (ROOT / "docs/contract.md").read_text("utf-8")
    table = contract.partition("| failure code |")[2].partition("\n\n")[0]
    failures = {code for row in table.splitlines()[2:] for code in re.findall(r"`([a-z_]+)`", row.split("|")[1])}
    assert failures
    assert failures <= set(desk_words._FAILURES_VI)
    known = Failure(code="not_media", message="This is no video.")
    unheard_of = Failure(code="something_new", message="It is new.")
    assert VI.failure(known) == "Tệp này không phải là video."
    assert EN.failure(known) == "This is no video."
    assert VI.failure(unheard_of) == "It is new."
    assert VI.warning(Notice(code="something_new", message="Look.")) == "Look."


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("vi", "vi"),
        ("vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        ("fr, en;q=0.5, vi;q=0.7", "vi"),
        ("en-GB,vi;q=0.9", "en"),
        ("vi;q=0", "en"),
        ("vi;q=much", "en"),
        ("de,fr", "en"),
    ],
)
def test_the_language_is_the_one_that_a_browser_likes_best(header: str, language: str) -> None:
    assert preferred(header) == language


FAILED = {"code": "encoder_killed", "message": "The encoder was ended.", "retryable": True}


@pytest.mark.parametrize(
    ("reference", "clip", "kind", "state", "why"),
    [
        ({"name": "X1"}, None, "waiting", "Waiting for the upload", "not uploaded yet"),
        ({"name": "X1", "suggestions": ["X2"]}, None, "no_match", "No clip of that name", "no clip of that name"),
        (
            {"name": "X1", "state": "ambiguous"},
            None,
            "ambiguous",
            "Several clips could be meant",
            "several clips could be meant",
        ),
        (
            {"name": "X1", "state": "orphaned"},
            None,
            "orphaned",
            "Its paragraph was taken out",
            "its paragraph was taken out",
        ),
        ({"name": "X1"}, samples.clip("X1"), "queued", "Waiting for its turn", "waiting for its turn"),
        (
            {"name": "X1"},
            samples.clip("X1", queue="transcode.urgent"),
            "urgent",
            "Waiting for its turn, urgent",
            "waiting for its turn",
        ),
        (
            {"name": "X1"},
            samples.clip("X1", retry_at=NOW, failure=FAILED),
            "again",
            "Will be tried again",
            "will be tried again",
        ),
        (
            {"name": "X1"},
            samples.clip("X1", state="processing", progress=0.42, speed=2.5),
            "work",
            "Being prepared, 42 % · 2.5× speed",
            "being prepared, 42 %",
        ),
        (
            {"name": "X1", "state": "linked"},
            samples.ready_clip("X1", state="playable", progress=0.5),
            "playable",
            "Can be watched; 50 % prepared",
            "",
        ),
        ({"name": "X1", "state": "linked"}, samples.ready_clip("X1"), "ready", "Ready", ""),
        (
            {"name": "X1", "state": "failed"},
            samples.clip("X1", state="failed", failure=FAILED),
            "failed",
            "Failed",
            "failed",
        ),
        ({"name": "X1"}, samples.clip("X1", state="withdrawn"), "withdrawn", "Withdrawn", "withdrawn"),
        ({"name": "X9", "decided": "X1", "state": "linked"}, samples.ready_clip("X1"), "ready", "Ready", ""),
        ({"name": "x1", "state": "linked"}, samples.ready_clip("X1"), "ready", "Ready", ""),
    ],
)
def test_a_reference_is_told_in_words(
    reference: dict[str, Any], clip: ClipRecord | None, kind: str, state: str, why: str
) -> None:
    (row,) = made([reference], *([clip] if clip else [])).rows
    assert (row.kind, row.state, row.why) == (kind, state, why)


def test_what_blocks_a_story_is_a_sentence() -> None:
    missing = [{"name": f"X{number}"} for number in range(1, 8)]
    assert made([]).blocked == ""
    assert made(missing[:1]).blocked == "Blocked by X1 (not uploaded yet)."
    assert made(missing[:2]).blocked == "Blocked by X1 (not uploaded yet) and X2 (not uploaded yet)."
    assert made([*missing[:1], *missing[:1]]).blocked == "Blocked by X1 (not uploaded yet)."
    many = made(missing, words=VI).blocked
    assert many == "Đang vướng: X1 (chưa được tải lên), X2 (chưa được tải lên), X3 (chưa được tải lên) và 4 clip nữa."
    playable = samples.ready_clip("X1", state="playable", progress=0.5)
    assert made([{"name": "X1", "state": "linked"}], playable).blocked == ""


def test_a_newer_upload_stands_beside_what_is_shown() -> None:
    again = samples.clip("X1", state="processing", progress=0.3).version_facts()
    row = made([{"name": "X1", "state": "linked"}], samples.ready_clip("X1", next=again)).rows[0]
    assert (row.kind, row.percent, row.details) == ("ready", 30, ("New version: Being prepared, 30 %",))
    lost = again.evolve(state="failed", failure=FAILED)
    row = made([{"name": "X1", "state": "linked"}], samples.ready_clip("X1", next=lost)).rows[0]
    assert row.details[:2] == ("A newer upload failed; the earlier one is shown.", "The encoder was ended.")
    assert row.can_retry


def test_stories_are_counted_by_how_they_stand() -> None:
    cards = [
        made([]),
        made([{"name": "X1"}]),
        made([{"name": "X1", "state": "failed"}], samples.clip("X1", state="failed", failure=FAILED)),
        made([{"name": "X1"}], samples.clip("X1", state="processing")),
    ]
    assert vars(counts(cards)) == {"all": 4, "blocked": 3, "work": 1, "failed": 1}
    assert [each.mood for each in cards] == ["calm", "bad", "bad", "busy"]


def test_times_are_the_newsrooms() -> None:
    assert time_words("2020-12-03T11:00:30+00:00", HANOI) == "18:00, 3/12/2020"
    assert time_words("yesterday", HANOI) == "yesterday"
    assert time_words(None, HANOI) == ""


def test_a_session_is_good_for_half_a_day_and_for_its_token_alone() -> None:
    ours, others = Sessions("one token"), Sessions("another")
    cookie = ours.begin(1000.9)
    assert ours.is_good(cookie, 1000 + GOOD_FOR_S - 1)
    assert not ours.is_good(cookie, 1000 + GOOD_FOR_S)
    assert not others.is_good(cookie, 1001)
    later = cookie.replace(str(1000 + GOOD_FOR_S), str(2000 + GOOD_FOR_S))
    assert later != cookie
    assert not ours.is_good(later, 1001)
    assert ours.form_token(cookie) == ours.form_token(cookie) != ours.form_token(ours.begin(1000.9))
    assert ours.mark(cookie) not in (ours.form_token(cookie), ours.mark(ours.begin(1000.9)), others.mark(cookie))
    assert ours.form_token(cookie) not in cookie
    assert (ours.knows("one token"), ours.knows("")) == (True, False)


def test_without_a_token_there_are_no_sessions() -> None:
    nobody = Sessions("")
    assert not nobody.knows("")
    assert not nobody.is_good(nobody.begin(1000), 1001)


@given(st.text(max_size=200), st.text(max_size=80))
def test_no_other_text_is_a_session(cookie: str, token: str) -> None:
    ours = Sessions("one token")
    assert not ours.is_good(cookie, 0)
    assert not visit(ours.form_token(ours.begin(0))).is_form_of(token)
    assert not visit("").is_form_of(token)


def visit(form_token: str) -> Visit:
    today = date(2026, 3, 12)
    return Visit(
        words=Words("en"), form_token=form_token, can_sign_in=True, today=today, day=today, show="all", anchor=""
    )


def test_a_form_of_the_session_is_known_by_its_token() -> None:
    assert visit("a token").is_form_of("a token")
    assert not visit("").is_form_of("")


def test_marks_of_ended_sessions_are_kept_for_longer_than_a_session() -> None:
    assert timedelta(seconds=GOOD_FOR_S) < SESSION_MARKS_KEPT


def test_the_storyboards_pictures_are_read_and_of_many_some_are_shown() -> None:
    cue = "{0:02d}:{1:02d}:00.500 --> 09:00:00.000\nsheet-001.jpg#xywh=0,90,160,90\n"
    vtt = "WEBVTT\n\n" + "\n".join(cue.format(*divmod(minute, 60)) for minute in range(150))
    found = read_tiles(vtt, "/media/clips/X1/v/storyboard/board.vtt")
    assert 45 <= len(found) <= 60
    assert (found[1].time_s, found[1].sheet, found[1].area) == (
        180.5,
        "/media/clips/X1/v/storyboard/sheet-001.jpg",
        "0 90 160 90",
    )
    assert read_tiles("WEBVTT\n", "/x") == ()
