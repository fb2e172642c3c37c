"""A portal that is told, and services that tell it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasks.adapters.changes import REBUILD
from tasks.pipeline import feeds
from tasks.pipeline import notify as step
from tasks.pipeline.services import Services
from tasks.records import deliveries
from tests.pipeline.webhooks.portals import (
    toml,
    with_endpoints,
)
from tests.receiver import Receiver, receiver


@pytest.fixture(autouse=True)
def _clean(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty media bucket with feeds of nothing; nobody waits for more, and retries are due at once."""
    monkeypatch.setattr(feeds, "_GATHER_S", 0)
    monkeypatch.setattr(deliveries, "PAUSES_S", (0.001,))
    bucket = services.settings.media_bucket
    services.store.delete_all(bucket, [info.key for info in services.store.list(bucket, "")])
    feeds.publish(services, REBUILD)


@pytest.fixture
def portal() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture
def hooked(services: Services, portal: Receiver) -> Services:
    """Services with that portal as their one endpoint, which has begun to hear of changes."""
    made = with_endpoints(services, toml(portal))
    step.notify(made)
    return made
