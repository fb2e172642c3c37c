"""Who asks too often, sends too much or too slowly is turned away, and everybody else is served meanwhile."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from config.settings import Settings
from tasks.adapters.object_store import ObjectStore
from tasks.pipeline.services import Services
from tests.conftest import Buckets
from tests.gateway.conftest import TOKEN, close, serving
from workers.services import build_services
from workers.web.limits import _CALLERS_KEPT, Allowance, Limits, callers
from workers.web.patience import Patience

# Far below what people wait, far above what a busy machine may need for an answer that is on time.
SHORT = Patience(headers_s=1.5, body_s=1.5, unread_s=1.5)
MUCH_LATER_S = 15.0


class Clock:
    """A time that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_caller_may_ask_five_seconds_worth_at_once_and_then_as_often_as_its_rate_says() -> None:
    clock = Clock()
    allowance = Allowance(2.0, clock)
    assert [allowance.wait_s("a") for _ in range(10)] == [0.0] * 10
    assert allowance.wait_s("a") == pytest.approx(0.5)
    assert allowance.wait_s("b") == 0.0
    clock.now_s += 0.5
    assert allowance.wait_s("a") == 0.0
    assert allowance.wait_s("a") > 0.0
    clock.now_s += 3600
    assert [allowance.wait_s("a") for _ in range(11)].count(0.0) == 10


def test_a_rate_of_zero_is_no_limit() -> None:
    allowance = Allowance(0.0, Clock())
    assert not any(allowance.wait_s("a") for _ in range(1000))


def test_a_flood_of_callers_takes_no_more_than_so_much_memory() -> None:
    allowance = Allowance(1.0, Clock())
    for number in range(2 * _CALLERS_KEPT):
        allowance.wait_s(str(number))
    assert len(allowance._buckets) == _CALLERS_KEPT


@given(st.lists(st.tuples(st.floats(0, 10), st.sampled_from("ab")), max_size=200), st.floats(0.1, 50))
def test_nobody_gets_more_than_its_rate_and_one_burst(steps: list[tuple[float, str]], per_s: float) -> None:
    clock = Clock()
    allowance = Allowance(per_s, clock)
    let_in = {"a": 0, "b": 0}
    for pause_s, caller in steps:
        clock.now_s += pause_s
        let_in[caller] += allowance.wait_s(caller) == 0.0
    most = max(1.0, 5 * per_s) + (clock.now_s - 1000) * per_s
    assert max(let_in.values()) <= most + 1e-6


def test_a_caller_is_its_address_and_the_token_that_it_presents() -> None:
    def scope(address: str, token: str = "") -> Scope:
        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        return {"type": "http", "client": (address, 1), "headers": headers}

    assert callers(scope("203.0.113.7")) == ("203.0.113.7",)
    assert callers(scope("2001:db8::1")) == callers(scope("2001:db8::ffff"))
    assert callers(scope("2001:db8::1")) != callers(scope("2001:db8:0:1::1"))
    shared = {callers(scope(address, "t"))[1] for address in ("203.0.113.7", "203.0.113.8")}
    assert len(shared) == 1
    assert "t" not in shared


def test_many_addresses_with_one_token_share_its_allowance() -> None:
    async def served(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    limits = Limits(served, Settings(reads_per_s=1.0), clock=Clock())

    async def status(address: str) -> int:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request"}

        headers = [(b"authorization", b"Bearer t")]
        scope = {"type": "http", "path": "/", "client": (address, 1), "headers": headers}
        await limits(scope, receive, send)
        return int(sent[0]["status"])

    async def all_of_them() -> list[int]:
        return [await status(f"203.0.113.{number}") for number in range(8)]

    assert asyncio.run(all_of_them()) == [200] * 5 + [429] * 3


@pytest.fixture(scope="module")
def strict(settings: Settings) -> Iterator[Services]:
    made = build_services(settings.model_copy(update={"events_per_s": 1.0, "reads_per_s": 2.0}))
    yield made
    close(made)


def test_who_asks_too_often_is_told_when_to_come_back(strict: Services) -> None:
    with serving(strict) as url, httpx.Client(base_url=url, timeout=30) as http:
        for method, path in (("GET", "/api/v1/clips"), ("POST", "/events")):
            answers = [http.request(method, path, content=b"[]" if method == "POST" else None) for _ in range(60)]
            late = [answer for answer in answers if answer.status_code == 429]
            assert late
            assert {answer.status_code for answer in answers[:5]} == {200 if method == "GET" else 401}
            assert int(late[0].headers["Retry-After"]) >= 1
            assert late[0].headers["Content-Type"] == "application/problem+json"
            assert late[0].json()["code"] == "too_many_requests"
            assert "Content-Security-Policy" in late[0].headers
        assert http.get("/healthz").status_code == 200
        # Another address in the header is not believed, unless the proxy that says so is a trusted one.
        statuses = {
            http.get("/api/v1/clips", headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code for n in range(60)
        }
        assert 429 in statuses


def test_a_trusted_proxy_tells_for_whom_it_asks(strict: Services, settings: Settings) -> None:
    services = build_services(strict.settings.model_copy(update={"trusted_proxies": "127.0.0.1"}))
    with serving(services) as url, httpx.Client(base_url=url, timeout=30) as http:
        for number in range(40):
            answer = http.get("/api/v1/clips", headers={"X-Forwarded-For": f"203.0.113.{number}"})
            assert answer.status_code == 200
    close(services)


@pytest.fixture(scope="module")
def address(services: Services) -> Iterator[tuple[str, int]]:
    """Of a gateway that has little patience."""
    with serving(services, patience=SHORT) as url:
        parts = urlsplit(url)
        yield str(parts.hostname), int(parts.port or 0)


def ends_within(connection: socket.socket, drip: bytes = b"", within_s: float = MUCH_LATER_S) -> bytes:
    """What was answered until the other side closed; sends a byte of ``drip`` every fifth of a second meanwhile."""
    answer, deadline, position = b"", time.monotonic() + within_s, 0
    connection.settimeout(0.2)
    while time.monotonic() < deadline:
        try:
            if position < len(drip):
                connection.sendall(drip[position : position + 1])
                position += 1
            part = connection.recv(65536)
        except TimeoutError:
            continue
        except (ConnectionResetError, BrokenPipeError):
            return answer
        if not part:
            return answer
        answer += part
    raise AssertionError(f"still open after {within_s} s; it has answered {answer!r}")


def test_a_connection_that_says_nothing_is_closed(address: tuple[str, int]) -> None:
    with closing(socket.create_connection(address)) as connection:
        assert ends_within(connection) == b""


def test_headers_that_come_in_drops_are_not_waited_for(address: tuple[str, int]) -> None:
    with closing(socket.create_connection(address)) as connection:
        assert ends_within(connection, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"a" * 1000).startswith(
            b"HTTP/1.1 408 "
        )


def test_a_second_request_in_drops_on_a_connection_that_was_good_is_not_waited_for(address: tuple[str, int]) -> None:
    with closing(socket.create_connection(address)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = ends_within(connection, b"GET / HTTP/1.1\r\nX-Slow: " + b"a" * 1000)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1 408 " in answer


def test_a_body_that_comes_in_drops_is_not_waited_for(address: tuple[str, int]) -> None:
    head = f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 5000\r\n\r\n"
    with closing(socket.create_connection(address)) as connection:
        connection.sendall(head.encode())
        assert b"202" not in ends_within(connection, b"[" + b" " * 4999)


def test_a_body_that_nobody_asked_for_is_not_waited_for_either(address: tuple[str, int]) -> None:
    with closing(socket.create_connection(address)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n")
        assert ends_within(connection, b" " * 5000).startswith(b"HTTP/1.1 200 ")


def test_a_reader_that_takes_nothing_is_let_go(
    address: tuple[str, int], store: ObjectStore, buckets: Buckets, services: Services
) -> None:
    key = "clips/large/v1/mp4/large.mp4"
    store.put(buckets.media, key, bytes(16 * 1024**2), content_type="video/mp4")
    with closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(address)
        connection.sendall(f"GET /media/{key} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(SHORT.unread_s * 2 + 1)
        connection.settimeout(MUCH_LATER_S)
        received = 0
        try:
            while part := connection.recv(65536):
                received += len(part)
        except ConnectionResetError:
            pass
        assert received < 16 * 1024**2


def test_others_are_served_while_many_dawdle(address: tuple[str, int]) -> None:
    dawdlers = [socket.create_connection(address) for _ in range(100)]
    try:
        for each in dawdlers:
            each.sendall(b"GET / HTTP/1.1\r\n")
        assert httpx.get(f"http://{address[0]}:{address[1]}/healthz", timeout=30).status_code == 200
        for each in dawdlers:
            ends_within(each)
    finally:
        for each in dawdlers:
            each.close()


def test_a_slow_body_is_answered_by_408_before_its_connection_ends(services: Services) -> None:
    async def reads_all(_scope: Scope, receive: Receive, _send: Send) -> None:
        while (await receive()).get("more_body"):
            pass

    limits = Limits(reads_all, services.settings, body_within_s=0.2)

    async def drip() -> Message:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(_message: Message) -> None:
        raise AssertionError("nothing is to be sent")

    scope = {"type": "http", "path": "/events", "client": None, "headers": []}
    with pytest.raises(Exception, match="408") as refused:
        asyncio.run(limits(scope, drip, send))
    assert refused.value.code == "body_too_slow"


def test_headers_larger_than_32_kib_are_refused(address: tuple[str, int]) -> None:
    with closing(socket.create_connection(address)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Large: " + b"a" * 80_000)
        assert ends_within(connection)[:12] in (b"HTTP/1.1 400", b"")


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_not_http_is_refused_and_the_connection_ends(address: tuple[str, int], request_head: bytes) -> None:
    with closing(socket.create_connection(address)) as connection:
        connection.sendall(request_head)
        assert ends_within(connection).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 "))


def test_more_connections_than_are_kept_are_turned_away(settings: Settings) -> None:
    services = build_services(settings.model_copy(update={"max_connections": 3}))
    with serving(services) as url:
        parts = urlsplit(url)
        held = [socket.create_connection((str(parts.hostname), int(parts.port or 0))) for _ in range(3)]
        try:
            time.sleep(0.2)
            assert httpx.get(f"{url}/healthz", timeout=30).status_code == 503
        finally:
            for each in held:
                each.close()
        time.sleep(0.5)
        assert json.loads(httpx.get(f"{url}/healthz", timeout=30).text) == {"status": "ok"}
    close(services)
