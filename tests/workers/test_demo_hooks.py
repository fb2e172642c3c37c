"""The demo's own receiver of webhooks: it counts genuine messages of the real sender once, and names forged ones."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import pytest

from tasks.adapters import notifier
from tasks.adapters.endpoints import Endpoint, read_endpoints
from workers.demo.hooks import Received, receiving


def tell(endpoint: Endpoint, webhook_id: str, type_: str) -> int | None:
    return notifier.send(endpoint, webhook_id=webhook_id, body=json.dumps({"type": type_, "data": {}})).status


def test_genuine_messages_are_counted_once_by_type_and_forged_ones_named() -> None:
    with receiving({}) as (received, overrides):
        assert received is not None
        [endpoint] = read_endpoints(overrides["NEWSREEL_WEBHOOKS"])
        assert received.line() == "Webhooks received: none."
        told = [("1", "clip.ready"), ("2", "clip.ready"), ("2", "clip.ready"), ("3", "article.complete")]
        assert [tell(endpoint, *each) for each in told] == [204] * 4
        assert received.wait_for("article.complete", 0)
        counted = "Webhooks received: clip.ready 2, article.complete 1"
        assert received.line() == f"{counted}; all signatures genuine."

        connection = http.client.HTTPConnection(urlsplit(endpoint.url).netloc, timeout=10)
        connection.request("POST", "/newsreel", b'{"type": "clip.ready"}', {"webhook-id": "4"})
        assert connection.getresponse().status == 401
        connection.close()
        assert received.line() == f"{counted}; 1 with a wrong signature."


def test_what_never_comes_is_not_waited_for_long() -> None:
    assert not Received().wait_for("article.complete", 0.01)


@pytest.mark.parametrize("name", ["NEWSREEL_WEBHOOKS", "NEWSREEL_WEBHOOKS_FILE"])
def test_endpoints_of_the_users_own_are_left_alone(name: str) -> None:
    with receiving({name: "set"}) as (received, overrides):
        assert received is None
        assert overrides == {}
