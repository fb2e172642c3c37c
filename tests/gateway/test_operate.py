"""Operators' orders over HTTP: who may give them, and what is answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from pydantic import SecretStr

from tasks.adapters.object_store import ObjectStore
from tasks.pipeline.services import Services
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.conftest import TOKEN, serving

OPERATOR = "an operator's token"
ORDERS = ["retry", "cancel", "withdraw", "restore", "reprocess", "priority/bulk"]


@pytest.fixture(scope="module")
def desk(services: Services) -> Iterator[httpx.Client]:
    """A client of a gateway that knows operators, without a token of its own."""
    settings = services.settings.model_copy(update={"operator_token": SecretStr(OPERATOR)})
    with serving(replace(services, settings=settings)) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def order(desk: httpx.Client, path: str, token: str = OPERATOR) -> httpx.Response:
    return desk.post(f"/api/v1/clips/{path}", headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("verb", ORDERS)
def test_only_operators_give_orders(
    desk: httpx.Client, http: httpx.Client, store: ObjectStore, buckets: Buckets, verb: str
) -> None:
    samples.publish(store, buckets.media, samples.ready_clip("guarded"))
    before = store.get(buckets.media, "clips/guarded/clip.json").etag
    for answer in (desk.post(f"/api/v1/clips/guarded/{verb}"), order(desk, f"guarded/{verb}", TOKEN)):
        assert answer.status_code == 401
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "WWW-Authenticate" in answer.headers
    unset = order(http, f"guarded/{verb}")
    assert (unset.status_code, unset.json()["code"]) == (503, "operator_not_configured")
    assert desk.get(f"/api/v1/clips/guarded/{verb}").status_code in (404, 405)
    assert store.get(buckets.media, "clips/guarded/clip.json").etag == before


def test_an_order_is_answered_with_the_state_that_it_led_to(
    desk: httpx.Client, store: ObjectStore, buckets: Buckets
) -> None:
    samples.publish(store, buckets.media, samples.clip("Đê 1", queue="transcode"))
    moved = order(desk, "Đê 1/priority/urgent").json()
    assert (moved["changed"], moved["queue"], moved["state"]) == (True, "transcode.urgent", "received")
    ended = order(desk, "Đê 1/cancel").json()
    assert (ended["name"], ended["order"], ended["changed"], ended["state"]) == ("Đê 1", "cancel", True, "failed")
    again = order(desk, "Đê 1/cancel").json()
    assert (again["changed"], again["state"]) == (False, "failed")
    gone = order(desk, "Đê 1/withdraw?reason=Court order")
    assert (gone.status_code, gone.json()["state"]) == (200, "withdrawn")
    assert desk.get("/api/v1/clips/Đê 1").json()["withdrawn"]["reason"] == "Court order"


def test_an_order_that_can_not_be_carried_out_is_a_problem(
    desk: httpx.Client, store: ObjectStore, buckets: Buckets
) -> None:
    failure = {"code": "encoder_killed", "message": "The encoder was ended.", "retryable": True}
    samples.publish(store, buckets.media, samples.clip("lost", state="failed", failure=failure))
    cases = {
        "nobody/retry": (404, "not_found"),
        "lost/retry": (409, "upload_removed"),
        "lost/reprocess?ladder=nope": (422, "unknown_ladder"),
        "lost/priority/soon": (422, "invalid_request"),
    }
    for path, expected in cases.items():
        answer = order(desk, path)
        assert (answer.status_code, answer.json()["code"]) == expected, path
        assert answer.headers["Content-Type"] == "application/problem+json"
