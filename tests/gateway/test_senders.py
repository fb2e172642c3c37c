"""Who may send events besides the token's owner: whoever signs them, and SNS for the topics that are configured."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
import pytest
import redis
from pydantic import SecretStr

from config.settings import Settings
from tasks import signature
from tasks.adapters.sns import SnsTopics
from tasks.errors import ConfigurationError, SourceRejected
from tasks.pipeline.services import Services
from tests.conftest import Buckets
from tests.gateway.conftest import TOKEN, close, serving
from tests.gateway.test_post_events import rung, s3_event
from workers.gateway import create_app
from workers.services import build_services

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:uploads"


class Topics(SnsTopics):
    """Takes what says that it is genuine; whether it is has tests of its own (tests/test_sns.py)."""

    def receive(self, body: bytes) -> str | None:
        said = json.loads(body)
        if "refused" in said:
            raise SourceRejected(said["refused"], "No.")
        return said.get("Message")


@pytest.fixture(scope="module")
def signing(settings: Settings) -> Iterator[Services]:
    """Services whose gateway takes signed events and SNS messages, and the token as well."""
    more = {"events_hmac_secret": SecretStr(SECRET), "sns_topic_arns": (TOPIC,)}
    made = build_services(settings.model_copy(update=more))
    yield made
    close(made)


@pytest.fixture(scope="module")
def http(signing: Services) -> Iterator[httpx.Client]:
    with serving(signing, sns=Topics((TOPIC,))) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def test_a_signed_message_is_taken_without_the_token(http: httpx.Client, queue: redis.Redis, buckets: Buckets) -> None:
    body = s3_event(buckets.incoming, "clips/a.mp4")
    headers = signature.signed_headers(SECRET, message_id="1", body=body, now_s=time.time())
    assert http.post("/events", content=body, headers=headers).status_code == 202
    assert rung(queue) == [("newsreel.ingest", "clips/a.mp4")]


def test_a_message_signed_wrongly_or_long_ago_is_refused_whatever_token_comes_with_it(
    http: httpx.Client, queue: redis.Redis, buckets: Buckets
) -> None:
    body = s3_event(buckets.incoming, "clips/a.mp4")
    good = signature.signed_headers(SECRET, message_id="1", body=body, now_s=time.time())
    old = signature.signed_headers(SECRET, message_id="1", body=body, now_s=time.time() - 600)
    foreign = signature.signed_headers("another-secret-of-ours", message_id="1", body=body, now_s=time.time())
    for content, headers in ((body + b" ", good), (body, old), (body, foreign)):
        bearer = {**headers, "Authorization": f"Bearer {TOKEN}"}
        for sent in (headers, bearer):
            answer = http.post("/events", content=content, headers=sent)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert rung(queue) == []


def test_the_token_goes_on_being_enough(http: httpx.Client, queue: redis.Redis, buckets: Buckets) -> None:
    body = s3_event(buckets.incoming, "clips/a.mp4")
    assert http.post("/events", content=body, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 202
    assert http.post("/events", content=body).status_code == 401


def test_a_notification_of_sns_rings_for_what_is_in_it(
    http: httpx.Client, queue: redis.Redis, buckets: Buckets
) -> None:
    sns = {"x-amz-sns-message-type": "Notification", "Content-Type": "text/plain; charset=UTF-8"}
    body = json.dumps({"Message": s3_event(buckets.incoming, "clips/a.mp4").decode()})
    answer = http.post("/events", content=body, headers=sns)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    assert rung(queue) == [("newsreel.ingest", "clips/a.mp4")]


def test_a_subscription_of_sns_is_taken_and_rings_for_nothing(http: httpx.Client, queue: redis.Redis) -> None:
    answer = http.post("/events", content=b"{}", headers={"x-amz-sns-message-type": "SubscriptionConfirmation"})
    assert (answer.status_code, answer.json()) == (202, {"accepted": 0})
    assert rung(queue) == []


@pytest.mark.parametrize(
    ("code", "status"),
    [("sns_forged", 403), ("sns_unknown_topic", 403), ("sns_foreign_address", 403), ("sns_unreadable", 422)],
)
def test_a_message_of_sns_that_is_refused_is_named(
    http: httpx.Client, queue: redis.Redis, code: str, status: int
) -> None:
    headers = {"x-amz-sns-message-type": "Notification"}
    answer = http.post("/events", content=json.dumps({"refused": code}), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert rung(queue) == []


def test_without_topics_or_secret_such_messages_need_the_token(gateway: str, buckets: Buckets) -> None:
    body = s3_event(buckets.incoming, "clips/a.mp4")
    signed = signature.signed_headers(SECRET, message_id="1", body=body, now_s=time.time())
    for headers in (signed, {"x-amz-sns-message-type": "Notification"}):
        assert httpx.post(f"{gateway}/events", content=body, headers=headers).status_code == 401


def test_a_secret_that_is_none_keeps_the_gateway_from_starting(signing: Services) -> None:
    settings = signing.settings.model_copy(update={"events_hmac_secret": SecretStr("whsec_!")})
    made = build_services(settings)
    with pytest.raises(ConfigurationError, match="NEWSREEL_EVENTS_HMAC_SECRET"):
        create_app(made)
    close(made)
