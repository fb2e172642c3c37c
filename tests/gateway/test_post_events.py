"""Events over HTTP: who may send them, how large they may be, and what is rung for them."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator

import boto3
import httpx
import pytest
import redis

from config.settings import Settings
from tasks.pipeline.services import Services
from tests import servers
from tests.conftest import Buckets
from tests.gateway.conftest import TOKEN, close, serving
from workers.services import build_services

BEARER = {"Authorization": f"Bearer {TOKEN}"}


def s3_event(bucket: str, *keys: str, name: str = "ObjectCreated:Put") -> bytes:
    records = [{"eventName": name, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}} for key in keys]
    return json.dumps({"Records": records}).encode()


def rung(queue: redis.Redis) -> list[tuple[str, str]]:
    """Task and argument of every message in the ingest queue, the oldest first."""
    messages = [json.loads(message) for message in queue.lrange("ingest", 0, -1)]
    return [(each["headers"]["task"], json.loads(base64.b64decode(each["body"]))[0][0]) for each in reversed(messages)]


def test_each_upload_of_a_message_rings_for_ingest_once(
    http: httpx.Client, queue: redis.Redis, buckets: Buckets
) -> None:
    body = s3_event(buckets.incoming, "clips/a+b.MP4", "articles/tin.txt", "clips/a+b.MP4", "clips/%C4%90%C3%AA.mov")
    answer = http.post("/events", content=body, headers=BEARER)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 3})
    assert rung(queue) == [
        ("newsreel.ingest", "clips/a b.MP4"),
        ("newsreel.ingest", "articles/tin.txt"),
        ("newsreel.ingest", "clips/Đê.mov"),
    ]


def test_a_removed_upload_rings_as_a_new_one_does(http: httpx.Client, queue: redis.Redis, buckets: Buckets) -> None:
    body = s3_event(buckets.incoming, "clips/a.mp4", name="ObjectRemoved:Delete")
    assert http.post("/events", content=body, headers=BEARER).json() == {"accepted": 1}
    assert rung(queue) == [("newsreel.ingest", "clips/a.mp4")]


def test_events_that_are_not_uploads_are_taken_and_forgotten(
    http: httpx.Client, queue: redis.Redis, buckets: Buckets
) -> None:
    for bucket, key in [
        (buckets.media, "clips/a/clip.json"),
        (buckets.incoming, "other/a.mp4"),
        (buckets.incoming, "clips/folder/"),
    ]:
        answer = http.post("/events", content=s3_event(bucket, key), headers=BEARER)
        assert (answer.status_code, answer.json()) == (202, {"accepted": 0})
    assert rung(queue) == []


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": "Bearer"}],
)
def test_only_who_knows_the_token_may_send(
    http: httpx.Client, queue: redis.Redis, buckets: Buckets, headers: dict[str, str]
) -> None:
    answer = http.post("/events", content=s3_event(buckets.incoming, "clips/a.mp4"), headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert rung(queue) == []


def test_without_a_configured_token_nobody_may_send(settings: Settings, buckets: Buckets) -> None:
    services = build_services(settings.model_copy(update={"events_token": type(settings.events_token)("")}))
    with serving(services) as url:
        for headers in ({}, {"Authorization": "Bearer"}, BEARER):
            answer = httpx.post(f"{url}/events", content=s3_event(buckets.incoming, "clips/a.mp4"), headers=headers)
            assert answer.status_code == 503
            assert "NEWSREEL_EVENTS_TOKEN" in answer.json()["detail"]
    close(services)


def test_a_message_that_cannot_be_read_is_refused_by_name(http: httpx.Client) -> None:
    for body in (b"", b"hello", b'{"hello": "world"}', b'{"\\ud800": 1}', b"[" * 100_000):
        answer = http.post("/events", content=body, headers=BEARER)
        assert answer.status_code == 422
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "event_unreadable"


def test_a_message_over_one_mebibyte_is_refused_announced_or_not(http: httpx.Client) -> None:
    big = b" " * (1024 * 1024 + 1)
    assert http.post("/events", content=big, headers=BEARER).status_code == 413

    def unannounced() -> Iterator[bytes]:
        for start in range(0, len(big), 65536):
            yield big[start : start + 65536]

    assert http.post("/events", content=unannounced(), headers=BEARER).status_code == 413
    assert http.post("/events", content=b"[]" + b" " * (1024 * 1024 - 2), headers=BEARER).status_code == 202


def test_reading_events_is_not_allowed(http: httpx.Client) -> None:
    answer = http.get("/events")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    assert answer.json()["status"] == 405


def test_a_broker_that_is_away_makes_the_sender_try_again(settings: Settings, buckets: Buckets) -> None:
    nobody = f"redis://127.0.0.1:{servers.free_port()}/0"
    services = build_services(settings.model_copy(update={"broker_url": nobody}))
    with serving(services) as url:
        answer = httpx.post(
            f"{url}/events", content=s3_event(buckets.incoming, "clips/a.mp4"), headers=BEARER, timeout=60
        )
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["code"] == "broker_unavailable"
    close(services)


def test_an_upload_to_seaweedfs_reaches_ingest_through_its_webhook(
    services: Services, gateway: str, queue: redis.Redis, buckets: Buckets
) -> None:
    uploads = ["clips/single.mp4", "clips/a b Đê.MP4", "clips/parts.mp4", "articles/tin.txt"]
    with servers.seaweedfs(events_url=f"{gateway}/events", events_token=TOKEN) as s3:
        client = boto3.client(
            "s3",
            endpoint_url=s3.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=s3.access_key,
            aws_secret_access_key=s3.secret_key,
        )
        client.create_bucket(Bucket=buckets.incoming)
        for key in (uploads[0], uploads[1], uploads[3], "other/a.mp4"):
            client.put_object(Bucket=buckets.incoming, Key=key, Body=b"12345")
        upload = client.create_multipart_upload(Bucket=buckets.incoming, Key=uploads[2])["UploadId"]
        target = {"Bucket": buckets.incoming, "Key": uploads[2], "UploadId": upload}
        part = client.upload_part(**target, PartNumber=1, Body=os.urandom(5 * 1024**2))
        client.complete_multipart_upload(**target, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        assert _awaited(queue, set(uploads)) == set(uploads)
        queue.flushdb()
        client.delete_object(Bucket=buckets.incoming, Key=uploads[0])
        assert _awaited(queue, {uploads[0]}) == {uploads[0]}
        queue.flushdb()
        client.put_bucket_versioning(Bucket=buckets.incoming, VersioningConfiguration={"Status": "Enabled"})
        client.put_object(Bucket=buckets.incoming, Key="clips/versioned.mp4", Body=b"12345")
        assert _awaited(queue, {"clips/versioned.mp4"}) == {"clips/versioned.mp4"}
        client.close()


def _awaited(queue: redis.Redis, expected: set[str]) -> set[str]:
    deadline = time.monotonic() + 20
    while not expected <= {key for _, key in rung(queue)} and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    return {key for _, key in rung(queue)}
