"""The scheduler's file may be cut off by a crash or a full disk: what comes round does so all the same."""

from __future__ import annotations

import dbm.dumb
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from celery import Celery

from config import queues
from config.beat import SteadyScheduler
from config.celery import celery_options
from config.settings import Settings


@pytest.fixture
def app() -> Celery:
    made = Celery("beat", set_as_current=False)
    made.conf.update(celery_options(Settings(broker_url="memory://")))
    return made


@pytest.fixture
def file(app: Celery, tmp_path: Path) -> Path:
    """A schedule that a scheduler has left, in the one kind of database that every Python has."""
    with dbm.dumb.open(str(tmp_path / "schedule"), "n"):
        pass
    SteadyScheduler(app=app, schedule_filename=str(tmp_path / "schedule"), lazy=False).close()
    assert (tmp_path / "schedule.dat").stat().st_size > 100
    return tmp_path / "schedule"


def store_entries(file: Path, value: bytes) -> None:
    with dbm.dumb.open(str(file), "c") as stored:
        stored["entries"] = value


def cut(file: Path, to_bytes: int) -> None:
    file.write_bytes(file.read_bytes()[:to_bytes])


DAMAGES: dict[str, Callable[[Path], None]] = {
    "no entries": lambda file: store_entries(file, b""),
    "entries of a class that is gone": lambda file: store_entries(file, b"cnewsreel_gone\nEntry\n."),
    "entries of another kind": lambda file: store_entries(file, pickle.dumps(["reconcile"])),
    "half an entry": lambda file: store_entries(file, pickle.dumps({"reconcile": 1})[:-3]),
    "empty values": lambda file: cut(file.with_suffix(".dat"), 0),
    "half the values": lambda file: cut(file.with_suffix(".dat"), 40),
    "an empty index": lambda file: cut(file.with_suffix(".dir"), 0),
    "half an index": lambda file: cut(file.with_suffix(".dir"), 20),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_schedule_is_made_anew_and_reconcile_comes_round(app: Celery, file: Path, damage: str) -> None:
    DAMAGES[damage](file)
    for start in ("the first", "the next"):
        scheduler = SteadyScheduler(app=app, schedule_filename=str(file), lazy=False)
        try:
            assert scheduler.schedule["reconcile"].task == queues.RECONCILE_TASK, start
            scheduler.sync()
        finally:
            scheduler.close()


def test_what_is_sound_is_kept(app: Celery, file: Path) -> None:
    scheduler = SteadyScheduler(app=app, schedule_filename=str(file), lazy=False)
    scheduler.schedule["reconcile"].total_run_count = 7
    scheduler.close()
    scheduler = SteadyScheduler(app=app, schedule_filename=str(file), lazy=False)
    assert scheduler.schedule["reconcile"].total_run_count == 7
    scheduler.close()
