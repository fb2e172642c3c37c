"""The judge of a chaos run sees each kind of broken promise, and none where there is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.records import arrival
from tasks.records.clip_facts import Poster, SourceFacts, Timings
from tasks.records.clip_record import ClipRecord, ClipState
from tests.chaos.judge import ClipJudge, Uploads, judge_article
from tests.chaos.material import Uploaded

NAME, RECIPE = "120320_CHAOS1", "recipe"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def judge() -> ClipJudge:
    """One that knows of two uploads of the clip."""
    uploads = Uploads()
    for number in (0, 1):
        uploads.add(
            Uploaded(name=NAME, number=number, colour=number, etag=f"e{number}", size_bytes=9, sha256=f"s{number}")
        )
    return ClipJudge(NAME, uploads, RECIPE)


def record(number: int, state: ClipState = ClipState.READY, *, at: datetime = NOON, **changes: Any) -> dict[str, Any]:
    """The clip's record with that upload."""
    source = SourceFacts(key=f"clips/{NAME}.mp4", etag=f"e{number}", size_bytes=9, sha256=f"s{number}")
    made = ClipRecord(
        name=NAME,
        state=state,
        version=arrival.derive_version(source, RECIPE),
        source=source,
        timings=Timings(ready_at=at if state is ClipState.READY else None),
        updated_at=at,
    )
    parsed: dict[str, Any] = json.loads(made.evolve(**changes).to_json())
    return parsed


def test_a_clip_that_goes_its_way_is_not_blamed(judge: ClipJudge) -> None:
    for step in (record(0, ClipState.RECEIVED), record(0, ClipState.PROCESSING), record(0), record(1)):
        assert list(judge.judge(step)) == []


def test_an_older_upload_in_the_place_of_a_newer_one_is_a_step_back(judge: ClipJudge) -> None:
    assert list(judge.judge(record(1))) == []
    assert [each.split(":")[0] for each in judge.judge(record(0))] == ["regressed"]


def test_a_ready_clip_that_is_ready_no_more_is_a_step_back(judge: ClipJudge) -> None:
    assert list(judge.judge(record(0))) == []
    assert [each.split(":")[0] for each in judge.judge(record(1, ClipState.PROCESSING))] == ["regressed"]


def test_a_version_that_becomes_ready_again_was_published_twice(judge: ClipJudge) -> None:
    assert list(judge.judge(record(0))) == []
    assert list(judge.judge(record(0))) == []
    again = record(0, at=NOON + timedelta(seconds=1))
    assert [each.split(":")[0] for each in judge.judge(again)] == ["twice"]


@pytest.mark.parametrize(
    "changes",
    [
        {"source": SourceFacts(key="k", etag="e7", size_bytes=9)},
        {"source": SourceFacts(key="k", etag="e0", size_bytes=9, sha256="s1")},
        {"version": "0123456789abcdef"},
        {"poster": Poster(url="0123456789abcdef/poster.jpg", width=2, height=2, time_s=0)},
        {"name": "120320_CHAOS2"},
    ],
    ids=["unknown upload", "another's bytes", "another's version", "another's poster", "another's record"],
)
def test_what_belongs_to_another_upload_is_wrong(judge: ClipJudge, changes: dict[str, Any]) -> None:
    assert {each.split(":")[0] for each in judge.judge(record(0, **changes))} == {"wrong"}


def test_an_article_that_shows_an_unknown_clip_is_blamed() -> None:
    shown = {"name": NAME, "record": f"../../clips/{NAME}/clip.json"}
    article = {"id": "a", "paragraphs": [{"clips": [shown]}]}
    assert list(judge_article(article, {NAME})) == []
    assert [each.split(":")[0] for each in judge_article(article, set())] == ["missing"]
    shown["record"] = "../../clips/120320_CHAOS2/clip.json"
    assert [each.split(":")[0] for each in judge_article(article, {NAME})] == ["wrong"]
