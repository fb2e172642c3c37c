"""The figures of a run say by themselves whether it was good."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.records.clip_facts import ArticleLink, Timings
from tasks.records.clip_record import ClipRecord
from tests.chaos.load import waits_s
from tests.chaos.plan import make_day
from tests.chaos.report import Figures
from tests.chaos.test_reader import RECORD

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
GOOD = Figures(
    seed=1,
    minutes=1,
    lease_s=6,
    clips=1,
    articles=1,
    replaced=0,
    faults={},
    missed={},
    events=1,
    polls=1,
    versions_seen=1,
    store_away_s=0,
    longest_gap_s=0,
    unfinished_at_end=1,
    settled_after_s=5,
    idle_s=0,
    idle_stretch_s=0,
    idle_at_most_s=18,
    attempts={},
    fenced=0,
    violations=(),
    lost=(),
    survivors=(),
    orphans=(),
    memory={"worker-transcode": {"peak_mib": 120, "halves_mib": [100, 104]}},
    took_s=9,
    longest_queue=100,
    workspace_mib=3.5,
    wait_shown_s=20.0,
    wait_others_s=90.0,
    is_day=True,
)


def test_a_run_that_kept_everything_is_good() -> None:
    assert GOOD.is_good
    assert "all promises kept" in list(GOOD.lines())


@pytest.mark.parametrize(
    "broken",
    [
        {"lost": ("a",)},
        {"violations": ("twice: a",)},
        {"survivors": ("ffmpeg",)},
        {"orphans": ("ffmpeg",)},
        {"settled_after_s": None},
        {"idle_stretch_s": 19},
        {"memory": {"worker-transcode": {"peak_mib": 200, "halves_mib": [100, 130]}}},
        {"wait_shown_s": 95.0},
    ],
    ids=lambda broken: next(iter(broken)),
)
def test_each_broken_promise_makes_it_bad(broken: dict[str, object]) -> None:
    assert not replace(GOOD, **broken).is_good
    assert "PROMISES BROKEN" in list(replace(GOOD, **broken).lines())


def clip(name: str, ready_after_s: float, *, shown: bool) -> ClipRecord:
    timings = Timings(uploaded_at=NOON, ready_at=NOON + timedelta(seconds=ready_after_s))
    links = (ArticleLink(article="a", paragraph="p"),) if shown else ()
    return RECORD.evolve(name=name, timings=timings, links=links)


def test_what_articles_show_is_measured_apart_from_the_rest() -> None:
    made = [clip("A", 10, shown=True), clip("B", 20, shown=True), clip("C", 90, shown=False)]
    assert waits_s({each.name: each for each in made}) == (15, 90)
    assert waits_s({"C": made[2]}) == (None, 90)


def test_a_days_uploads_come_in_bursts_and_nothing_goes_wrong_with_their_events() -> None:
    day = make_day(1, clips=100, articles=8, colours=27, lengths=3)
    assert len(day.names) == 100
    assert max(each.at_s for each in day.clips) <= day.lasts_s <= 30
    assert len({each.at_s for each in day.clips}) <= 5
    assert all(each.at_s >= day.lasts_s for each in day.articles)
    assert not day.faults
    assert all(day.fate(f"/clips/{number}.mp4", 0).held_s == (0.0,) for number in range(200))
