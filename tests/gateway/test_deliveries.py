"""Deliveries of webhooks over HTTP: operators list them and have them made again, nobody else does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
import redis
from pydantic import SecretStr

from config import queues
from tasks.adapters.clock import utc_now
from tasks.adapters.endpoints import read_endpoints
from tasks.adapters.outbox import Outbox
from tasks.pipeline.services import Services
from tasks.records import deliveries, keys
from tasks.records.deliveries import Answer, Delivery
from tests.gateway.conftest import TOKEN, serving
from tests.receiver import SECRET

OPERATOR = "an operator's token"
LIST = "/api/v1/webhooks/deliveries"
TOML = "".join(
    f'[[endpoint]]\nname = "{name}"\nurl = "https://{name}.example/?token=of-the-url"\nsecret = "{SECRET}"\n'
    for name in ("portal", "app")
)


@pytest.fixture(scope="module")
def hooked(services: Services) -> Services:
    """Services with two endpoints, where operators may act."""
    outbox = Outbox(services.store, services.settings.media_bucket, read_endpoints(TOML))
    settings = services.settings.model_copy(update={"operator_token": SecretStr(OPERATOR)})
    return replace(services, settings=settings, outbox=outbox)


@pytest.fixture(autouse=True)
def _filled(hooked: Services) -> None:
    """A delivery of each state, and no other."""
    store, outbox = hooked.store, hooked.outbox
    bucket = hooked.settings.media_bucket
    store.delete_all(bucket, [info.key for info in store.list(bucket, keys.WEBHOOK_ENDPOINTS)])
    for endpoint in outbox.endpoints:
        outbox.announce(endpoint)
    for number, (endpoint_name, answer) in enumerate(
        [("portal", Answer(status=200)), ("portal", Answer(status=410)), ("portal", None), ("app", Answer(status=204))]
    ):
        outbox.add(
            Delivery(
                id=f"msg_{number:015d}_0",
                endpoint=endpoint_name,
                type="clip.ready",
                body='{"type":"clip.ready","data":{"name":"Đê 1"}}',
                created_at=utc_now() - timedelta(hours=10 - number),
            )
        )
        if answer is not None:
            kept = outbox.pending(endpoint_name)[-1]
            outbox.note(kept, deliveries.after(kept.delivery, answer, now=utc_now(), jitter=0))


@pytest.fixture(scope="module")
def desk(hooked: Services) -> Iterator[httpx.Client]:
    """An operator's client."""
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    with serving(hooked) as url, httpx.Client(base_url=url, timeout=30, headers=headers) as client:
        yield client


def listed(desk: httpx.Client, **asked: str) -> list[tuple[str, str]]:
    answer = desk.get(LIST, params=asked)
    assert answer.status_code == 200, answer.text
    return [(each["id"][4:19].lstrip("0") or "0", each["state"]) for each in answer.json()["deliveries"]]


def test_only_operators_see_or_replay_deliveries(desk: httpx.Client, http: httpx.Client) -> None:
    for method, path in (("GET", LIST), ("POST", f"{LIST}/msg_1_0/replay")):
        for headers in ({"Authorization": ""}, {"Authorization": f"Bearer {TOKEN}"}):
            assert desk.request(method, path, headers=headers).status_code == 401
        assert http.request(method, path).json()["code"] == "operator_not_configured"


def test_deliveries_are_listed_latest_first_and_without_secrets(desk: httpx.Client) -> None:
    assert listed(desk) == [("3", "delivered"), ("2", "pending"), ("1", "given_up"), ("0", "delivered")]
    assert listed(desk, endpoint="portal", limit="1") == [("2", "pending")]
    assert listed(desk, state="given_up") == [("1", "given_up")]
    assert listed(desk, endpoint="nobody") == []
    since = (utc_now() - timedelta(hours=8, minutes=30)).isoformat()
    assert listed(desk, since=since) == [("3", "delivered"), ("2", "pending")]
    answer = desk.get(LIST)
    assert answer.json()["deliveries"][2]["last_status"] == 410
    assert answer.json()["deliveries"][0]["body"]["data"]["name"] == "Đê 1"
    assert [each["origin"] for each in answer.json()["endpoints"]] == ["https://app.example", "https://portal.example"]
    assert SECRET not in answer.text
    assert "of-the-url" not in answer.text


def test_a_replay_is_noted_and_rung_for(desk: httpx.Client, hooked: Services, queue: redis.Redis) -> None:
    webhook_id = f"msg_{0:015d}_0"
    answer = desk.post(f"{LIST}/{webhook_id}/replay", params={"endpoint": "portal"})
    assert answer.status_code == 200
    (replayed,) = answer.json()["deliveries"]
    assert (replayed["state"], replayed["attempts"], replayed["replays"]) == ("pending", 0, 1)
    assert webhook_id in [each.delivery.id for each in hooked.outbox.pending("portal")]
    assert queue.llen(queues.NOTIFY) == 1


def test_a_replay_that_can_not_be_is_a_problem(desk: httpx.Client, hooked: Services) -> None:
    missing = desk.post(f"{LIST}/msg_9_0/replay")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    odd = desk.post(f"{LIST}/msg.9/replay")
    assert (odd.status_code, odd.json()["code"]) == (422, "invalid_request")
    app = next(each for each in hooked.outbox.endpoints if each.name == "app")
    hooked.outbox.set_state(app.state().evolve(disabled_at=utc_now(), reason="It is gone."))
    disabled = desk.post(f"{LIST}/msg_{3:015d}_0/replay")
    assert (disabled.status_code, disabled.json()["code"]) == (409, "endpoint_disabled")
