"""Ringing for work, against a real Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from config import queues
from config.settings import Settings
from tasks.adapters import doorbell
from tasks.adapters.doorbell import Doorbell
from tasks.errors import TemporarilyUnavailable
from workers.services import celery_app, redis_client


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    connection = redis.Redis.from_url(redis_url)
    connection.flushdb()
    yield connection
    connection.close()


@pytest.fixture
def bell(redis_url: str) -> Iterator[Doorbell]:
    settings = Settings(broker_url=redis_url)
    app, own = celery_app(settings), redis_client(settings)
    yield Doorbell(app, own)
    own.close()
    app.close()


def test_what_waits_is_not_sent_again(bell: Doorbell, client: redis.Redis) -> None:
    assert bell.ring(queues.LINK_TASK, "a")
    assert not bell.ring(queues.LINK_TASK, "a")
    assert bell.ring(queues.LINK_TASK, "b")
    assert client.llen(queues.LINK) == 2
    assert bell.is_waiting(queues.LINK_TASK, "a")


def test_a_task_that_has_begun_can_be_rung_for_again(bell: Doorbell, client: redis.Redis) -> None:
    bell.ring(queues.LINK_TASK, "a")
    bell.answered(queues.LINK_TASK, "a")
    assert bell.ring(queues.LINK_TASK, "a")
    assert client.llen(queues.LINK) == 2


def test_a_wiped_redis_forgets_what_waited_with_the_messages(bell: Doorbell, client: redis.Redis) -> None:
    bell.ring(queues.LINK_TASK, "a")
    client.flushdb()
    assert bell.ring(queues.LINK_TASK, "a")


def test_a_message_that_died_with_its_worker_is_sent_again(
    bell: Doorbell, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell.ring(queues.LINK_TASK, "a")
    client.delete(queues.LINK)
    assert not bell.ring(queues.LINK_TASK, "a"), "it may just be in a worker's hand"
    monkeypatch.setattr(doorbell, "_IN_HAND_S", 0)
    assert bell.ring(queues.LINK_TASK, "a")


def test_a_queue_may_be_chosen(bell: Doorbell, client: redis.Redis) -> None:
    bell.ring(queues.TRANSCODE_TASK, "a", queue=queues.TRANSCODE_URGENT)
    assert client.llen(queues.TRANSCODE_URGENT) == 1


def test_a_broker_that_is_away_is_named(bell: Doorbell) -> None:
    settings = Settings(broker_url="redis://127.0.0.1:1/0")
    away, app = redis_client(settings), celery_app(settings)
    with pytest.raises(TemporarilyUnavailable) as refused:
        Doorbell(app, away).ring(queues.LINK_TASK, "a")
    assert refused.value.code == "broker_unavailable"
    assert Doorbell(app, away).is_waiting(queues.LINK_TASK, "a"), "nobody will begin it soon"
    away.close()
    app.close()
