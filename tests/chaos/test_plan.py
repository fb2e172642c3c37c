"""A seed decides the whole plan, and a plan is as large as it says."""

from __future__ import annotations

from collections import Counter

from tests.chaos.plan import FaultKind, Plan, make_plan


def plan(seed: int, faults: int = 330) -> Plan:
    return make_plan(seed, minutes=6, clips=200, articles=40, faults=faults, replaced=30, colours=27, lengths=3)


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    assert plan(7) == plan(7)
    assert plan(7) != plan(8)


def test_every_kind_of_planned_fault_comes_even_in_a_short_plan() -> None:
    at_events = {FaultKind.EVENT_DROPPED, FaultKind.EVENT_FIVEFOLD, FaultKind.EVENT_SHUFFLED}
    kinds = {fault.kind for fault in plan(3, faults=22).faults}
    assert kinds == set(FaultKind) - at_events - {FaultKind.UPLOAD_REPLACED}
    assert len(plan(3).faults) == 330


def test_all_clips_and_articles_come_in_time_and_each_clip_is_shown_somewhere() -> None:
    made = plan(5)
    assert len(made.names) == 200
    assert {name for upload in made.articles if upload.number == 0 for name in upload.clips} == set(made.names)
    times = [each.at_s for each in made.clips] + [each.at_s for each in made.articles]
    assert max(times + [each.at_s for each in made.faults]) <= made.lasts_s


def test_a_clip_that_is_uploaded_anew_shows_another_colour() -> None:
    uploads: dict[str, list[int]] = {}
    for upload in plan(5).clips:
        uploads.setdefault(upload.name, []).append(upload.colour)
    anew = [colours for colours in uploads.values() if len(colours) == 2]
    assert len(anew) == 30
    assert all(first != second for first, second in anew)


def test_a_fifth_of_all_events_is_lost_and_every_event_has_one_fate() -> None:
    made = plan(1)
    fates = [made.fate(f"/clips/{number}.mp4", 0) for number in range(2000)]
    copies = Counter(len(fate.held_s) for fate in fates)
    assert 340 < copies[0] < 460
    assert set(copies) == {0, 1, 5}
    assert made.fate("/clips/1.mp4", 0) == made.fate("/clips/1.mp4", 0)
