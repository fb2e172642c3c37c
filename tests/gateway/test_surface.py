"""What strangers send to make the gateway fail, remember too much, or tell one reader's answer to another."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from urllib.parse import quote

import httpx
import pytest
from lxml import html
from pydantic import SecretStr
from structlog.testing import capture_logs

from tasks.adapters.object_store import ObjectStore
from tasks.pipeline.services import Services
from tasks.records import feeds, keys
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.conftest import close, serving
from workers.services import build_services
from workers.web import conditional, oembed, records
from workers.web.catalogue import Catalogue
from workers.web.entries import Entry, narrowing, place
from workers.web.kept import Kept
from workers.web.record_cache import RecordCache

READER = "a read token"
NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def _published(store: ObjectStore, buckets: Buckets) -> None:
    samples.publish(store, buckets.media, samples.ready_clip("a"), samples.article("tin"))
    store.put(
        buckets.media,
        f"{keys.version_prefix('a', samples.VERSION)}poster.jpg",
        b"x",
        content_type="image/jpeg",
        cache_control=keys.CACHE_IMMUTABLE,
    )


@pytest.fixture(scope="module")
def guarded(services: Services) -> Iterator[httpx.Client]:
    """A reader of a gateway that has a read token; its answers to failures are answers."""
    settings = services.settings.model_copy(
        update={"read_token": SecretStr(READER), "operator_token": SecretStr("an operator's token")}
    )
    with (
        serving(replace(services, settings=settings)) as url,
        httpx.Client(base_url=url, timeout=30, headers={"Authorization": f"Bearer {READER}"}) as client,
    ):
        yield client


@pytest.mark.parametrize(
    "path",
    [
        "/media/clips/a/clip.json",
        f"/media/clips/a/{samples.VERSION}/poster.jpg",
        "/api/v1/clips",
        "/api/v1/clips/a",
        "/api/v1/articles/tin",
        "/api/v1/changes",
        "/feeds/media.rss",
        "/sitemap-video.xml",
        "/oembed?url=http://127.0.0.1:8080/embed/a",
        "/",
        "/stories/tin",
        "/desk",
    ],
)
def test_what_needs_a_token_is_kept_for_all_by_no_cache(guarded: httpx.Client, path: str) -> None:
    answer = guarded.get(path)
    assert answer.status_code == 200
    assert "public" not in answer.headers["Cache-Control"]
    again = guarded.get(path, headers={"If-None-Match": answer.headers.get("ETag", "none")})
    assert "public" not in again.headers.get("Cache-Control", "")


def test_what_everybody_may_read_may_be_kept_for_all(http: httpx.Client) -> None:
    assert http.get("/api/v1/clips/a").headers["Cache-Control"].startswith("public")
    assert http.get("/static/story.css?v=1").headers["Cache-Control"].startswith("public")


@pytest.mark.parametrize(
    "since",
    [
        "Thu, 12 Mar 2026 12:00:00 -0000",
        "Thu, 12 Mar 2026 12:00:00",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Thu, 12 Mar 2026 12:00:00 +99999999999999",
        "Thu, 99 Mar 99999999999 12:00:00 GMT",
        "nonsense",
    ],
)
def test_no_date_in_a_condition_is_a_failure(http: httpx.Client, since: str) -> None:
    answer = http.get("/media/clips/a/clip.json", headers={"If-Modified-Since": since})
    assert answer.status_code in (200, 304)


def test_a_date_without_a_zone_is_one_of_utc() -> None:
    asked = {"if-modified-since": "Thu, 12 Mar 2026 12:00:00 -0000"}
    assert conditional.is_unmodified(asked, "e", NOON)
    assert not conditional.is_unmodified(asked, "e", NOON.replace(hour=13))


@pytest.mark.parametrize("url", ["http://[", "http://[::1", "https://a\u2100b/embed/x", "//[/embed/a"])
def test_an_address_that_is_none_has_no_frame(http: httpx.Client, url: str) -> None:
    assert oembed.subject("https://news.example", url) is None
    assert http.get("/oembed", params={"url": url}).status_code == 404


@pytest.mark.parametrize("origin", ["http://[", "null", "", "http://", "//", "http://127.0.0.1:1.evil.example"])
def test_a_form_whose_origin_can_not_be_read_is_of_another_site(guarded: httpx.Client, origin: str) -> None:
    answer = guarded.post("/desk/sign-in", data={"secret": "an operator's token"}, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_names_that_no_record_has_take_no_memory(services: Services) -> None:
    async def ask() -> RecordCache:
        cache = RecordCache(services, Catalogue(services))
        for name in ("n" * 30_000, "..", "a\u202eb", "a/../b"):
            assert await cache.get("clip", name) is None
        assert cache._kept == {}
        assert await cache.get("clip", "never") is None
        assert await cache.get("clip", "a") is not None
        return cache

    cache = asyncio.run(ask())
    assert set(cache._kept) == {("clip", "never"), ("clip", "a")}


def test_many_words_cost_no_more_than_those_that_say_something() -> None:
    class Text(str):
        searched = 0

        def __contains__(self, word: str) -> bool:
            Text.searched += 1
            return super().__contains__(word)

    summary = feeds.Summary(
        kind="clip",
        name="aaa",
        title="",
        day=date(2026, 3, 12),
        state="ready",
        version="1",
        updated_at=NOON,
        record="r",
        revision="1",
    )
    entry = Entry(summary=summary, place=place("aaa"), text=Text("aaa bb"), base="")
    for text, found, most in (("a " * 100, 1, 1), ("aa a A aaa á", 1, 1), ("a bb", 1, 2), ("a x", 0, 2)):
        Text.searched = 0
        narrow = narrowing(states=(), since=None, until=None, prefix="", text=text)
        assert len(narrow([entry])) == found
        assert Text.searched <= most


def test_a_state_that_is_asked_for_many_times_is_asked_for_once(services: Services, gateway: str) -> None:
    for name in ("a", "b"):
        services.clips.update(name, lambda _, n=name: samples.ready_clip(n))
        services.store.put(services.settings.media_bucket, keys.clip_name_mark(name), b"", content_type="text/plain")
    deadline = time.monotonic() + 30
    with httpx.Client(base_url=gateway, timeout=30) as http:
        while time.monotonic() < deadline:
            page = http.get("/api/v1/clips?limit=1&" + "state=ready&" * 500).json()
            if page["next"]:
                break
            time.sleep(0.2)
        assert page["next"] == "/api/v1/clips?state=ready&limit=1&after=a"


def test_a_page_of_changes_is_not_taken_for_the_stream(http: httpx.Client) -> None:
    assert "Accept" in http.get("/api/v1/changes").headers["Vary"]


def test_a_failure_has_safe_headers_and_says_nothing_of_itself(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("/secret/path")

    monkeypatch.setattr(records, "published", fail)
    with capture_logs() as logged:
        answer = http.get("/embed/broken")
        # The next request on what the client keeps open is not lost.
        assert http.get("/healthz").status_code == 200
    assert [each["event"] for each in logged] == ["request.failed"]
    assert answer.headers["Connection"] == "close"
    assert answer.status_code == 500
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "secret" not in answer.text
    assert answer.json()["code"] == "internal_error"


def test_a_page_of_the_sitemap_that_is_not_there_costs_the_store_nothing(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A store of its own: other gateways of these tests list what there is, every now and then.
    own = build_services(services.settings)
    with serving(own) as url, httpx.Client(base_url=url, timeout=30) as http:
        assert http.get("/sitemap-video.xml").status_code == 200
        asked: list[object] = []
        monkeypatch.setattr(own.store, "list", lambda *args: asked.append(args) or iter(()))
        for number in ("0", "-1", "2", "99999999999999999999", "1" * 5000):
            assert http.get(f"/sitemap-video-{number}.xml").status_code in (404, 422)
        assert asked == []
    close(own)


def test_what_many_ask_for_is_made_once_and_the_rest_is_given_what_there_was() -> None:
    made: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def make(mark: int) -> str:
        made.append(mark)
        if len(made) > 1:
            begun.set()
            assert go_on.wait(20)
        return f"{mark}.{len(made)}"

    kept = Kept(make, 0.0)
    assert kept.get(1) == "1.1"
    maker = threading.Thread(target=kept.get, args=(1,))
    maker.start()
    assert begun.wait(20)
    assert [kept.get(1) for _ in range(20)] == ["1.1"] * 20
    go_on.set()
    maker.join(20)
    assert made == [1, 1]
    # What was made for another mark is given to nobody.
    assert kept.get(2) == "2.3"


def test_what_could_not_be_made_is_tried_again() -> None:
    outcomes = iter([OSError("no store"), None])

    def make(_: None) -> str:
        fault = next(outcomes)
        if fault:
            raise fault
        return "made"

    kept = Kept(make, 60.0)
    with pytest.raises(OSError, match="no store"):
        kept.get(None)
    assert kept.get(None) == kept.get(None) == "made"


def test_names_with_quotes_and_marks_leave_no_attribute_or_header(
    http: httpx.Client, store: ObjectStore, buckets: Buckets
) -> None:
    name = """O'HAI" onload=x '<b>&amp;;"""
    samples.publish(store, buckets.media, samples.ready_clip(name))
    page = http.get(f"/embed/{quote(name, safe='')}")
    assert page.status_code == 200
    assert "<b>" not in page.text
    elements = list(html.document_fromstring(page.text).iter())
    assert not any("onload" in each.attrib for each in elements)
    assert name in [each.get("label") for each in elements]
    told = http.get("/oembed", params={"url": f"http://127.0.0.1:8080/embed/{quote(name, safe='')}"}).json()
    assert told["html"].count('"') == 14
    assert "<b>" not in told["html"]
