"""Portals that are told of changes: configuring them, changing records, and waiting until all is delivered."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from tasks.adapters.changes import CHANGED
from tasks.adapters.endpoints import read_endpoints
from tasks.adapters.outbox import Outbox
from tasks.pipeline import feeds, notify_orders
from tasks.pipeline import notify as step
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.deliveries import DeliveryState
from tests.gateway import samples
from tests.receiver import SECRET, Receiver


def toml(*portals: Receiver, events: str = '["*"]') -> str:
    return "".join(
        f'[[endpoint]]\nname = "p{place}"\nurl = "{each.url}"\nsecret = "{SECRET}"\nevents = {events}\n'
        for place, each in enumerate(portals)
    )


def with_endpoints(services: Services, text: str) -> Services:
    bucket = services.settings.media_bucket
    return replace(services, outbox=Outbox(services.store, bucket, read_endpoints(text)))


def change(services: Services, name: str, **changes: Any) -> None:
    """Change a clip's record as the pipeline does, and have the feeds tell of it."""
    services.store.put(services.settings.media_bucket, keys.clip_name_mark(name), b"", content_type="text/plain")
    services.clips.update(name, lambda record: (record or samples.clip(name)).evolve(**changes))
    feeds.publish(services, CHANGED)


def change_article(services: Services, article_id: str, **changes: Any) -> None:
    services.articles.update(article_id, lambda record: (record or samples.article(article_id)).evolve(**changes))
    feeds.publish(services, CHANGED)


def outcomes(services: Services) -> list[tuple[str, str, int]]:
    return [(each.type, each.state.value, each.attempts) for each in notify_orders.listed(services)]


def until_all_are_done(services: Services) -> None:
    """Ring as the scheduler does, until nothing is under way."""
    deadline = time.monotonic() + 60
    step.notify(services)
    while any(each.state is DeliveryState.PENDING for each in notify_orders.listed(services)):
        assert time.monotonic() < deadline
        step.notify(services)


def waited(is_so: Any, patience_s: float = 11.0) -> None:
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
