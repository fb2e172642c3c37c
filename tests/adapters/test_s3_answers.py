"""A page that answers in the store's place is never taken for what the store says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tasks.adapters.object_store import ObjectStore
from tasks.errors import TemporarilyUnavailable
from tests.conftest import Buckets

HTML = b"<!DOCTYPE html>\n<html><body><h1>Back soon</h1></body></html>"
XHTML = b'<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><body>Back soon</body></html>'
JSON = b'{"message": "sign in"}'
STATIC = {"ETag": '"65f-1a2b"', "Last-Modified": "Mon, 23 Nov 2026 08:00:00 GMT"}


class Page(BaseHTTPRequestHandler):
    """Answers everything with 200, the server's ``body`` and ``headers``."""

    protocol_version = "HTTP/1.1"
    server: PageServer

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.server.body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815 # the server's own names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class PageServer(ThreadingHTTPServer):
    """Whoever hangs up in the middle is no fault of its own."""

    def __init__(self, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.body = body
        self.headers = headers

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering(body: bytes, headers: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """A store in whose place a page stands."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with PageServer(body, headers) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        store = ObjectStore.connect(endpoint_url=f"http://127.0.0.1:{server.server_port}", region="us-east-1")
        yield store
        store.close()
        server.shutdown()


@pytest.fixture(params=[HTML, XHTML, JSON], ids=["html", "xhtml", "json"])
def page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    with answering(request.param, {}, monkeypatch) as store:
        yield store


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.head("bucket", "key"),
        lambda store: store.get("bucket", "key"),
        lambda store: store.put("bucket", "key", b"x", content_type="text/plain"),
        lambda store: list(store.list("bucket", "")),
        lambda store: list(store.folders("bucket", "")),
        lambda store: store.delete_all("bucket", ["key"]),
        lambda store: list(store.unfinished_uploads("bucket")),
        lambda store: store.stream("bucket", "key"),
    ],
    ids=["head", "get", "put", "list", "folders", "delete_all", "unfinished_uploads", "stream"],
)
def test_a_page_in_the_stores_place_is_a_store_that_is_away(
    page: ObjectStore, ask: Callable[[ObjectStore], object]
) -> None:
    with pytest.raises(TemporarilyUnavailable) as told:
        ask(page)
    assert told.value.code == "store_unavailable"


def test_a_page_is_never_saved_as_the_upload(
    page: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(TemporarilyUnavailable):
        page.download("bucket", "clip.mp4", tmp_path / "source", etag="9e107d9d372bb6826bd81d3542a419d6")
    with answering(HTML, STATIC, monkeypatch) as static, pytest.raises(TemporarilyUnavailable) as told:
        static.download("bucket", "clip.mp4", tmp_path / "source", etag="9e107d9d372bb6826bd81d3542a419d6")
    assert "65f-1a2b" in told.value.detail
    assert not (tmp_path / "source").exists()


def test_an_object_that_is_a_page_is_read_as_it_is(store: ObjectStore, buckets: Buckets) -> None:
    store.put(buckets.media, "page.html", HTML, content_type="text/html")
    assert store.get(buckets.media, "page.html").body == HTML
    assert [each.key for each in store.list(buckets.media, "page")] == ["page.html"]
    assert store.delete_all(buckets.media, ["page.html"]) == 1
