"""Every secret that is presented over HTTP is compared in constant time, right or wrong."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import AnyStr

import httpx
import pytest
from pydantic import SecretStr

from tasks.pipeline.services import Services
from tests.gateway.conftest import serving
from workers.web.desk_sessions import COOKIE

EVENTS, READER, OPERATOR = "the events token", "the read token", "the operator token"


@pytest.fixture(scope="module")
def guarded(services: Services) -> Iterator[str]:
    """A gateway with every token set."""
    secrets = {"events_token": EVENTS, "read_token": READER, "operator_token": OPERATOR}
    update = {name: SecretStr(secret) for name, secret in secrets.items()}
    with serving(replace(services, settings=services.settings.model_copy(update=update))) as url:
        yield url


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was compared in constant time, as bytes."""
    seen: list[bytes] = []
    compare = hmac.compare_digest

    def noted(first: AnyStr, second: AnyStr) -> bool:
        seen.extend(each.encode() if isinstance(each, str) else each for each in (first, second))
        return compare(first, second)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    return seen


@pytest.mark.parametrize(
    ("ask", "secret", "good"),
    [
        (lambda http, given: http.get("/api/v1/clips", headers=bearer(given)), READER, 200),
        (lambda http, given: http.get("/api/v1/clips", auth=("anybody", given)), READER, 200),
        (lambda http, given: http.post("/events", json={}, headers=bearer(given)), EVENTS, 422),
        (lambda http, given: http.post("/api/v1/clips/x/retry", headers=bearer(given)), OPERATOR, 404),
    ],
)
def test_a_token_is_compared_in_constant_time(
    guarded: str,
    compared: list[bytes],
    ask: Callable[[httpx.Client, str], httpx.Response],
    secret: str,
    good: int,
) -> None:
    with httpx.Client(base_url=guarded, timeout=30) as http:
        for given, expected in ((secret, good), (secret[:-1] + "?", 401), ("x", 401)):
            compared.clear()
            assert ask(http, given).status_code == expected
            assert {secret.encode(), given.encode()} <= set(compared)


def test_the_desks_secret_cookie_and_form_are_too(guarded: str, compared: list[bytes]) -> None:
    headers = {"Origin": guarded, **bearer(READER)}
    with httpx.Client(base_url=guarded, timeout=30, headers=headers) as http:
        assert http.post("/desk/sign-in", data={"secret": "x"}).status_code == 403
        assert {b"x", OPERATOR.encode()} <= set(compared)
        assert http.post("/desk/sign-in", data={"secret": OPERATOR}).status_code == 303
        compared.clear()
        page = http.get("/desk").text
        assert http.cookies[COOKIE].rpartition(".")[2].encode() in compared
        token = re.search(r'name="token" value="([0-9a-f]{64})"', page)
        assert token is not None
        compared.clear()
        assert http.post("/desk/sign-out", data={"token": "0" * 64}).status_code == 403
        assert {b"0" * 64, token[1].encode()} <= set(compared)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
