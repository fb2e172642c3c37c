"""Health: ok only while the store and the broker answer, and the one that does not is named."""

from __future__ import annotations

import time

import httpx
import pytest

from config.settings import Settings
from tests import servers
from tests.gateway.conftest import close, serving
from workers.services import build_services


def test_the_gateway_is_well_while_store_and_broker_answer(http: httpx.Client) -> None:
    answer = http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("setting", "value", "part"),
    [
        ("s3_endpoint_url", "http://127.0.0.1:{port}", "store"),
        ("media_bucket", "no-such-bucket", "store"),
        ("broker_url", "redis://127.0.0.1:{port}/0", "broker"),
    ],
)
def test_the_part_that_is_away_is_named_in_good_time(settings: Settings, setting: str, value: str, part: str) -> None:
    services = build_services(settings.model_copy(update={setting: value.format(port=servers.free_port())}))
    with serving(services) as url:
        asked = time.monotonic()
        answer = httpx.get(f"{url}/healthz", timeout=30)
        assert time.monotonic() - asked < 5
        assert answer.status_code == 503
        assert answer.json() == {"status": "unavailable", "missing": [part]}
    # The store's client tries for a little longer than the gateway waits.
    time.sleep(0.1)
    close(services)
