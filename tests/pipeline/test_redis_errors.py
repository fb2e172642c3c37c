"""A Redis that answers every write with an error ends no worker: when it answers well again, all goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from config import queues
from tasks.pipeline.services import Services
from tests import servers

Put = Callable[[str, Path | bytes], str]


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """A Valkey of this module's own: nobody else bears its errors."""
    with servers.valkey() as url:
        yield url


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


@pytest.fixture
def worker(services: Services, log: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker of the ingest queue; nobody starts it again."""
    settings = services.settings
    env = {
        **os.environ,
        "NEWSREEL_BROKER_URL": settings.broker_url,
        "NEWSREEL_S3_ENDPOINT_URL": settings.s3_endpoint_url,
        "NEWSREEL_INCOMING_BUCKET": settings.incoming_bucket,
        "NEWSREEL_MEDIA_BUCKET": settings.media_bucket,
        "NEWSREEL_WORKSPACE_DIR": str(tmp_path / "workspace"),
    }
    command = ["-m", "celery", "--app", "workers.app", "worker", "--queues", queues.INGEST, "--concurrency", "1"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command, "--hostname", "errors@%h"],
            env=env,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
    print(log.read_text()[-6000:])


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_a_worker_outlives_the_errors_of_its_redis(
    services: Services, put: Put, worker: subprocess.Popen[bytes], log: Path, redis_url: str
) -> None:
    def is_done(name: str) -> bool:
        put(f"clips/{name}.mp4", name.encode())
        services.doorbell.ring(queues.INGEST_TASK, f"clips/{name}.mp4")
        wait_until(lambda: services.clips.get(name) is not None, f"nobody takes {name}")
        return worker.poll() is None

    with redis.Redis.from_url(redis_url) as client:
        assert is_done("120320_BEFORE1")
        for name, words, trouble, remedy in (
            (
                "FEW1",
                "NOREPLICAS",
                ("CONFIG SET", "min-replicas-to-write", 1),
                ("CONFIG SET", "min-replicas-to-write", 0),
            ),
            ("REPLICA1", "read only replica", ("REPLICAOF", "127.0.0.1", 1), ("REPLICAOF", "NO", "ONE")),
        ):
            client.execute_command(*trouble)
            try:
                wait_until(lambda words=words: words in log.read_text(), "the worker noticed nothing")
                # A worker that gives up is gone within a second.
                time.sleep(2)
            finally:
                client.execute_command(*remedy)
            assert worker.poll() is None
            assert is_done(f"120320_{name}"), "it goes on by itself"
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
