"""The gateway as a real HTTP server, over the real store and broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import redis
import uvicorn

from config.settings import Settings
from tasks.adapters.sns import SnsTopics
from tasks.pipeline.services import Services
from tests import servers
from tests.conftest import Buckets
from workers.gateway import create_app, server_config
from workers.services import build_services
from workers.web.patience import Patience

TOKEN = "an events token"


@contextmanager
def serving(services: Services, *, sns: SnsTopics | None = None, patience: Patience | None = None) -> Iterator[str]:
    """Serve a gateway over these services on a free port; gives its URL."""
    port = servers.free_port()
    app = create_app(services, sns)
    server = uvicorn.Server(
        server_config(app, services.settings, host="127.0.0.1", port=port, patience=patience or Patience())
    )
    thread = threading.Thread(target=server.run, name="gateway")
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "the gateway ended"
            assert time.monotonic() < deadline, "the gateway did not start"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def settings(s3_server: servers.S3Server, redis_url: str, buckets: Buckets) -> Settings:
    """Settings that name the test's servers and buckets."""
    return Settings(
        broker_url=redis_url,
        s3_endpoint_url=s3_server.endpoint_url,
        incoming_bucket=buckets.incoming,
        media_bucket=buckets.media,
        events_token=TOKEN,
        cage="off",
    )


@pytest.fixture(scope="module")
def services(settings: Settings) -> Iterator[Services]:
    """What the gateway is given; its clients are closed at the end."""
    made = build_services(settings)
    yield made
    close(made)


def close(services: Services) -> None:
    """Close the connections of services that a test built."""
    services.store.close()
    services.doorbell._client.close()


@pytest.fixture(scope="module")
def gateway(services: Services) -> Iterator[str]:
    """The gateway's URL."""
    with serving(services) as url:
        yield url


@pytest.fixture(scope="module")
def http(gateway: str) -> Iterator[httpx.Client]:
    """A client of the gateway."""
    with httpx.Client(base_url=gateway, timeout=30) as client:
        yield client


@pytest.fixture
def queue(redis_url: str) -> Iterator[redis.Redis]:
    """The broker, emptied before the test."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client
