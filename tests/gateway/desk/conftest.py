"""A gateway with a desk, stories in every state, and a browser that looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Page
from pydantic import SecretStr

from tasks.adapters.changes import CHANGED, REBUILD
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import ObjectStore
from tasks.pipeline import feeds
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.article_record import ArticleRecord
from tests.conftest import Buckets
from tests.gateway import samples
from tests.gateway.browser import publish_media, watched
from tests.gateway.conftest import serving
from tests.gateway.desk.page import (
    HOSTILE,
    SECRET,
    lease,
    reference,
    story,
)

R = TypeVar("R")


def _instead(wanted: R, _: R | None) -> R:
    return wanted


@pytest.fixture(scope="module")
def told(services: Services) -> Callable[..., None]:
    """Publishes records as the pipeline does, feeds included."""

    def tell(*records: Any) -> None:
        for each in records:
            if isinstance(each, ArticleRecord):
                services.articles.update(each.id, partial(_instead, each))
            else:
                mark = keys.clip_name_mark(each.name)
                services.store.put(services.settings.media_bucket, mark, b"", content_type="text/plain")
                services.clips.update(each.name, partial(_instead, each))
        feeds.publish(services, CHANGED)

    return tell


@pytest.fixture(scope="module")
def desk(services: Services, store: ObjectStore, buckets: Buckets, told: Callable[..., None]) -> Iterator[str]:
    """A gateway with a desk that editors may sign in to, and stories in every state."""
    feeds.publish(services, REBUILD)
    publish_media(store, buckets.media, "120312_OTHANH1")
    vtt = "WEBVTT\n\n00:00:00.000 --> 00:00:03.000\nsheet-001.jpg#xywh=0,0,320,180\n"
    vtt += "\n00:00:03.000 --> 00:00:06.000\nsheet-001.jpg#xywh=320,180,320,180\n"
    prefix = keys.version_prefix("120312_OTHANH1", samples.VERSION)
    poster = store.get(buckets.media, f"{prefix}poster.jpg").body
    store.put(buckets.media, f"{prefix}storyboard/storyboard.vtt", vtt.encode(), content_type="text/vtt")
    store.put(buckets.media, f"{prefix}storyboard/sheet-001.jpg", poster, content_type="image/jpeg")
    upload = store.put(buckets.incoming, "clips/120312_OTHANH1.mp4", b"x" * 1000, content_type="video/mp4")
    board = {
        "vtt": f"{samples.VERSION}/storyboard/storyboard.vtt",
        "images": [f"{samples.VERSION}/storyboard/sheet-001.jpg"],
        "interval_s": 3.0,
    }
    source = {"key": "clips/120312_OTHANH1.mp4", "etag": upload, "size_bytes": 1000, "duration_s": 6.0}
    failure = {"code": "not_media", "message": "This file is a text, not a video.", "attempts": 1}
    told(
        samples.ready_clip("120312_OTHANH1", storyboard=board, source=source),
        samples.clip("120312_OTHANH2", state="processing", progress=0.42, speed=3.1, lease=lease()),
        samples.clip("120312_OTHANH3", state="failed", failure=failure),
        samples.clip("120312_OQUEUE1", queue="transcode"),
        story("salt", "Diêm dân ven biển vào vụ muối mới", "120312_OTHANH1", "120312_OTHANH2", "120312_OTHANH3"),
        story("queued", "Xã mở lớp phơi muối", "120312_OQUEUE1"),
        story(
            "typo",
            "Bản tin chiều",
            missing=[reference("120312_OTHAN1", suggestions=["120312_OTHANH1"]), reference("120312_OLATE1")],
        ),
        story("whole", "Đủ clip", "120312_OTHANH1").evolve(state="complete"),
        story("hostile", HOSTILE, missing=[reference(HOSTILE)]),
        samples.article("old", title="Bài cũ", updated_at=utc_now() - timedelta(days=9)),
    )
    settings = services.settings.model_copy(update={"operator_token": SecretStr(SECRET)})
    with serving(replace(services, settings=settings)) as url:
        yield url


@pytest.fixture(scope="module")
def browser(launch_chromium: Callable[..., Browser]) -> Browser:
    """Chromium as it comes."""
    return launch_chromium()


@pytest.fixture
def looked_at(browser: Browser, desk: str) -> Iterator[Callable[..., Page]]:
    """Opens the desk in a browser that must show no error."""
    with ExitStack() as opened:

        def look(path: str = "/desk", **options: Any) -> Page:
            options = {"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **options}
            page = opened.enter_context(watched(browser, desk, **options))
            page.goto(f"{desk}{path}")
            return page

        yield look
