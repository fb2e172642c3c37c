"""Killing and restarting the stack mid-way loses nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import clips
from tests.acceptance.conftest import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that each test ends and starts again: to start one takes longest of all that they do."""
    stack = Stack(data_dir=tmp_path_factory.mktemp("restarted") / "data")
    stack.start()
    yield stack
    assert stack.stop() == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_in_work_is_finished_after_a_restart(restarted: Stack, tmp_path: Path, how: signal.Signals) -> None:
    clip = clips.progressive(tmp_path / "c.mp4", seconds=8, size="1280x720")
    names = [f"120320_{how.name}{number}" for number in range(1, 3)]
    for name in names:
        restarted.put(f"clips/{name}.mp4", clip)
    deadline = time.monotonic() + 60
    while not any((record := restarted.clip(name)) and record["state"] in ("processing", "playable") for name in names):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    restarted.stop(how)
    restarted.start()
    for name in names:
        record = restarted.wait_clip(name, seconds=150)
        assert record["state"] == "ready", record["failure"]
