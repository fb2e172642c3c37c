"""The SQS poller against a server that speaks SQS: nothing is deleted before it was rung for, nothing spins."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import redis

from config.settings import Settings
from tasks.adapters.sqs import SqsQueue
from tasks.errors import TemporarilyUnavailable
from tasks.pipeline.polling import pause_s, poll
from tasks.pipeline.services import Services
from tests import servers
from tests.conftest import Buckets
from workers.services import build_services
from workers.sqs import run

ROOT = Path(__file__).parents[2]
EVENTUALLY_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue with a dead-letter queue behind it, as a client of SQS sees them."""

    client: Any
    url: str
    dead_url: str

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def counts(self) -> tuple[int, int]:
        """How many messages can be had now, and how many are lent or hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(answer[names[0]]), int(answer[names[1]])


@pytest.fixture(scope="module")
def sqs_url(s3_server: servers.S3Server) -> Iterator[str]:
    """The server; the credentials that boto3 finds are the store's."""
    with servers.sqs() as url:
        yield url


@pytest.fixture
def queue(sqs_url: str, request: pytest.FixtureRequest) -> Iterator[Queue]:
    client = boto3.client("sqs", endpoint_url=sqs_url, region_name="us-east-1")
    name = f"uploads-{abs(hash(request.node.name))}"
    dead_url = client.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    url = client.create_queue(QueueName=name, Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "60"})[
        "QueueUrl"
    ]
    yield Queue(client=client, url=url, dead_url=dead_url)
    client.close()


@pytest.fixture(scope="module")
def services(s3_server: servers.S3Server, redis_url: str, buckets: Buckets) -> Iterator[Services]:
    settings = Settings(
        broker_url=redis_url,
        s3_endpoint_url=s3_server.endpoint_url,
        incoming_bucket=buckets.incoming,
        media_bucket=buckets.media,
        cage="off",
    )
    made = build_services(settings)
    yield made
    made.store.close()
    made.doorbell._client.close()


@pytest.fixture
def polled(queue: Queue) -> Iterator[SqsQueue]:
    connected = SqsQueue.connect(queue.url, region="us-east-1")
    yield connected
    connected.close()


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    """The broker, emptied before the test."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


def rung(broker: redis.Redis) -> set[str]:
    messages = [json.loads(message) for message in broker.lrange("ingest", 0, -1)]
    return {json.loads(base64.b64decode(each["body"]))[0][0] for each in messages}


def s3_event(bucket: str, *keys: str) -> str:
    put = "ObjectCreated:Put"
    return json.dumps(
        {"Records": [{"eventName": put, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}} for key in keys]}
    )


def in_sns(message: str) -> str:
    return json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": message})


def eventually(look: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + EVENTUALLY_S
    while not look() and time.monotonic() < deadline:
        time.sleep(0.1)
    return look()


def test_every_record_of_every_message_is_rung_for_and_the_messages_are_deleted(
    services: Services, queue: Queue, polled: SqsQueue, broker: redis.Redis, buckets: Buckets
) -> None:
    queue.send(
        s3_event(buckets.incoming, "clips/a.mp4", "clips/b+c.mp4"),
        in_sns(s3_event(buckets.incoming, "articles/tin.txt")),
        s3_event("another-bucket", "clips/no.mp4"),
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": buckets.incoming}),
    )
    while poll(services, polled, wait_s=0):
        pass
    assert rung(broker) == {"clips/a.mp4", "clips/b c.mp4", "articles/tin.txt"}
    assert queue.counts() == (0, 0)


def test_a_message_that_cannot_be_read_stays_and_is_left_alone_while_the_others_go(
    services: Services, queue: Queue, polled: SqsQueue, broker: redis.Redis, buckets: Buckets
) -> None:
    queue.send("hello", s3_event(buckets.incoming, "clips/a.mp4"), "{}")
    while poll(services, polled, wait_s=0):
        pass
    assert rung(broker) == {"clips/a.mp4"}
    assert queue.counts() == (0, 2)
    # Nothing is to be had, so nothing spins.
    assert poll(services, polled, wait_s=0) == 0


def test_the_queues_redrive_policy_takes_what_cannot_be_read(
    services: Services, queue: Queue, polled: SqsQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.pipeline.polling.pause_s", lambda _receives: 0)
    queue.send("hello")
    assert eventually(lambda: poll(services, polled, wait_s=0) == 0 and queue.counts() == (0, 0))
    dead = queue.client.receive_message(QueueUrl=queue.dead_url)["Messages"]
    assert [message["Body"] for message in dead] == ["hello"]


def test_the_pauses_grow_from_a_minute_to_an_hour() -> None:
    assert [pause_s(receives) for receives in (1, 2, 3, 6, 7, 100)] == [60, 120, 240, 1920, 3600, 3600]


def test_nothing_is_deleted_that_could_not_be_rung_for(
    services: Services, queue: Queue, polled: SqsQueue, buckets: Buckets
) -> None:
    nobody = f"redis://127.0.0.1:{servers.free_port()}/0"
    away = build_services(services.settings.model_copy(update={"broker_url": nobody}))
    queue.send(s3_event(buckets.incoming, "clips/a.mp4"))
    with pytest.raises(TemporarilyUnavailable):
        poll(away, polled, wait_s=0)
    assert queue.counts() == (0, 1)
    away.store.close()
    away.doorbell._client.close()


def test_a_queue_that_is_away_is_asked_again_later(services: Services, tmp_path: Path) -> None:
    gone = SqsQueue.connect(f"http://127.0.0.1:{servers.free_port()}/1/uploads", region="us-east-1")
    stopping = threading.Event()
    with pytest.raises(TemporarilyUnavailable):
        gone.receive(wait_s=0)
    poller = threading.Thread(target=run, args=(services, gone, stopping, tmp_path / "heartbeat"))
    poller.start()
    time.sleep(1)
    assert poller.is_alive()
    stopping.set()
    poller.join(EVENTUALLY_S)
    assert not poller.is_alive()
    assert not (tmp_path / "heartbeat").exists()


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/uploads", "eu-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/uploads", "cn-north-1"),
        ("http://127.0.0.1:4100/1/uploads", "us-east-1"),
    ],
)
def test_the_queues_address_says_where_it_is(url: str, region: str) -> None:
    queue = SqsQueue.connect(url, region="us-east-1")
    assert queue._client.meta.region_name == region
    assert url.startswith(queue._client.meta.endpoint_url)
    queue.close()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "workers.sqs", *arguments]


def test_the_process_polls_until_it_is_told_to_end(
    services: Services, queue: Queue, broker: redis.Redis, buckets: Buckets, tmp_path: Path
) -> None:
    settings, heartbeat = services.settings, tmp_path / "heartbeat"
    env = {
        **os.environ,
        "NEWSREEL_BROKER_URL": settings.broker_url,
        "NEWSREEL_S3_ENDPOINT_URL": str(settings.s3_endpoint_url),
        "NEWSREEL_INCOMING_BUCKET": settings.incoming_bucket,
        "NEWSREEL_MEDIA_BUCKET": settings.media_bucket,
        "NEWSREEL_SQS_QUEUE_URL": queue.url,
        "NEWSREEL_CAGE": "off",
    }
    with subprocess.Popen(
        command("--heartbeat", str(heartbeat)), cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert eventually(heartbeat.exists)
            queue.send(s3_event(buckets.incoming, "clips/a.mp4"))
            assert eventually(lambda: rung(broker) == {"clips/a.mp4"})
            assert eventually(lambda: queue.counts() == (0, 0))
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(EVENTUALLY_S) == 0
            # Well before the long poll would have ended.
            assert time.monotonic() - asked < 15
        finally:
            process.kill()
        assert process.stderr is not None
        log = process.stderr.read()
    assert "sqs.ended" in log
    assert "Traceback" not in log


def test_without_a_queue_it_says_which_setting_is_missing() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("NEWSREEL_")}
    env["NEWSREEL_CAGE"] = "off"
    ended = subprocess.run(command(), cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "NEWSREEL_SQS_QUEUE_URL" in ended.stderr
    assert "Traceback" not in ended.stderr
