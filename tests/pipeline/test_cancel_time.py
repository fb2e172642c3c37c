"""From the answer to `cancel` to the end of the clip's last program: two seconds are promised."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.errors import NewsreelError
from tasks.pipeline import orders
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.transcode import transcode
from tests import clips
from tests.chaos import processes

Put = Callable[[str, Path | bytes], str]
NAME = "120320_HALT1"
# What a machine that is busy with the other tests is given; alone it is less than one.
GIVEN_S = 20.0


def media_tools() -> list[processes.Process]:
    return [each for each in processes.below([os.getpid()]) if each.is_media_tool]


def test_no_program_of_a_cancelled_clip_lives_on(
    services: Services, put: Put, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(f"clips/{NAME}.mp4", clips.progressive(tmp_path / "l.mp4", seconds=30, size="1280x720", sound=False))
    ingest(services, f"clips/{NAME}.mp4")

    def work() -> None:
        with contextlib.suppress(NewsreelError):
            transcode(services, NAME)

    worker = threading.Thread(target=work)
    worker.start()
    deadline = time.monotonic() + 60
    while (record := services.clips.get(NAME)) is None or not record.work.progress:
        assert worker.is_alive(), "it ended before it could be cancelled"
        assert time.monotonic() < deadline, "the encode did not begin"
        time.sleep(0.05)
    assert media_tools()
    assert orders.cancel(services, NAME).changed
    answered = time.monotonic()
    while media_tools() and time.monotonic() < answered + GIVEN_S:
        time.sleep(0.01)
    took_s = time.monotonic() - answered
    with capsys.disabled():
        print(f" [{took_s:.2f} s from cancel's answer to the end of ffmpeg] ", end="")
    left = media_tools()
    worker.join(30)
    assert not left
    assert not worker.is_alive()
