"""Media over HTTP: ranges, conditions, what is public and what is not, and connections that are given back."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from config.settings import Settings
from tasks.adapters.object_store import ObjectStore
from tasks.pipeline.services import Services
from tasks.records import keys
from tests import servers
from tests.conftest import Buckets
from tests.gateway.conftest import close, serving
from workers.services import build_services

KEY = "clips/a b Đê/v1/mp4/video 100%.mp4"
PATH = "/media/" + quote(KEY)
BODY = os.urandom(700_001)


@pytest.fixture(scope="module", autouse=True)
def published(store: ObjectStore, buckets: Buckets) -> str:
    store.put(buckets.media, "index/clips/a/a", b"secret", content_type="text/plain")
    store.put(buckets.media, "clips/a/empty.txt", b"", content_type="text/plain")
    return store.put(buckets.media, KEY, BODY, content_type="video/mp4", cache_control=keys.CACHE_IMMUTABLE)


def test_an_object_is_sent_whole_with_what_the_store_knows_of_it(http: httpx.Client, published: str) -> None:
    answer = http.get(PATH)
    assert answer.status_code == 200
    assert answer.content == BODY
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Content-Length"] == str(len(BODY))
    assert answer.headers["Cache-Control"] == keys.CACHE_IMMUTABLE
    assert answer.headers["ETag"] == f'"{published}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Last-Modified"].endswith(" GMT")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_head_tells_the_same_without_the_body(http: httpx.Client) -> None:
    got, head = http.get(PATH), http.head(PATH)
    assert head.status_code == 200
    assert head.content == b""
    ignored = {"date"}
    assert {name: value for name, value in head.headers.items() if name not in ignored} == {
        name: value for name, value in got.headers.items() if name not in ignored
    }


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=100-299999", 100, 299_999),
        ("bytes=700000-", 700_000, 700_000),
        ("bytes=-10", 699_991, 700_000),
        ("bytes=0-99999999", 0, 700_000),
        ("Bytes=5-9", 5, 9),
    ],
)
def test_a_range_is_sent_alone(http: httpx.Client, asked: str, first: int, last: int) -> None:
    answer = http.get(PATH, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(BODY)}"
    assert answer.content == BODY[first : last + 1]


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=5-2", "bytes=", "bytes=a-b", "lines=1-2", "bytes=--1", "x"])
def test_what_is_not_one_range_of_bytes_is_answered_with_the_whole(http: httpx.Client, asked: str) -> None:
    answer = http.get(PATH, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, BODY)


@pytest.mark.parametrize("asked", ["bytes=700001-", "bytes=9999999-99999999", "bytes=-0"])
def test_a_range_outside_the_object_is_refused_with_its_size(http: httpx.Client, asked: str) -> None:
    answer = http.get(PATH, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(BODY)}"
    assert answer.json()["code"] == "range_not_satisfiable"


def test_a_version_that_the_caller_has_is_not_sent_again(http: httpx.Client, published: str) -> None:
    date = http.head(PATH).headers["Last-Modified"]
    for headers in (
        {"If-None-Match": f'"{published}"'},
        {"If-None-Match": f'"x", W/"{published}"'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": date},
    ):
        answer = http.get(PATH, headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["ETag"] == f'"{published}"'
    for headers in (
        {"If-None-Match": '"x"'},
        # The tag says more than the date: RFC 9110, 13.1.3.
        {"If-None-Match": '"x"', "If-Modified-Since": date},
        {"If-Modified-Since": "Thu, 01 Jan 2015 00:00:00 GMT"},
        {"If-Modified-Since": "yesterday"},
    ):
        assert http.get(PATH, headers=headers).status_code == 200


def test_a_range_of_a_version_that_is_gone_brings_the_whole_new_one(http: httpx.Client, published: str) -> None:
    date = http.head(PATH).headers["Last-Modified"]
    for condition, status in ((f'"{published}"', 206), (date, 206), ('"old"', 200), (f'W/"{published}"', 200)):
        answer = http.get(PATH, headers={"Range": "bytes=0-9", "If-Range": condition})
        assert answer.status_code == status
        assert answer.content == (BODY[:10] if status == 206 else BODY)


def test_an_empty_object_is_sent(http: httpx.Client) -> None:
    answer = http.get("/media/clips/a/empty.txt")
    assert (answer.status_code, answer.content) == (200, b"")
    assert http.head("/media/clips/a/empty.txt").headers["Content-Length"] == "0"


@pytest.mark.parametrize(
    "path",
    [
        "/media/",
        "/media/clips",
        "/media/clips/",
        "/media/clips/a",
        "/media/clips/a/",
        "/media/clips/nothing.mp4",
        "/media/index/clips/a/a",
        "/media/clips/%2e%2e/index/clips/a/a",
        "/media/clips/..%2findex/clips/a/a",
        "/media/clips/./a/empty.txt",
        "/media/clips//a/empty.txt",
        "/media/%2e%2e/clips/a/empty.txt",
        "/media/clips/a/empty.txt%00",
        "/media/clips/%ff",
        "/media/clips/" + "x" * 2000,
    ],
)
def test_nothing_but_published_objects_is_found(gateway: str, path: str) -> None:
    # Sent as it stands: a client would tidy the dots away.
    host, port = gateway.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"content-type: application/problem+json" in answer
    assert b"secret" not in answer


def test_a_page_of_another_host_may_ask_for_ranges(http: httpx.Client) -> None:
    asked = {"Origin": "https://portal.example", "Access-Control-Request-Method": "GET"}
    answer = http.options(PATH, headers={**asked, "Access-Control-Request-Headers": "range, if-none-match"})
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Range" in answer.headers["Access-Control-Allow-Headers"]
    assert http.get("/media/clips/nothing").headers["Access-Control-Allow-Origin"] == "*"


def test_readers_who_go_away_give_the_stores_connections_back(
    store: ObjectStore, buckets: Buckets, services: Services, gateway: str
) -> None:
    key = "clips/big/v1/mp4/big.mp4"
    store.put(buckets.media, key, os.urandom(24 * 1024**2), content_type="video/mp4")
    store_port = int(services.settings.s3_endpoint_url.rpartition(":")[2])
    host, port = gateway.removeprefix("http://").split(":")
    before = _connections(store_port)
    readers = []
    for _ in range(8):
        connection = socket.create_connection((host, int(port)))
        connection.sendall(f"GET /media/{key} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        readers.append(connection)
    assert _connections(store_port) >= before + 6
    for connection in readers:
        connection.close()
    deadline = time.monotonic() + 10
    # One or two may stay in the pool, ready for the next reader.
    while _connections(store_port) > before + 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _connections(store_port) <= before + 2


def _connections(port: int) -> int:
    """How many connections this process's machine has to that loopback port."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(line[2].endswith(f":{port:04X}") and line[3] == "01" for line in lines)


def test_a_store_that_is_away_is_a_503(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"s3_endpoint_url": f"http://127.0.0.1:{servers.free_port()}"})
    services = build_services(nowhere)
    with serving(services) as url, httpx.Client(base_url=url, timeout=60) as client:
        answer = client.get(PATH)
        assert answer.status_code == 503
        assert answer.json()["code"] == "store_unavailable"
        assert "Retry-After" in answer.headers
        assert "127.0.0.1" not in answer.text
    close(services)
