"""What portals ask of the API, on real servers: search, waiting, changes as events, and records that are not stale."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import httpx
import pytest

from tasks.adapters.changes import CHANGED, REBUILD
from tasks.pipeline import feeds as step
from tasks.pipeline.services import Services
from tasks.records import feeds, keys
from tests.gateway import samples
from workers.web import changes, record_cache
from workers.web.catalogue import Catalogue

PATIENCE_S = 30.0


def commit(services: Services, name: str, **changes: Any) -> None:
    """Write a clip's record as the pipeline does, without a word to the feeds' worker."""
    mark = keys.clip_name_mark(name)
    services.store.put(services.settings.media_bucket, mark, b"", content_type="text/plain")
    services.clips.update(name, lambda record: (record or samples.clip(name)).evolve(**changes))


def told(services: Services, name: str, **changes: Any) -> None:
    """The same, told in the feeds."""
    commit(services, name, **changes)
    step.publish(services, CHANGED)


def caught_up(http: httpx.Client, services: Services) -> int:
    """Have all told that earlier tests left, and return the number of the last change once the gateway knows of it."""
    step.publish(services, CHANGED)
    body = services.store.get(services.settings.media_bucket, keys.LATEST_CHANGES).body
    last = feeds.Changes.model_validate_json(body).changes[-1].sequence
    await_(lambda: http.get("/api/v1/changes").json()["last"] == last)
    return last


@pytest.fixture(scope="module", autouse=True)
def _published(services: Services) -> None:
    step.publish(services, REBUILD)
    commit(services, "120320_OHAI1", air_date="2020-12-03", state="ready")
    commit(services, "120320_OHAI2", air_date="2020-12-03", state="failed")
    commit(services, "120420_OTHANH1", air_date="2020-12-04", state="ready")
    for article_id, title in (("muoi", "Vụ muối mới ở Đê Biển"), ("ca", "Mùa cá")):
        services.articles.update(article_id, lambda _, i=article_id, t=title: samples.article(i, title=t))
    step.publish(services, CHANGED)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("clips?state=ready&q=120", ["120320_OHAI1", "120420_OTHANH1"]),
        ("clips?state=ready&state=failed&to=2020-12-03", ["120320_OHAI1", "120320_OHAI2"]),
        ("clips?from=2020-12-04&to=2020-12-31", ["120420_OTHANH1"]),
        ("clips?prefix=120320_ohai", ["120320_OHAI1", "120320_OHAI2"]),
        ("clips?q=thanh", ["120420_OTHANH1"]),
        ("articles?q=de%20bien", ["muoi"]),
        ("articles?q=MUỐI", ["muoi"]),
        ("articles?q=mùa%20ca", ["ca"]),
        ("articles?state=waiting", []),
        ("articles?from=2026-03-12&to=2026-03-12", ["ca", "muoi"]),
    ],
)
def test_lists_are_searched_by_state_day_name_and_text(http: httpx.Client, path: str, found: list[str]) -> None:
    page = http.get(f"/api/v1/{path}").json()
    assert [each["name"] for each in page["items"]] == found


def test_a_search_goes_on_over_pages(http: httpx.Client) -> None:
    page = http.get("/api/v1/clips?state=ready&q=120&limit=1").json()
    assert [each["name"] for each in page["items"]] == ["120320_OHAI1"]
    page = http.get(page["next"]).json()
    assert [each["name"] for each in page["items"]] == ["120420_OTHANH1"]
    assert page["next"] is None


def test_an_entrys_urls_lead_to_what_is_published(http: httpx.Client, services: Services) -> None:
    entry = http.get("/api/v1/articles?prefix=ca").json()["items"][0]
    assert entry["record"] == f"{services.settings.gateway_url}/media/articles/ca/article.json"


@pytest.mark.parametrize("query", ["state=odd", "from=yesterday", "wait=never", "timeout=1e9", "urls=short"])
def test_what_cannot_be_asked_is_a_problem(http: httpx.Client, query: str) -> None:
    path = "clips" if query.startswith(("state", "from")) else "clips/120320_OHAI1"
    answer = http.get(f"/api/v1/{path}?{query}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")


def test_a_change_reaches_the_lists_and_the_records_soon(http: httpx.Client, services: Services) -> None:
    told(services, "seen-soon")
    await_(lambda: http.get("/api/v1/clips?prefix=seen-soon").json()["items"])
    told(services, "seen-soon", state="ready")
    await_(lambda: http.get("/api/v1/clips?prefix=seen-soon&state=ready").json()["items"])
    await_(lambda: http.get("/api/v1/clips/seen-soon").json()["state"] == "ready")


def test_a_finished_record_is_not_asked_of_the_store_again_until_it_changes(
    http: httpx.Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(services, "kept", state="ready")
    await_(lambda: http.get("/api/v1/clips?prefix=kept").json()["items"])
    monkeypatch.setattr(record_cache, "_FRESH_S", 0.0)
    asked: list[str] = []
    stored = record_cache.records.stored

    def counted(services: Services, key: str) -> Any:
        asked.append(key)
        return stored(services, key)

    monkeypatch.setattr(record_cache.records, "stored", counted)
    for _ in range(20):
        assert http.get("/api/v1/clips/kept").json()["state"] == "ready"
    # A poll that falls between may have it read once more.
    assert len(asked) <= 2
    # Nobody tells the feeds: the change's mark is enough.
    commit(services, "kept", state="withdrawn")
    await_(lambda: http.get("/api/v1/clips/kept").json()["state"] == "withdrawn")


def test_progress_of_work_is_seen_though_no_feed_tells_it(http: httpx.Client, services: Services) -> None:
    told(services, "at-work", state="processing", progress=0.1)
    assert http.get("/api/v1/clips/at-work").json()["progress"] == 0.1
    commit(services, "at-work", progress=0.7)
    await_(lambda: http.get("/api/v1/clips/at-work").json()["progress"] == 0.7)


def test_waiting_ends_when_the_clip_is_ready(http: httpx.Client, services: Services) -> None:
    told(services, "awaited", state="processing")
    timer = threading.Timer(0.7, lambda: told(services, "awaited", state="ready"))
    timer.start()
    answer = http.get("/api/v1/clips/awaited?wait=ready&timeout=25")
    timer.join()
    assert answer.json()["state"] == "ready"


@pytest.mark.parametrize("wait", ["playable", "ready"])
def test_nobody_waits_for_a_clip_that_failed(http: httpx.Client, wait: str) -> None:
    began = time.monotonic()
    answer = http.get(f"/api/v1/clips/120320_OHAI2?wait={wait}&timeout=60")
    assert answer.json()["state"] == "failed"
    assert time.monotonic() - began < 30


def test_waiting_in_vain_answers_what_is_there(http: httpx.Client, services: Services) -> None:
    told(services, "slow", state="playable")
    assert http.get("/api/v1/clips/slow?wait=ready&timeout=0.3").json()["state"] == "playable"
    assert http.get("/api/v1/clips/slow?wait=playable&timeout=30").json()["state"] == "playable"
    assert http.get("/api/v1/clips/never-there?wait=ready&timeout=0.3").status_code == 404


def test_changes_are_told_page_by_page(http: httpx.Client, services: Services) -> None:
    start = caught_up(http, services)
    for number in range(3):
        told(services, f"paged-{number}")
    await_(lambda: http.get(f"/api/v1/changes?after={start}").json()["last"] == start + 3)
    names, following = [], f"/api/v1/changes?after={start}&limit=2"
    while following:
        page = http.get(following).json()
        names += [each["name"] for each in page["changes"]]
        following = page["next"]
    assert names == ["paged-0", "paged-1", "paged-2"]
    assert http.get(f"/api/v1/changes?after={page['last']}").json() == {
        "changes": [],
        "last": page["last"],
        "next": None,
    }


def test_changes_of_the_past_are_read_from_the_feeds_pages(http: httpx.Client, services: Services) -> None:
    told(services, "one-more")
    await_(lambda: http.get("/api/v1/clips?prefix=one-more").json()["items"])
    everything = http.get("/api/v1/changes?after=0&limit=1000").json()["changes"]
    assert {"120320_OHAI1", "muoi", "one-more"} <= {each["name"] for each in everything}
    numbers = [each["sequence"] for each in everything]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@contextmanager
def listening(http: httpx.Client, **headers: str) -> Iterator[Iterator[str]]:
    """The lines of a stream of events."""
    with http.stream("GET", "/api/v1/changes", headers={"Accept": "text/event-stream", **headers}) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield answer.iter_lines()


def events(lines: Iterator[str], count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in lines:
        if line.startswith("data: "):
            found.append(json.loads(line.removeprefix("data: ")))
            if len(found) == count:
                break
    return found


def test_a_listener_is_told_each_change_and_misses_none_when_it_comes_back(
    http: httpx.Client, services: Services
) -> None:
    caught_up(http, services)
    with listening(http) as lines:
        assert next(lines) == "retry: 2000"
        told(services, "heard-1")
        (first,) = events(lines, 1)
    assert (first["kind"], first["name"], first["state"]) == ("clip", "heard-1", "received")
    told(services, "heard-2")
    told(services, "heard-3")
    with listening(http, **{"Last-Event-ID": str(first["sequence"])}) as lines:
        names = [each["name"] for each in events(lines, 2)]
    assert names == ["heard-2", "heard-3"]


def test_a_silent_stream_says_that_it_is_alive(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "HEARTBEAT_S", 0.2)
    with listening(http) as lines:
        # Changes of earlier tests may still come before.
        assert any(line == ": still here" for line in islice(lines, 60))


def test_listeners_are_bounded_and_one_that_leaves_makes_room(
    http: httpx.Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.gateway.conftest import serving

    monkeypatch.setattr(changes, "MAX_LISTENERS", 1)
    with serving(services) as url, httpx.Client(base_url=url, timeout=30) as client:
        with listening(client):
            full = client.get("/api/v1/changes", headers={"Accept": "text/event-stream"})
            assert (full.status_code, full.json()["code"]) == (503, "too_many_listeners")
            assert client.get("/api/v1/changes").status_code == 200

        def is_let_in() -> bool:
            with client.stream("GET", "/api/v1/changes", headers={"Accept": "text/event-stream"}) as answer:
                return answer.status_code == 200

        await_(is_let_in)


def test_urls_are_as_stored_absolute_or_presigned(http: httpx.Client, services: Services) -> None:
    hls, mp4 = "v/hls/master.m3u8", "v/mp4/tin 1.mp4"
    commit(services, "Đê 1", **{"hls": hls, "mp4": [{**MP4, "url": "v/mp4/tin%201.mp4"}], "state": "ready"})
    key = f"clips/Đê 1/{mp4}"
    services.store.put(services.settings.media_bucket, key, b"a film", content_type="video/mp4")
    path = "/api/v1/clips/%C4%90%C3%AA%201"
    base = f"{services.settings.gateway_url}/media/clips/%C4%90%C3%AA%201/"
    absolute = http.get(f"{path}?urls=absolute")
    assert absolute.json()["hls"] == base + hls
    assert absolute.json()["mp4"][0]["url"] == base + "v/mp4/tin%201.mp4"
    assert absolute.headers["ETag"] != http.get(path).headers["ETag"]
    again = http.get(f"{path}?urls=absolute", headers={"If-None-Match": absolute.headers["ETag"]})
    assert again.status_code == 304
    presigned = http.get(f"{path}?urls=presigned")
    assert "no-store" in presigned.headers["Cache-Control"]
    # A playlist names segments, which its signature would not cover.
    assert presigned.json()["hls"] == base + hls
    assert httpx.get(presigned.json()["mp4"][0]["url"]).content == b"a film"


def test_a_head_is_a_get_without_its_body(http: httpx.Client) -> None:
    told_, head = http.get("/api/v1/clips/120320_OHAI1"), http.head("/api/v1/clips/120320_OHAI1")
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", told_.headers["ETag"])


def test_the_feeds_themselves_are_served_with_their_headers(http: httpx.Client, services: Services) -> None:
    latest = http.get("/media/changes/latest.json")
    assert latest.headers["Cache-Control"] == keys.CACHE_RECORD
    assert latest.headers["Content-Type"].startswith("application/json")
    again = http.get("/media/changes/latest.json", headers={"If-None-Match": latest.headers["ETag"]})
    assert again.status_code == 304
    assert http.get("/media/days/2020-12-03.json").json()["clips"][0]["name"] == "120320_OHAI1"
    assert http.get("/media/index/changed/").status_code == 404


def test_a_catalogue_that_hears_nothing_vouches_for_nothing(services: Services) -> None:
    catalogue = Catalogue(services)
    assert not catalogue.is_unchanged(("clip", "a"), time.monotonic())
    catalogue._take(*catalogue._look(None, 0))
    assert catalogue.is_unchanged(("clip", "120320_OHAI1"), time.monotonic())
    catalogue._polled_s -= 60
    assert not catalogue.is_unchanged(("clip", "120320_OHAI1"), time.monotonic())


def test_the_past_is_read_page_by_page_from_the_first_that_is_asked_for(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    step.publish(services, CHANGED)
    monkeypatch.setattr(feeds, "PAGE_CHANGES", 2)
    for number in range(9):
        told(services, f"past-{number}")
    catalogue = Catalogue(services)
    catalogue._take(*catalogue._look(None, 0))
    first = catalogue.sequence - 8
    found = catalogue._reader.read_past(first - 1, 5)
    assert [each.name for each in found] == [f"past-{number}" for number in range(5)]
    assert [each.sequence for each in catalogue._reader.read_past(first + 6, 100)] == [first + 7, first + 8]
    for number in range(9):
        told(services, f"past-{number}", state="ready")
    polled = catalogue._reader.poll(catalogue._known.etag, catalogue.sequence)
    assert [(each.name, each.state) for each in polled.changes] == [(f"past-{number}", "ready") for number in range(9)]


def test_a_mark_forbids_vouching_before_the_record_is_written(services: Services) -> None:
    catalogue = Catalogue(services)
    key = services.changes.put("clip", "120320_OHAI1", None)
    catalogue._take(*catalogue._look(None, 0))
    assert not catalogue.is_unchanged(("clip", "120320_OHAI1"), time.monotonic() - 0.5)
    services.store.delete(services.settings.media_bucket, key)


MP4 = {
    "url": "",
    "width": 640,
    "height": 360,
    "bitrate_bps": 300_000,
    "size_bytes": 6,
    "codecs": "avc1.64001e,mp4a.40.2",
}


def await_(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.1)
