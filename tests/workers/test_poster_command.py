"""``newsreel poster``, against a real store and broker."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import ObjectStore
from tasks.pipeline.order_steps import OrderRefused
from tasks.records import keys
from tasks.records.clip_facts import Poster, SourceFacts
from tasks.records.clip_record import ClipRecord, ClipState
from tests.conftest import Buckets
from tests.servers import S3Server
from workers.commands.poster import command


@pytest.fixture(autouse=True)
def _env(monkeypatch: pytest.MonkeyPatch, s3_server: S3Server, buckets: Buckets, redis_url: str) -> None:
    monkeypatch.setenv("NEWSREEL_BROKER_URL", redis_url)
    monkeypatch.setenv("NEWSREEL_S3_ENDPOINT_URL", s3_server.endpoint_url)
    monkeypatch.setenv("NEWSREEL_INCOMING_BUCKET", buckets.incoming)
    monkeypatch.setenv("NEWSREEL_MEDIA_BUCKET", buckets.media)
    monkeypatch.setenv("NEWSREEL_CAGE", "off")


@pytest.fixture(autouse=True)
def _clip(store: ObjectStore, buckets: Buckets) -> None:
    etag = store.put(buckets.incoming, "clips/120320_OHAI1.mp4", b"x" * 9, content_type="video/mp4")
    record = ClipRecord(
        name="120320_OHAI1",
        version="v1",
        state=ClipState.READY,
        updated_at=utc_now(),
        source=SourceFacts(key="clips/120320_OHAI1.mp4", etag=etag, size_bytes=9, duration_s=20),
        poster=Poster(url="v1/poster.jpg", width=2, height=2, time_s=1),
    )
    store.put(buckets.media, keys.clip_name_mark(record.name), b"", content_type="application/octet-stream")
    store.put(buckets.media, keys.clip_record(record.name), record.to_json(), content_type="application/json")


def poster(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["120320_ohai1.mp4", *arguments])


def wish(store: ObjectStore, buckets: Buckets) -> float | None:
    body = store.get(buckets.media, keys.clip_record("120320_OHAI1")).body
    return ClipRecord.model_validate_json(body).poster_wish_s


def test_a_moment_is_chosen_and_given_up_again(store: ObjectStore, buckets: Buckets) -> None:
    assert poster("--at", "12.3").output == "120320_OHAI1: Its poster is taken at 12.3 s.\n"
    assert wish(store, buckets) == 12.3
    again = json.loads(poster("--at", "12.3", "--json").stdout)
    assert (again["order"], again["changed"]) == ("poster", False)
    assert poster("--automatic").exit_code == 0
    assert wish(store, buckets) is None


@pytest.mark.parametrize("arguments", [(), ("--at", "1", "--automatic"), ("--at", "-1")])
def test_a_wrong_command_line_changes_nothing(store: ObjectStore, buckets: Buckets, arguments: tuple[str, ...]) -> None:
    assert poster(*arguments).exit_code == 2
    assert wish(store, buckets) is None


def test_a_moment_beyond_the_end_is_refused() -> None:
    refused = poster("--at", "21").exception
    assert isinstance(refused, OrderRefused)
    assert str(refused) == "21 s is not within 120320_OHAI1, which lasts 20 s."
