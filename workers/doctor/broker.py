"""Checks of Redis (or Valkey): it answers, persists its data, does not evict messages, and workers consume."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from config.queues import QUEUE_CLASSES
from config.settings import Settings
from workers.doctor.finding import Finding, fail, ok, warn

_OLDEST: Final = (6, 2)
_PATIENCE_S: Final = 3.0
# A worker answers from the loop that also takes its messages; a busy machine keeps it waiting.
_INSPECT_S: Final = 3.0
_START: Final = "start it (newsreel up), or correct NEWSREEL_BROKER_URL"


def check_broker(settings: Settings) -> Iterator[Finding]:
    """Reachability, version, persistence, memory policy; if it can't be reached the rest is left out."""
    try:
        with redis.Redis.from_url(
            settings.broker_url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S
        ) as client:
            info: dict[str, Any] = client.info()
    except redis.AuthenticationError as error:
        yield fail("redis", f"it refuses the login: {error}", "correct user and password in NEWSREEL_BROKER_URL")
    except (redis.RedisError, OSError, ValueError) as error:
        yield fail("redis", f"it does not answer: {error}", _START)
    else:
        yield from judge(info)


def judge(info: Mapping[str, Any]) -> Iterator[Finding]:
    """Findings from a broker's answer to INFO; pure."""
    # Valkey states the Redis version that it is compatible with, beside its own.
    name = "Valkey" if "valkey_version" in info else "Redis"
    number = str(info.get("valkey_version") or info.get("redis_version", "0"))
    compatible = tuple(int(part) for part in str(info.get("redis_version", "0")).split(".")[:2] if part.isdigit())
    if compatible < _OLDEST:
        yield warn(
            "redis", f"{name} {number} is older than newsreel is tested with", "use Redis 6.2 or newer, or Valkey"
        )
    else:
        yield ok("redis", f"{name} {number}")
    if info.get("aof_enabled"):
        yield ok("redis persistence", "append-only file is on: queued work survives a crash")
    else:
        yield warn(
            "redis persistence",
            "no append-only file: a crash empties the queues, and reconcile has to find the work again",
            "redis-cli CONFIG SET appendonly yes, and appendonly yes in its configuration file",
        )
    policy = info.get("maxmemory_policy")
    if policy in (None, "noeviction"):
        yield ok("redis memory", "noeviction: a full Redis refuses writes, and loses nothing")
    else:
        yield warn(
            "redis memory",
            f"maxmemory-policy is {policy}: a full Redis drops messages",
            "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in its configuration file",
        )


def check_workers(app: Celery) -> Iterator[Finding]:
    """Whether every queue has a worker."""
    try:
        answers = app.control.inspect(timeout=_INSPECT_S).active_queues() or {}
    except (OperationalError, redis.RedisError, OSError) as error:
        yield fail("workers", f"they can't be asked: the broker does not answer: {error}", _START)
        return
    consumers: dict[str, list[str]] = {}
    for worker, served in answers.items():
        for queue in served:
            consumers.setdefault(queue["name"], []).append(worker)
    for each in QUEUE_CLASSES:
        deserted = [queue for queue in each.queues if queue not in consumers]
        check = f"worker {each.name}"
        if deserted:
            command = f"celery --app workers.app worker --queues {','.join(each.queues)}"
            message = f"no worker answers for the queue{'s' * (len(deserted) > 1)} {', '.join(deserted)}"
            yield fail(check, message, f"start it (newsreel up, or: {command}), and check its log")
        else:
            names = sorted({worker for queue in each.queues for worker in consumers[queue]})
            yield ok(check, f"{', '.join(each.queues)}: {', '.join(names)}")
