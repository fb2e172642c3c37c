"""A worker whose machine fails rejects no clip and counts no attempt; the clip is made when the machine works again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tasks.adapters.cage import Cage
from tasks.adapters.ffmpeg import Ffmpeg
from tasks.adapters.ffprobe import Ffprobe
from tasks.adapters.workspace import Workspaces
from tasks.errors import ConfigurationError, TemporarilyUnavailable
from tasks.media.ladder import Ladder
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records import keys
from tasks.records.clip_record import ClipRecord, ClipState
from tests import clips
from tests.pipeline.published import Put

CAGE: Final = Cage("auto")


def without_ffprobe(services: Services, folder: Path) -> Services:
    return replace(services, ffprobe=Ffprobe(folder / "removed", CAGE))


def without_ffmpeg(services: Services, folder: Path) -> Services:
    return replace(services, ffmpeg=Ffmpeg(folder / "removed", CAGE))


def without_disk(services: Services, folder: Path) -> Services:
    (folder / "file").touch()
    return replace(services, workspaces=Workspaces(folder / "file" / "workspace"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.progressive(tmp_path_factory.mktemp("source") / "a.mp4", seconds=1, size="160x90")


def ingested(services: Services, put: Put, source: Path, name: str) -> None:
    put(f"clips/{name}.mp4", source)
    ingest(services, f"clips/{name}.mp4")


def record_of(services: Services, name: str) -> ClipRecord:
    record = services.clips.get(name)
    assert record is not None
    return record


def due(services: Services, name: str) -> None:
    services.clips.update(name, lambda record: record and record.evolve(retry_at=None))


@pytest.mark.parametrize(
    ("failing", "probed", "encoded"),
    [
        (without_ffprobe, "probe_not_started", "probe_not_started"),
        (without_ffmpeg, "encoder_not_started", "encoder_not_started"),
        (without_disk, "disk_error", "disk_error"),
    ],
)
def test_a_clip_survives_a_machine_that_fails(
    services: Services,
    put: Put,
    source: Path,
    tmp_path: Path,
    failing: Callable[[Services, Path], Services],
    probed: str,
    encoded: str,
) -> None:
    name = failing.__name__
    ingested(services, put, source, name)
    broken = failing(services, tmp_path)
    with pytest.raises(TemporarilyUnavailable) as raised:
        thumbnails(broken, name)
    assert raised.value.code == probed
    assert record_of(services, name).state is ClipState.RECEIVED
    assert not list(services.store.list(services.settings.media_bucket, keys.settled_prefix(f"clips/{name}.mp4")))
    for _ in range(services.settings.max_attempts + 1):
        with pytest.raises(TemporarilyUnavailable) as raised:
            transcode(broken, name)
        record = record_of(services, name)
        assert (raised.value.code, record.failure and record.failure.code) == (encoded, encoded)
        assert (record.state.is_final, record.attempts) == (False, 0)
        due(services, name)
    transcode(services, name)
    assert record_of(services, name).state is ClipState.READY


def test_a_ladder_that_this_worker_lacks_is_no_fault_of_the_clips(services: Services, put: Put, source: Path) -> None:
    ingested(services, put, source, "ladder")
    services.clips.update("ladder", lambda record: record and record.evolve(ladder="news"))

    def lacking(name: str) -> Ladder:
        raise ConfigurationError(f"No ladder {name!r}")

    for _ in range(services.settings.max_attempts + 1):
        with pytest.raises(TemporarilyUnavailable, match="lacks what was ordered"):
            transcode(replace(services, find_ladder=lacking), "ladder")
        record = record_of(services, "ladder")
        assert record.failure is not None
        assert (record.failure.code, record.failure.detail) == ("worker_misconfigured", "No ladder 'news'")
        assert (record.state.is_final, record.attempts) == (False, 0)
        due(services, "ladder")
    transcode(services, "ladder")
    assert record_of(services, "ladder").state is ClipState.READY
