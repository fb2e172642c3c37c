"""Killing and restarting the stack mid-way loses nothing."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests import clips
from tests.acceptance.conftest import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_in_work_is_finished_after_a_restart(tmp_path: Path, how: signal.Signals) -> None:
    stack = Stack(data_dir=tmp_path / "data")
    stack.start()
    try:
        clip = clips.progressive(tmp_path / "c.mp4", seconds=8, size="1280x720")
        names = [f"120320_KILL{number}" for number in range(1, 3)]
        for name in names:
            stack.put(f"clips/{name}.mp4", clip)
        deadline = time.monotonic() + 60
        while not any((record := stack.clip(name)) and record["state"] == "processing" for name in names):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        stack.stop(how)
        stack.start()
        for name in names:
            record = stack.wait_clip(name, seconds=150)
            assert record["state"] == "ready", record["failure"]
    finally:
        assert stack.stop() == 0
