"""The commands that give orders, and ``newsreel reconcile``, against a real store and broker."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator

import pytest
import structlog
from click.testing import CliRunner, Result

from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import ObjectStore
from tasks.errors import NewsreelError
from tasks.records import keys
from tasks.records.clip_facts import SourceFacts
from tasks.records.clip_record import ClipRecord, ClipState
from tests.conftest import Buckets
from tests.servers import S3Server


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(autouse=True)
def _env(monkeypatch: pytest.MonkeyPatch, s3_server: S3Server, buckets: Buckets, redis_url: str) -> None:
    monkeypatch.setenv("NEWSREEL_BROKER_URL", redis_url)
    monkeypatch.setenv("NEWSREEL_S3_ENDPOINT_URL", s3_server.endpoint_url)
    monkeypatch.setenv("NEWSREEL_INCOMING_BUCKET", buckets.incoming)
    monkeypatch.setenv("NEWSREEL_MEDIA_BUCKET", buckets.media)
    monkeypatch.setenv("NEWSREEL_CAGE", "off")


def newsreel(name: str, *arguments: str) -> Result:
    command = importlib.import_module(f"workers.commands.{name}").command
    return CliRunner().invoke(command, list(arguments))


def have(store: ObjectStore, buckets: Buckets, name: str) -> None:
    now = utc_now()
    record = ClipRecord(
        name=name,
        version="v1",
        state=ClipState.RECEIVED,
        queue="transcode",
        updated_at=now,
        source=SourceFacts(key=f"clips/{name}.mp4", etag="e", size_bytes=9),
    )
    store.put(buckets.media, keys.clip_name_mark(name), b"", content_type="application/octet-stream")
    store.put(buckets.media, keys.clip_record(name), record.to_json(), content_type="application/json")


def test_orders_are_given_by_a_clips_name_or_its_files_and_told_in_words(store: ObjectStore, buckets: Buckets) -> None:
    have(store, buckets, "120320_OHAI1")
    moved = newsreel("priority", "120320_ohai1.mp4", "urgent")
    assert moved.output == "120320_OHAI1: It waits in the queue transcode.urgent.\n"
    ended = newsreel("cancel", "120320_OHAI1")
    assert ended.exit_code == 0
    assert ended.output.startswith("120320_OHAI1: Processing it is stopped.")
    again = newsreel("cancel", "120320_OHAI1")
    assert (again.exit_code, again.output) == (
        0,
        "120320_OHAI1: nothing to do. There is nothing to stop: it is failed.\n",
    )
    gone = json.loads(newsreel("withdraw", "120320_OHAI1", "--reason", "Wrong person.", "--json").output)
    assert (gone["state"], gone["changed"]) == ("withdrawn", True)
    refused = newsreel("reprocess", "120320_OHAI1", "--ladder", "archive")
    assert isinstance(refused.exception, NewsreelError)
    assert "Restore it first" in str(refused.exception)
    missing = newsreel("restore", "120320_OHAI1")
    assert "Upload it, then restore it" in str(missing.exception)


def test_a_clip_that_nobody_knows_is_answered_with_similar_names(store: ObjectStore, buckets: Buckets) -> None:
    have(store, buckets, "120320_OTHANH3")
    assert "Did you mean 120320_OTHANH3" in str(newsreel("retry", "120320_OTHAN3").exception)


def test_reconcile_says_what_there_is_to_do_and_does_it_unless_it_is_dry(store: ObjectStore, buckets: Buckets) -> None:
    # What other tests left unfinished.
    newsreel("reconcile")
    store.put(buckets.incoming, "clips/unseen.mp4", b"bytes", content_type="video/mp4")
    for _ in range(2):
        dry = newsreel("reconcile", "--dry-run")
        assert dry.exit_code == 0
        assert dry.output.splitlines() == ["queue clips/unseen.mp4, which is not finished", "1 thing to do."]
    assert newsreel("reconcile").output.splitlines()[-1] == "1 thing done."
    assert newsreel("reconcile").output == "Nothing to do.\n"
