"""Pictures and sound are made at the same time: what fails first ends the other, and is what is told."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tasks.adapters.process import Stopped
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.pipeline import picture_runs, sound_runs
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.together import LinkedStop, together
from tasks.pipeline.transcode import transcode
from tests import clips
from tests.pipeline.published import Put

LONG_S = 120.0
SOON_S = 60.0


def until_stopped(stop: threading.Event) -> str:
    """Work of two minutes that ends as an ffmpeg does."""
    if stop.wait(LONG_S):
        raise Stopped("ffmpeg was stopped")
    return "done"


def test_a_linked_stop_is_set_by_either_and_leaves_the_outer_alone() -> None:
    outer = threading.Event()
    one, other = LinkedStop(outer), LinkedStop(outer)
    one.set()
    assert (one.is_set(), other.is_set(), outer.is_set()) == (True, False, False)
    assert not other.wait(0.01)
    outer.set()
    assert other.is_set()
    assert other.wait()


def test_a_failure_of_the_callers_own_work_ends_what_goes_on_beside_it_and_what_waits() -> None:
    began, ran = time.monotonic(), threading.Event()
    with pytest.raises(ValueError, match="pictures"), together(threading.Event()) as beside:  # noqa: PT012
        beside.submit(until_stopped)
        beside.submit(lambda _: ran.set())
        raise ValueError("pictures")
    assert time.monotonic() - began < SOON_S
    assert not ran.is_set()


def test_a_failure_beside_ends_the_callers_own_work_and_is_what_is_told() -> None:
    def fail(stop: threading.Event) -> None:
        raise ValueError("sound")

    with pytest.raises(ValueError, match="sound"), together(threading.Event()) as beside:  # noqa: PT012
        beside.submit(fail)
        until_stopped(beside.stop)


def test_an_order_from_outside_ends_both() -> None:
    outer = threading.Event()
    with pytest.raises(Stopped), together(outer) as beside:  # noqa: PT012
        beside.submit(until_stopped)
        outer.set()
        until_stopped(beside.stop)


def test_nobody_waits_for_the_sound_of_a_clip_whose_pictures_failed(
    services: Services, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_runs, "make", lambda job, *_: until_stopped(job.stop))

    def broken(*_: object, **__: object) -> None:
        raise SourceRejected("undecodable", "This video can't be decoded.")

    monkeypatch.setattr(picture_runs, "encode_all", broken)
    assert _failure(services, put, "TOGETHER1", tmp_path) == "undecodable"


def test_nobody_waits_for_the_pictures_of_a_clip_whose_sound_failed(
    services: Services, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise TemporarilyUnavailable("encoder_killed", "The encoder was killed from outside.")

    monkeypatch.setattr(sound_runs, "make", broken)
    monkeypatch.setattr(picture_runs, "encode_all", lambda job, *_: until_stopped(job.stop))
    assert _failure(services, put, "TOGETHER2", tmp_path) == "encoder_killed"


def test_a_fault_that_nobody_foresaw_is_told_of_and_tried_again(
    services: Services, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("clips/UNFORESEEN1.mp4", clips.progressive(tmp_path / "a.mp4", seconds=1, size="160x90"))
    ingest(services, "clips/UNFORESEEN1.mp4")

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("half a frame")

    monkeypatch.setattr(picture_runs, "encode_all", broken)
    with pytest.raises(ZeroDivisionError):
        transcode(services, "UNFORESEEN1")
    record = services.clips.get("UNFORESEEN1")
    assert record is not None
    assert record.work.failure is not None
    assert (record.work.failure.code, record.work.failure.retryable) == ("internal_error", True)
    assert "half a frame" in record.work.failure.detail
    assert record.work.lease is None


def _failure(services: Services, put: Put, name: str, folder: Path) -> str:
    """The code with which a clip's first try ends."""
    key = f"clips/{name}.ts"
    put(key, clips.progressive(folder / "a.ts", seconds=1, size="160x90"))
    ingest(services, key)
    thumbnails(services, name)
    began = time.monotonic()
    with pytest.raises((SourceRejected, TemporarilyUnavailable)) as ended:
        transcode(services, name)
    assert time.monotonic() - began < SOON_S
    return ended.value.code
