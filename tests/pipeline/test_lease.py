"""The thread that looks after a lease: nothing that it meets ends it unseen, so work without a lease never goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.adapters.clock import utc_now
from tasks.errors import LeaseLost
from tasks.pipeline.ingest import ingest
from tasks.pipeline.lease import held
from tasks.pipeline.services import Services
from tasks.pipeline.transcode import transcode
from tasks.pipeline.watch import until_unwanted
from tasks.records import lifecycle
from tasks.records.clip_record import ClipRecord
from tests.waiting import eventually

Put = Callable[[str, Path | bytes], str]
OWNER = "the one at work"


def record_of(services: Services, name: str) -> ClipRecord:
    record = services.clips.get(name)
    assert record is not None
    return record


@pytest.fixture
def arrived(services: Services, put: Put) -> Callable[[str], str]:
    def arrive(name: str) -> str:
        put(f"clips/{name}.mp4", name.encode())
        ingest(services, f"clips/{name}.mp4")
        return name

    return arrive


@pytest.fixture
def taken(services: Services, arrived: Callable[[str], str]) -> Callable[[str], str]:
    def take(name: str) -> str:
        def taking(record: ClipRecord | None) -> ClipRecord | None:
            return record and lifecycle.take(record, owner=OWNER, now=utc_now(), lease_s=600, max_attempts=3)

        services.clips.update(arrived(name), taking)
        return name

    return take


class Broken:
    """Something in this process that raises what nobody foresaw, from when it breaks until it is mended."""

    def __init__(self, works: Callable[..., object]) -> None:
        self._works = works
        self.met = 0
        self._is_broken = False

    def __call__(self, *args: object, **kwargs: object) -> object:
        if self._is_broken:
            self.met += 1
            raise ValueError("nobody foresaw this")
        return self._works(*args, **kwargs)

    def fails(self) -> bool:
        """Break it, and tell whether it has been met since."""
        self._is_broken = True
        return self.met > 0

    def mend(self) -> None:
        self._is_broken = False


@pytest.fixture
def broken_look(services: Services, monkeypatch: pytest.MonkeyPatch) -> Broken:
    """A record can't be looked at, but written."""
    broken = Broken(services.clips.get_if_changed)
    monkeypatch.setattr(services.clips, "get_if_changed", broken)
    return broken


@pytest.fixture
def broken_renewal(services: Services, monkeypatch: pytest.MonkeyPatch) -> Broken:
    broken = Broken(lifecycle.renew)
    monkeypatch.setattr(lifecycle, "renew", broken)
    return broken


def test_a_look_that_fails_unforeseen_costs_no_renewal(
    services: Services, taken: Callable[[str], str], broken_look: Broken
) -> None:
    name = taken("120320_LOOK1")
    with held(services, name, OWNER) as lease:
        before = record_of(services, name).work.lease
        assert eventually(broken_look.fails)
        assert eventually(lambda: record_of(services, name).work.lease != before), "it is not renewed any more"
        assert not lease.stop.is_set()


def test_an_order_is_heard_after_looks_that_failed_unforeseen(
    services: Services, taken: Callable[[str], str], broken_look: Broken
) -> None:
    name = taken("120320_HEARD1")
    with held(services, name, OWNER) as lease:
        assert eventually(broken_look.fails)
        broken_look.mend()
        services.clips.update(name, lambda record: lifecycle.release(record, owner=OWNER, now=utc_now()))
        assert lease.stop.wait(30)
        assert lease.was_lost


def test_the_end_of_the_worker_is_heard_after_looks_that_failed_unforeseen(
    services: Services, taken: Callable[[str], str], broken_look: Broken
) -> None:
    name, ending = taken("120320_ENDING1"), threading.Event()
    with held(replace(services, is_stopping=ending.is_set), name, OWNER) as lease:
        assert eventually(broken_look.fails)
        ending.set()
        assert lease.stop.wait(30)
        assert not lease.was_lost


def test_a_lease_that_can_not_be_renewed_is_given_up_when_it_has_run_out(
    services: Services, taken: Callable[[str], str], broken_renewal: Broken
) -> None:
    name = taken("120320_RENEWED1")
    broken_renewal.fails()
    began = time.monotonic()
    with held(services, name, OWNER) as lease:
        assert eventually(lambda: broken_renewal.met > 1), "it is tried again"
        assert lease.stop.wait(60)
        assert time.monotonic() - began > services.settings.lease_s
        assert lease.was_lost
        with pytest.raises(LeaseLost, match="taken by another"):
            lease.raise_if_stopped()


@pytest.fixture
def no_more_threads() -> Iterator[Callable[[], object]]:
    """Makes this machine refuse new threads: none has room for such a stack."""
    yield lambda: threading.stack_size(1 << 47)
    threading.stack_size(0)


def test_a_clip_whose_lease_no_thread_could_renew_is_given_back_uncounted(
    services: Services, arrived: Callable[[str], str], no_more_threads: Callable[[], object]
) -> None:
    name = arrived("120320_THREADS1")
    no_more_threads()
    transcode(services, name)
    record = record_of(services, name)
    assert record.work.lease is None
    assert record.work.attempts == 0
    assert record.failure is None


def test_work_without_a_lease_hears_that_it_is_unwanted_after_looks_that_failed_unforeseen(
    services: Services, arrived: Callable[[str], str], broken_look: Broken
) -> None:
    name = arrived("120320_UNWANTED1")
    with until_unwanted(services, name, "of another version") as stop:
        assert eventually(broken_look.fails)
        assert not stop.is_set()
        broken_look.mend()
        assert stop.wait(30)
