"""Queueing work ("ringing"): messages carry a name and nothing else, and one that is still queued is not sent again."""

from __future__ import annotations

import base64
import json
from typing import Any, Final, Protocol, cast

import redis
from kombu.exceptions import OperationalError

from config import queues
from tasks.errors import TemporarilyUnavailable

# A message that has waited this long is taken for lost: the worker that dequeued it died before it began.
_PENDING_S = 5 * 60
# A worker that has dequeued a message begins it within moments.
_IN_HAND_S = 10
_MESSAGES_AT_A_TIME: Final = 500


class _Sender(Protocol):
    def send_task(self, name: str, args: tuple[str, ...], *, queue: str, ignore_result: bool) -> object: ...


class Doorbell:
    """Sends tasks to their queues.

    That a task waits is remembered beside the queue, in the same Redis: if that is wiped, the memory goes with the
    messages, and `reconcile` may ring again at once. Raises `TemporarilyUnavailable` (``broker_unavailable``) when
    Redis does not answer.
    """

    def __init__(self, sender: _Sender, client: redis.Redis) -> None:
        self._sender = sender
        self._client = client

    def ring(self, task: str, name: str, *, queue: str | None = None, again: bool = False) -> bool:
        """Queue the task; False if the same one is queued already, unless it is to be queued ``again``."""
        pending, queue = _pending_key(task, name), queue or queues.TASK_QUEUES[task]
        try:
            is_news = self._client.set(pending, "1", nx=not again, ex=_PENDING_S)
            if not is_news and not self._was_lost(pending, queue):
                return False
            try:
                self._sender.send_task(task, (name,), queue=queue, ignore_result=True)
            except BaseException:
                self._client.delete(pending)
                raise
        except (redis.RedisError, OperationalError, OSError) as error:
            raise _silent(error) from error
        return True

    def is_due(self, what: str, *, every_s: float) -> bool:
        """Whether this is the first call for that in as many seconds, of all processes' calls."""
        try:
            return bool(self._client.set(f"newsreel:done:{what}", "1", nx=True, px=max(1, int(every_s * 1000))))
        except (redis.RedisError, OSError) as error:
            raise _silent(error) from error

    def not_done(self, what: str) -> None:
        """It was not done: the next call of `is_due` for it counts as the first again."""
        try:
            self._client.delete(f"newsreel:done:{what}")
        except (redis.RedisError, OSError) as error:
            raise _silent(error) from error

    def take_back(self, task: str, name: str, *, queue: str) -> int:
        """Remove the task from a queue; returns how many times it was there.

        Reads the whole queue: an operator's tool, not a worker's.
        """
        try:
            messages = self._waiting_in(queue)
            removed = 0
            for message in messages:
                if _is_for(message, task, name):
                    removed += self._client.lrem(queue, 1, message.decode())
            if removed:
                self._client.delete(_pending_key(task, name))
        except (redis.RedisError, OSError) as error:
            raise _silent(error) from error
        return removed

    def _waiting_in(self, queue: str) -> list[bytes]:
        found: list[bytes] = []
        for start in range(0, self._client.llen(queue), _MESSAGES_AT_A_TIME):
            found += cast(list[bytes], self._client.lrange(queue, start, start + _MESSAGES_AT_A_TIME - 1))
        return found

    def remind(self, task: str, name: str, *, every_s: float) -> bool:
        """Queue the task as `ring` does, but at most once in that many seconds; True if it was queued.

        Calls with another period count apart: what is urgent by now does not wait for an earlier, leisurely reminder.
        """
        key = f"newsreel:reminded:{every_s:g}:{task}:{name}"
        try:
            is_due = self._client.set(key, "1", nx=True, px=max(1, int(every_s * 1000)))
        except (redis.RedisError, OSError) as error:
            raise _silent(error) from error
        return bool(is_due) and self.ring(task, name)

    def _was_lost(self, pending: str, queue: str) -> bool:
        # Nothing waits in the queue, yet the task has not begun for a while: its worker died with the message in hand.
        if self._client.llen(queue) or self._client.ttl(pending) > _PENDING_S - _IN_HAND_S:
            return False
        return bool(self._client.set(pending, "1", ex=_PENDING_S))

    def is_waiting(self, task: str, name: str) -> bool:
        """Whether the task is queued and has not begun; true as well while Redis is away."""
        try:
            return bool(self._client.exists(_pending_key(task, name)))
        except (redis.RedisError, OSError):
            return True

    def answered(self, task: str, name: str) -> None:
        """The task has begun: from now on it may be queued again."""
        try:
            self._client.delete(_pending_key(task, name))
        except (redis.RedisError, OSError) as error:
            raise _silent(error) from error


def _is_for(message: bytes, task: str, name: str) -> bool:
    """Whether a message as kombu keeps it in Redis (Celery's protocol 2) asks for that task."""
    try:
        told: dict[str, Any] = json.loads(message)
        return bool(told["headers"]["task"] == task and json.loads(base64.b64decode(told["body"]))[0] == [name])
    except (ValueError, KeyError, IndexError, TypeError):
        return False


def _silent(error: Exception) -> TemporarilyUnavailable:
    return TemporarilyUnavailable("broker_unavailable", "The message broker does not answer.", str(error))


def _pending_key(task: str, name: str) -> str:
    return f"newsreel:pending:{task}:{name}"
