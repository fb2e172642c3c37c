"""A worker that was frozen past its lease finds, when it goes on, that its clip is another's: it publishes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tasks.adapters.clock import utc_now
from tasks.adapters.ffmpeg import Ffmpeg
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.transcode import transcode
from tasks.records import lifecycle
from tasks.records.clip_record import ClipRecord, ClipState
from tests import clips

Put = Callable[[str, Path | bytes], str]
NAME, SUCCESSOR = "120320_FROZEN1", "the worker that came after"


class Freezing:
    """An ffmpeg before whose first run the world goes on without its worker."""

    def __init__(self, ffmpeg: Ffmpeg, meanwhile: Callable[[], None]) -> None:
        self._ffmpeg = ffmpeg
        self._meanwhile: Callable[[], None] | None = meanwhile

    def run(self, *arguments: Any, **options: Any) -> Any:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return self._ffmpeg.run(*arguments, **options)


def test_a_worker_whose_clip_was_taken_meanwhile_publishes_nothing(
    services: Services, put: Put, tmp_path: Path
) -> None:
    put(f"clips/{NAME}.mp4", clips.progressive(tmp_path / "a.mp4", seconds=1, size="256x144"))
    ingest(services, f"clips/{NAME}.mp4")

    def lease_runs_out_and_another_takes_the_clip() -> None:
        def take(record: ClipRecord | None) -> ClipRecord | None:
            # The lease may have been renewed a moment ago.
            later = utc_now() + timedelta(seconds=services.settings.lease_s + 1)
            return record and lifecycle.take(record, owner=SUCCESSOR, now=later, lease_s=600, max_attempts=3)

        services.clips.update(NAME, take)

    frozen: Any = Freezing(services.ffmpeg, lease_runs_out_and_another_takes_the_clip)
    transcode(replace(services, ffmpeg=frozen), NAME)
    record = services.clips.get(NAME)
    assert record is not None
    assert record.lease is not None
    assert record.lease.owner == SUCCESSOR
    assert record.state is not ClipState.READY
    assert (record.attempts, record.mp4) == (2, ())
