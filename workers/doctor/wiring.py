"""Checks of the gateway, and of the event wiring from an upload to a worker, which fails silently if it is wrong.

The wiring is tried with a real upload, under a key that every filter for articles lets through and that ingest passes
over since its file name begins with a dot: ``articles/.newsreel-doctor-…``. Celery's own events tell how far word of it
came. It is removed again, and no record is made of it.
"""

from __future__ import annotations

import http.client
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from config.queues import INGEST_TASK
from config.settings import Settings
from tasks.adapters.object_store import ObjectStore
from tasks.errors import NewsreelError
from tasks.records import keys
from workers.doctor.finding import Finding, fail, of_error, ok

_PATIENCE_S: Final = 10.0
_EVENT_S: Final = 15.0
_SUBSCRIBED_S: Final = 0.5
# S3's own test message: it must be accepted, and concerns no object.
_HARMLESS: Final = b'{"Event": "s3:TestEvent"}'
_START: Final = "start it (newsreel up), or correct NEWSREEL_GATEWAY_URL"


def check_gateway(settings: Settings) -> Iterator[Finding]:
    """Whether it is healthy, and accepts events with our token."""
    try:
        status, body = _ask(settings.gateway_url, "GET", "/healthz")
        if status == 503:
            missing = ", ".join(json.loads(body).get("missing", [])) or "a part"
            yield fail(
                "gateway", f"it is up, but can't reach: {missing}", "see the findings about that part, and its own log"
            )
        elif status != 200:
            yield fail("gateway", f"{settings.gateway_url}/healthz answers {status}: that is not newsreel", _START)
            return
        else:
            yield ok("gateway", f"healthy at {settings.gateway_url}")
        yield _door(settings)
    except (OSError, ValueError, http.client.HTTPException) as error:
        yield fail("gateway", f"{settings.gateway_url} does not answer: {error}", _START)


def check_wiring(settings: Settings, store: ObjectStore, app: Celery) -> Finding:
    """Whether an upload reaches a worker: store, event, gateway, queue, worker."""
    key = f"{keys.ARTICLES}.newsreel-doctor-{uuid.uuid4().hex}"
    try:
        heard = _listen(app, settings, store, key)
    except NewsreelError as error:
        return of_error("event wiring", error, "see the findings about the object store")
    except (OperationalError, redis.RedisError, OSError) as error:
        return fail("event wiring", f"the broker failed: {error}", "see the findings about redis")
    if heard.started_after_s is not None:
        return ok("event wiring", f"an upload reaches a worker after {heard.started_after_s:.1f} s")
    if heard.messages:
        return fail(
            "event wiring",
            f"the store told the gateway of an upload, but within {_EVENT_S:.0f} s no worker took the message",
            "check that the ingest worker is running, and whether its queue is full (newsreel status)",
        )
    return fail(
        "event wiring",
        f"no event told the gateway of an upload within {_EVENT_S:.0f} s; only reconcile finds uploads",
        f"let the store send object-created events of the bucket {settings.incoming_bucket} to "
        f"{settings.gateway_url}/events with the header Authorization: Bearer NEWSREEL_EVENTS_TOKEN "
        "(SeaweedFS: notification.toml in its working directory; others: a bucket notification)",
    )


@dataclass
class _Heard:
    """Which task messages were for the test object, and when a worker began with one."""

    key: str
    put_at: float = 0.0
    messages: set[str] = field(default_factory=set)
    started_after_s: float | None = None

    def on_event(self, event: Mapping[str, Any]) -> None:
        if event.get("name") == INGEST_TASK and self.key in str(event.get("args")):
            self.messages.add(str(event["uuid"]))
        is_at_work = event.get("type") in ("task-started", "task-succeeded", "task-failed")
        if is_at_work and event.get("uuid") in self.messages and self.started_after_s is None:
            self.started_after_s = time.monotonic() - self.put_at


def _listen(app: Celery, settings: Settings, store: ObjectStore, key: str) -> _Heard:
    heard = _Heard(key=key)
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": heard.on_event})
        with receiver.consumer_context() as (listening, _channel, _consumers):
            # The subscription is made by the first wait; whatever is said before it is not heard.
            _drain(listening, _SUBSCRIBED_S)
            try:
                heard.put_at = time.monotonic()
                store.put(settings.incoming_bucket, key, b"newsreel doctor", content_type="application/octet-stream")
                while heard.started_after_s is None and time.monotonic() - heard.put_at < _EVENT_S:
                    _drain(listening, 0.5)
            finally:
                store.delete(settings.incoming_bucket, key)
    return heard


def _drain(connection: Any, timeout_s: float) -> None:
    try:
        connection.drain_events(timeout=timeout_s)
    except TimeoutError:
        return


def _door(settings: Settings) -> Finding:
    token = settings.events_token.get_secret_value()
    if not token:
        return fail("events token", "NEWSREEL_EVENTS_TOKEN is not set here, so POST /events can't be tested", "set it")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    status, body = _ask(settings.gateway_url, "POST", "/events", body=_HARMLESS, headers=headers)
    if status == 202:
        return ok("events token", "the gateway accepts events with our token")
    if status == 401:
        return fail(
            "events token",
            "the gateway refuses our token: events sent with it are lost",
            "set the same NEWSREEL_EVENTS_TOKEN for the gateway, for the store that sends events, and here",
        )
    said = body.decode("utf-8", "replace")[:200]
    return fail("events token", f"the gateway answers {status} to an event: {said}", "see the gateway's log")


def _ask(
    base_url: str, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    parts = urlsplit(base_url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=_PATIENCE_S)
    try:
        connection.request(method, parts.path.rstrip("/") + path, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
