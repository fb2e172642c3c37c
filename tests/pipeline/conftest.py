"""The pipeline's services on real servers, without Celery: a step is called, what it rings for is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from config.settings import Settings
from tasks.adapters import arriving, ordered_download
from tasks.adapters.object_store import ObjectStore
from tasks.adapters.sources import Sources
from tasks.pipeline import sound_runs
from tasks.pipeline.services import Services
from tests import servers
from tests.adapters.arriving.paced import MIB, Pace, Paced
from tests.conftest import Buckets
from tests.pipeline.published import Published, Put
from tests.pipeline.test_original_copy import ladder
from workers.services import build_services


@pytest.fixture(scope="module")
def services(
    s3_server: servers.S3Server, redis_url: str, buckets: Buckets, tmp_path_factory: pytest.TempPathFactory
) -> Services:
    """Services of a test module, in its own buckets."""
    return build_services(
        Settings(
            broker_url=redis_url,
            s3_endpoint_url=s3_server.endpoint_url,
            incoming_bucket=buckets.incoming,
            media_bucket=buckets.media,
            workspace_dir=tmp_path_factory.mktemp("workspace"),
            lease_s=5,
        )
    )


@pytest.fixture(autouse=True)
def _empty_queues(redis_url: str) -> Iterator[None]:
    """Each test begins with empty queues, and leaves none behind for tests of other modules."""
    client = redis.Redis.from_url(redis_url)
    client.flushdb()
    yield
    client.flushdb()
    client.close()


@pytest.fixture
def put(services: Services, tmp_path: Path):
    """Upload a file or bytes to the incoming bucket under a key."""

    def upload(key: str, content: Path | bytes) -> str:
        body = content.read_bytes() if isinstance(content, Path) else content
        return services.store.put(services.settings.incoming_bucket, key, body, content_type="application/octet-stream")

    return upload


@pytest.fixture
def publish(services: Services, put: Put, tmp_path: Path) -> Callable[[Path], Published]:
    return lambda source: Published(services, put, source, tmp_path)


@pytest.fixture
def pace() -> Iterator[Pace]:
    pace = Pace()
    yield pace
    pace.let()


@pytest.fixture
def slow(
    services: Services, store: ObjectStore, pace: Pace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Services:
    """The services, to which films come as the test lets them, twelve seconds are long, and nothing is copied."""
    monkeypatch.setattr(ordered_download, "_BEGINNING_BYTES", MIB // 4)
    monkeypatch.setattr(arriving, "_RESERVE_BYTES", MIB // 4)
    monkeypatch.setattr(sound_runs, "_HEARD_WHOLE_S", 5.0)
    monkeypatch.setattr(sound_runs, "_HEARD_FIRST_S", 2.0)
    paced = Paced(store._client)
    paced.pace = pace
    return ladder(replace(services, sources=Sources(paced, tmp_path, large_bytes=MIB)), copy_max_bitrate_bps=0)
