"""A withdrawn clip is served and named nowhere any more, whatever was remembered of it a moment before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import httpx
import pytest
from pydantic import SecretStr

from tasks.adapters.changes import CHANGED, REBUILD
from tasks.adapters.clock import utc_now
from tasks.pipeline import feeds
from tasks.pipeline.ingest import ingest
from tasks.pipeline.link import link
from tasks.pipeline.services import Services
from tasks.records import keys
from tests.gateway import samples
from tests.gateway.conftest import serving

NAME = "120312_MUỐI1"
OPERATOR = "an operator's token"
PATIENCE_S = 30.0
PREFIX = keys.version_prefix(NAME, samples.VERSION)
MEDIA = ("poster.jpg", "hls/master.m3u8", "mp4/video.mp4")
# What every URL of its media has, in a path or in a query.
MARKS = (f"{samples.VERSION}/", f"{samples.VERSION}%2F")


@pytest.fixture
def http(services: Services) -> Iterator[httpx.Client]:
    settings = services.settings.model_copy(update={"operator_token": SecretStr(OPERATOR)})
    with serving(replace(services, settings=settings)) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture
def published(services: Services) -> None:
    """A ready clip in a story, its media, and the feeds."""
    store, bucket = services.store, services.settings.media_bucket
    for name in MEDIA:
        store.put(bucket, PREFIX + name, b"x" * 100, content_type="image/jpeg", cache_control=keys.CACHE_IMMUTABLE)
    store.put(bucket, keys.clip_name_mark(NAME), b"", content_type="text/plain")
    feeds.publish(services, REBUILD)
    services.clips.update(NAME, lambda _: samples.ready_clip(NAME, updated_at=utc_now()))
    now = utc_now().astimezone(services.settings.zone)
    text = f"Vụ muối\n{now:%d.%m.%Y | %H:%M:%S}\n\nSáng nay, bà con diêm dân ra đồng.\n\nVideo: {NAME}.mp4\n"
    upload = "articles/muối.txt"
    store.put(services.settings.incoming_bucket, upload, text.encode(), content_type="text/plain")
    ingest(services, upload)
    link(services, "muối")
    feeds.publish(services, CHANGED)


def public(http: httpx.Client) -> dict[str, str]:
    """Everything that tells of clips, by its path."""
    day = http.get("/media/days/index.json").json()["days"]
    paths = [
        f"/api/v1/clips/{quote(NAME)}",
        f"/api/v1/clips/{quote(NAME)}?urls=absolute",
        f"/api/v1/clips/{quote(NAME)}?urls=presigned",
        f"/api/v1/articles/{quote('muối')}",
        "/api/v1/clips",
        "/api/v1/articles",
        f"/media/clips/{quote(NAME)}/clip.json",
        f"/media/articles/{quote('muối')}/article.json",
        *(f"/media/days/{each['day']}.json" for each in day),
        "/",
        f"/stories/{quote('muối')}",
        f"/embed/{quote(NAME)}",
        "/desk",
        f"/desk/stories/{quote('muối')}",
        "/sitemap-video-1.xml",
        "/feeds/media.rss",
    ]
    told = {path: http.get(path).text for path in paths}
    for page in (f"embed/{quote(NAME)}", f"stories/{quote('muối')}"):
        told[page] = http.get("/oembed", params={"url": f"http://127.0.0.1:8080/{page}"}).text
    return told


def naming(told: dict[str, str]) -> set[str]:
    return {path for path, text in told.items() if any(mark in text for mark in MARKS)}


@pytest.mark.usefixtures("published")
def test_nothing_public_names_or_serves_the_media_of_a_withdrawn_clip(http: httpx.Client, services: Services) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while len(http.get("/api/v1/clips").json()["items"]) != 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    before = public(http)
    # That it would be found if it were there.
    assert len(naming(before)) >= 12, naming(before)
    assert "<iframe" in before[f"embed/{quote(NAME)}"]
    assert http.get(f"/media/{quote(PREFIX)}poster.jpg").status_code == 200

    answer = http.post(f"/api/v1/clips/{quote(NAME)}/withdraw", headers={"Authorization": f"Bearer {OPERATOR}"})
    assert answer.json()["state"] == "withdrawn"
    for name in MEDIA:
        assert http.get(f"/media/{quote(PREFIX)}{name}").status_code == 404
        assert http.head(f"/media/{quote(PREFIX)}{name}", headers={"If-None-Match": "*"}).status_code == 404
    link(services, "muối")
    feeds.publish(services, CHANGED)

    # What is kept for a second, and the look at the feeds that comes once a second.
    deadline = time.monotonic() + PATIENCE_S
    while (left := naming(public(http))) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == set()
    after = public(http)
    assert "<item>" not in after["/feeds/media.rss"]
    assert "<video" not in after["/sitemap-video-1.xml"]
    assert '"code":"not_found"' in after[f"embed/{quote(NAME)}"]
    assert '"code":"not_found"' in after[f"stories/{quote('muối')}"]
    assert "ld+json" not in after[f"/embed/{quote(NAME)}"]
    assert http.get(f"/embed/{quote(NAME)}").status_code == 410
