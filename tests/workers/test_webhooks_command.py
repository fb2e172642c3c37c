"""``newsreel webhooks`` against a real store, broker and receiver."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import click
import pytest
import structlog
from click.testing import CliRunner, Result

from config.settings import Settings
from tasks.adapters.clock import utc_now
from tasks.pipeline.notify import notify
from tasks.pipeline.notify_orders import ReplayRefused
from tasks.pipeline.services import Services
from tasks.records.deliveries import Delivery
from tests.conftest import Buckets
from tests.receiver import SECRET, Receiver, answering, receiver
from tests.servers import S3Server
from workers.commands import webhooks
from workers.services import build_services


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(autouse=True)
def _env(monkeypatch: pytest.MonkeyPatch, s3_server: S3Server, buckets: Buckets, redis_url: str) -> None:
    monkeypatch.setenv("NEWSREEL_BROKER_URL", redis_url)
    monkeypatch.setenv("NEWSREEL_S3_ENDPOINT_URL", s3_server.endpoint_url)
    monkeypatch.setenv("NEWSREEL_INCOMING_BUCKET", buckets.incoming)
    monkeypatch.setenv("NEWSREEL_MEDIA_BUCKET", buckets.media)
    monkeypatch.setenv("NEWSREEL_CAGE", "off")


@pytest.fixture
def portal() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture
def hooked(portal: Receiver, s3_server: S3Server, buckets: Buckets, redis_url: str) -> Services:
    """The worker's services; the command's own know of no endpoint."""
    made = build_services(
        Settings(
            broker_url=redis_url,
            s3_endpoint_url=s3_server.endpoint_url,
            incoming_bucket=buckets.incoming,
            media_bucket=buckets.media,
            cage="off",
            webhooks=f'[[endpoint]]\nname = "portal"\nurl = "{portal.url}"\nsecret = "{SECRET}"\n',
        )
    )
    made.store.delete_all(buckets.media, [info.key for info in made.store.list(buckets.media, "")])
    notify(made)
    return made


def newsreel(*arguments: str) -> Result:
    return CliRunner().invoke(webhooks.command, list(arguments))


def told(services: Services, number: int) -> str:
    """A delivery that the worker has tried."""
    webhook_id, now = f"msg_{number:015d}_0", utc_now()
    body = json.dumps({"type": "clip.ready", "data": {"name": f"Đê {number}"}}, ensure_ascii=False)
    services.outbox.add(
        Delivery(id=webhook_id, endpoint="portal", type="clip.ready", body=body, created_at=now, next_at=now)
    )
    notify(services)
    return webhook_id


def test_deliveries_are_listed_and_replayed(hooked: Services, portal: Receiver) -> None:
    assert newsreel("list").output == "No deliveries.\n"
    first = told(hooked, 1)
    portal.conduct = [answering(410)]
    second = told(hooked, 2)
    output = newsreel("list").output
    assert output.index(second) < output.index(first)
    assert "given_up" in output
    assert "Đê 1" in output
    assert "portal (http://127.0.0.1:" in output
    assert "is disabled. The endpoint answered 410" in output
    assert "of-the-url" not in output
    failed = json.loads(newsreel("list", "--failed", "--json").output)
    assert [(each["id"], each["last_status"]) for each in failed] == [(second, 410)]
    refused = newsreel("replay", second).exception
    assert isinstance(refused, ReplayRefused)
    hooked.outbox.set_state(hooked.outbox.endpoints[0].state())
    assert newsreel("replay", second).output == "1 to be sent again.\n"
    notify(hooked)
    assert portal.ids == [first, second, second]
    assert newsreel("replay", "--since", "2h").output == "2 to be sent again.\n"
    notify(hooked)
    assert portal.ids[3:] == [first, second]
    assert newsreel("replay", "--since", "2h", "--failed").output == "Nothing to do.\n"
    assert newsreel("replay", "--since", "2999-01-01T00:00:00Z").output == "Nothing to do.\n"


@pytest.mark.parametrize(
    "arguments",
    [("replay",), ("replay", "x", "--since", "2h"), ("replay", "x", "--failed"), ("list", "--since", "now")],
)
def test_what_makes_no_sense_is_told(arguments: tuple[str, ...]) -> None:
    assert newsreel(*arguments).exit_code == click.UsageError.exit_code


def test_a_ping_is_sent_by_the_worker_and_its_outcome_waited_for(
    hooked: Services, portal: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "_LOOK_S", 0.02)
    has_ended = threading.Event()

    def work() -> None:
        while not has_ended.is_set():
            notify(hooked)
            time.sleep(0.02)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        taken = newsreel("test", "portal")
        portal.conduct = [answering(500)]
        refused = newsreel("test", "portal")
    finally:
        has_ended.set()
        worker.join()
    assert (taken.exit_code, taken.output) == (0, "portal accepted it with 200.\n")
    assert str(refused.exception) == "portal: The endpoint answered 500."
    assert portal.types == ["newsreel.ping"] * 2
    assert all(each.is_genuine for each in portal.messages)
    monkeypatch.setattr(webhooks, "_PING_S", 0)
    assert "No worker has sent it" in str(newsreel("test", "portal").exception)
    assert "No worker knows of an endpoint" in str(newsreel("test", "nobody").exception)
