"""A clock that is wrong, or is stepped under way, takes nobody's clip away and keeps no clip from being taken."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery

from config.beat import SteadyScheduler
from tasks.adapters import clock
from tasks.adapters.clock import utc_now
from tasks.pipeline.ingest import ingest
from tasks.pipeline.lease import held
from tasks.pipeline.services import Services
from tasks.pipeline.transcode import transcode
from tasks.records import lifecycle
from tasks.records.clip_facts import Lease
from tasks.records.clip_record import ClipRecord

Put = Callable[[str, Path | bytes], str]
Step = Callable[[float], None]
HOUR_S = 3600.0


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Step:
    """Sets this process's wall clock, as far as newsreel looks at it, wrong by so many seconds."""

    def wrong_by(seconds: float) -> None:
        monkeypatch.setattr(clock, "_wall", lambda: datetime.now(UTC) + timedelta(seconds=seconds))

    monkeypatch.setattr(clock, "_ahead_s", ())
    return wrong_by


def take(services: Services, put: Put, name: str, owner: str) -> None:
    put(f"clips/{name}.mp4", name.encode())
    ingest(services, f"clips/{name}.mp4")

    def taken(record: ClipRecord | None) -> ClipRecord | None:
        return record and lifecycle.take(record, owner=owner, now=utc_now(), lease_s=600, max_attempts=3)

    services.clips.update(name, taken)


def lease_of(services: Services, name: str) -> Lease:
    record = services.clips.get(name)
    assert record is not None
    assert record.work.lease is not None
    return record.work.lease


def off_by(told: datetime) -> timedelta:
    return abs(told - datetime.now(UTC))


@pytest.mark.parametrize("seconds", [-HOUR_S, HOUR_S])
def test_a_worker_whose_clock_is_an_hour_off_takes_no_clip_that_another_holds(
    services: Services, put: Put, step: Step, seconds: float
) -> None:
    name = f"120320_CLOCK{'' if seconds > 0 else 'BACK'}1"
    take(services, put, name, "the one with the right clock")
    step(seconds)
    transcode(services, name)
    assert lease_of(services, name).owner == "the one with the right clock"


@pytest.mark.parametrize("seconds", [-HOUR_S, HOUR_S])
def test_the_lease_of_a_worker_whose_clock_is_stepped_is_as_long_as_any_other(
    services: Services, put: Put, step: Step, seconds: float
) -> None:
    name = f"120320_STEPPED{'' if seconds > 0 else 'BACK'}1"
    take(services, put, name, "stepped")
    with held(services, name, "stepped") as lease:
        step(seconds)
        before = lease_of(services, name).heartbeat_at
        deadline = time.monotonic() + 30
        while (renewed := lease_of(services, name)).heartbeat_at == before:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert not lease.stop.is_set()
    assert off_by(renewed.heartbeat_at) < timedelta(seconds=30)
    assert off_by(renewed.expires_at) < timedelta(seconds=30 + services.settings.lease_s)


def test_before_the_store_has_answered_the_wall_clock_is_believed(step: Step) -> None:
    step(HOUR_S)
    assert off_by(utc_now()) > timedelta(minutes=59)


def test_an_answer_that_was_long_under_way_or_tells_no_time_changes_nothing(step: Step) -> None:
    for _ in range(3):
        clock.read_store_clock("Mon, 01 Jan 2001 00:00:00 GMT", took_s=9)
        clock.read_store_clock("yesterday", took_s=0)
        clock.read_store_clock(None, took_s=0)
    assert off_by(utc_now()) < timedelta(seconds=30)


def test_one_server_of_several_behind_one_address_may_be_wrong(step: Step) -> None:
    step(0)
    right, wrong = format_datetime(datetime.now(UTC), usegmt=True), "Mon, 01 Jan 2001 00:00:00 GMT"
    for told in (right, wrong, right, right, wrong):
        clock.read_store_clock(told, took_s=0)
        assert off_by(utc_now()) < timedelta(seconds=30)


def test_a_clock_that_is_right_is_left_alone_to_the_millisecond(services: Services, step: Step) -> None:
    list(services.store.list(services.settings.media_bucket, "none/"))
    before = datetime.now(UTC)
    assert before - timedelta(milliseconds=1) <= utc_now() <= datetime.now(UTC)


class Counting(SteadyScheduler):
    """Counts what it would send."""

    sent = 0

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        self.sent += 1


def test_the_scheduler_goes_on_when_its_clock_is_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Celery("clocks", broker="memory://", set_as_current=False)
    app.conf.beat_schedule = {
        name: {"task": name, "schedule": 0.2, "options": {"queue": "none"}} for name in ("one", "other")
    }
    scheduler = Counting(app=app, schedule_filename=str(tmp_path / "schedule"), lazy=False)
    try:
        names = {"one", "other"}
        run_until(scheduler, 2)
        # Set back by an hour is the same as that all it knows lies an hour ahead.
        for entry in scheduler.schedule.values():
            if entry.name in names:
                entry.last_run_at += timedelta(hours=1)
        scheduler._heap = [each._replace(time=each.time + HOUR_S) for each in scheduler._heap]
        offset_s = scheduler._offset_s
        monkeypatch.setattr("config.beat._offset_s", lambda: offset_s - HOUR_S)
        before = scheduler.sent
        run_until(scheduler, before + 4)
    finally:
        scheduler.close()


def test_a_scheduler_that_begins_with_an_old_schedule_shows_by_its_files_time_that_it_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Celery("again", broker="memory://", set_as_current=False)
    file = tmp_path / "schedule"
    SteadyScheduler(app=app, schedule_filename=str(file), lazy=False).close()
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))

    class Kept(dict[str, Any]):
        """A database that writes nothing before it is closed."""

        sync = close = staticmethod(lambda: None)

    kept = Kept()
    monkeypatch.setattr(SteadyScheduler, "persistence", SimpleNamespace(open=lambda *_, **__: kept))
    SteadyScheduler(app=app, schedule_filename=str(file), lazy=False)
    assert all(path.stat().st_mtime > 0 for path in tmp_path.iterdir())


def run_until(scheduler: Counting, sent: int) -> None:
    """Have it go on until it has sent so many, which takes less than a second, and on a busy machine some more."""
    deadline = time.monotonic() + 60
    while scheduler.sent < sent:
        assert time.monotonic() < deadline
        time.sleep(max(0.0, min(0.05, scheduler.tick())))
