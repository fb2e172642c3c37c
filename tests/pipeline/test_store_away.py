"""While the store is away a worker leaves its queue alone; when it is back, all is done, and nobody rang again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from celery import Celery

from config import queues
from tasks.base import PipelineTask
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.pipeline.outages import is_store_there
from tasks.pipeline.services import Services
from tests import servers
from tests.chaos.proxy import HOST, ProxyLoop, StoreProxy

Put = Callable[[str, Path | bytes], str]
MESSAGES = 24


class Road:
    """The way to the store, which can be cut."""

    def __init__(self, store_port: int) -> None:
        self._store_port = store_port
        self._loop: ProxyLoop | None = ProxyLoop()
        self.port = StoreProxy(self._loop, store_port).port

    def cut(self) -> None:
        if self._loop is not None:
            self._loop.stop()
        self._loop = None

    def mend(self) -> None:
        self._loop = ProxyLoop()
        StoreProxy(self._loop, self._store_port, port=self.port)


@pytest.fixture
def road(s3_server: servers.S3Server) -> Iterator[Road]:
    port = urlsplit(s3_server.endpoint_url).port
    assert port is not None
    made = Road(port)
    yield made
    made.cut()


@pytest.fixture
def worker(services: Services, road: Road, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker of the ingest queue, behind the road; nobody reconciles."""
    settings = services.settings
    env = {
        **os.environ,
        "NEWSREEL_BROKER_URL": settings.broker_url,
        "NEWSREEL_S3_ENDPOINT_URL": f"http://{HOST}:{road.port}",
        "NEWSREEL_INCOMING_BUCKET": settings.incoming_bucket,
        "NEWSREEL_MEDIA_BUCKET": settings.media_bucket,
        "NEWSREEL_WORKSPACE_DIR": str(tmp_path / "workspace"),
    }
    command = ["-m", "celery", "--app", "workers.app", "worker", "--queues", queues.INGEST, "--concurrency", "2"]
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command, "--hostname", "away@%h"], env=env, stdout=log, stderr=log, start_new_session=True
        )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
    print((tmp_path / "worker.log").read_text()[-6000:])


def ring(services: Services, put: Put, kind: str) -> list[str]:
    """Upload clips past the road, and ring for each."""
    names = [f"120320_{kind}{number}" for number in range(1, MESSAGES + 1)]
    for name in names:
        put(f"clips/{name}.mp4", name.encode())
        services.doorbell.ring(queues.INGEST_TASK, f"clips/{name}.mp4")
    return names


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def test_messages_stay_queued_while_the_store_is_away_and_none_is_lost(
    services: Services, put: Put, road: Road, worker: subprocess.Popen[bytes], redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        (warm,) = ring(services, put, "WARM")[:1]
        wait_until(lambda: services.clips.get(warm) is not None, "the worker never began")
        wait_until(lambda: client.llen(queues.INGEST) == 0, "the worker does not go on")
        road.cut()
        names = ring(services, put, "AWAY")
        time.sleep(3)
        assert client.llen(queues.INGEST) >= MESSAGES * 3 // 4
        # Long enough for every process to have given up on its first message.
        time.sleep(6)
        assert client.llen(queues.INGEST) >= MESSAGES * 3 // 4
        road.mend()
        wait_until(lambda: all(services.clips.get(name) for name in names), "a message was lost")

        road.cut()
        ring(services, put, "ENDED")
        time.sleep(2)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        # One of before may have been in hand, too: its record is written before its work is done.
        assert client.llen(queues.INGEST) >= MESSAGES, "a worker that ends while it waits leaves its messages behind"


@pytest.fixture
def task(services: Services) -> PipelineTask:
    """The ingest task of a process with the test's services."""
    app = Celery("store-away", set_as_current=False)
    app.services = services

    def work(_: str) -> None:
        """Nothing: only how its failure is treated counts."""

    made: PipelineTask = app.task(base=PipelineTask, name=queues.INGEST_TASK, shared=False)(work)
    return made


def test_a_message_whose_own_object_can_not_be_had_comes_back_now_and_then_and_waits_for_nobody(
    task: PipelineTask, redis_url: str
) -> None:
    trouble = TemporarilyUnavailable("store_unavailable", "The store failed at this one.")
    began = time.monotonic()
    with redis.Redis.from_url(redis_url) as client:
        for _ in range(5):
            task.on_failure(trouble, "id", ("clips/damaged.mp4",), {}, None)
            assert client.llen(queues.INGEST) == 1
        task.on_failure(trouble, "id", ("clips/other.mp4",), {}, None)
        assert client.llen(queues.INGEST) == 2
    assert time.monotonic() - began < 30


def test_a_store_that_only_reads_counts_as_away(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_store_there(services)

    def full(*_: object, **__: object) -> str:
        raise TemporarilyUnavailable("store_unavailable", "The object store takes no writes.")

    monkeypatch.setattr(services.store, "put", full)
    assert not is_store_there(services)


@pytest.mark.parametrize(
    "trouble", [SourceRejected("undecodable", "Damaged."), TemporarilyUnavailable("disk_full", "No room.")]
)
def test_other_failures_put_nothing_back(task: PipelineTask, redis_url: str, trouble: Exception) -> None:
    task.on_failure(trouble, "id", ("clips/a.mp4",), {}, None)
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(queues.INGEST) == 0
