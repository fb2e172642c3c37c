"""``newsreel status``: clips, articles and queues in words and as JSON, against a real store and a real broker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import redis
from click.testing import CliRunner, Result

from config.queues import ALL_QUEUES
from config.settings import Settings
from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import ObjectStore
from tasks.records import keys
from tasks.records.article_record import ArticleRecord, ArticleSource, ArticleState, Reference, ReferenceState
from tasks.records.base import Failure, Notice
from tasks.records.clip_facts import ArticleLink, Lease, SourceFacts, Timings
from tasks.records.clip_record import ClipRecord, ClipState
from tests.conftest import Buckets
from tests.servers import S3Server
from workers.client import Client, connect
from workers.commands.status import command
from workers.explain import explain_clip, what_next
from workers.overview import NoSuchClip, Queues, find, gather

NO_QUEUES = Queues(depths=dict.fromkeys(ALL_QUEUES, 0))


def clip(name: str, state: ClipState, **changes: object) -> ClipRecord:
    now = utc_now()
    return ClipRecord(
        name=name,
        version="v1",
        state=state,
        queue="transcode",
        updated_at=now,
        source=SourceFacts(key=f"clips/{name}.mp4", etag="e", size_bytes=24_900_000),
        timings=Timings(uploaded_at=now - timedelta(seconds=130), received_at=now - timedelta(seconds=129)),
    ).evolve(**changes)


@pytest.fixture(scope="module")
def redis_url(redis_url: str) -> str:
    """A database of its own: other tests leave messages in the first one's queues."""
    return redis_url.rpartition("/")[0] + "/9"


@pytest.fixture(scope="module")
def env(s3_server: S3Server, buckets: Buckets, redis_url: str) -> dict[str, str]:
    return {
        "NEWSREEL_BROKER_URL": redis_url,
        "NEWSREEL_S3_ENDPOINT_URL": s3_server.endpoint_url,
        "NEWSREEL_INCOMING_BUCKET": buckets.incoming,
        "NEWSREEL_MEDIA_BUCKET": buckets.media,
        "AWS_ACCESS_KEY_ID": s3_server.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
    }


@pytest.fixture(scope="module")
def client(env: dict[str, str], store: ObjectStore, buckets: Buckets) -> Iterator[Client]:
    """A stack with two clips, an upload that nobody has noticed yet, and an article."""
    made = connect(env=env)
    failure = Failure(code="unreadable", message="This file is not a video.", detail="moov atom not found")
    for record in (
        clip("120320_OHAI1", ClipState.READY, progress=1.0),
        clip("Đê điều 2", ClipState.FAILED, failure=failure),
    ):
        made.clips.update(record.name, lambda _, record=record: record)
        store.put(buckets.media, keys.clip_name_mark(record.name), b"", content_type="text/plain")
    for key in ("clips/120320_OHAI4.mp4", "clips/.hidden", "clips/120320_OHAI1.mp4"):
        store.put(buckets.incoming, key, b"film", content_type="video/mp4")
    store.put(buckets.media, keys.article_source("story"), b"{}", content_type="text/plain")
    made.articles.update(
        "story",
        lambda _: ArticleRecord(
            id="story",
            title="Kỳ họp",
            state=ArticleState.WAITING,
            updated_at=utc_now(),
            source=ArticleSource(key="articles/story.txt", etag="e", size_bytes=1),
            references=(
                Reference(name="120320_OHAI1", paragraph="p1", state=ReferenceState.LINKED),
                Reference(name="120320_OHAI4", paragraph="p2", state=ReferenceState.WAITING),
            ),
        ),
    )
    yield made
    made.store.close()


@pytest.fixture
def status(env: dict[str, str], client: Client) -> Callable[..., Result]:
    def run(*arguments: str, **changes: str) -> Result:
        return CliRunner().invoke(command, arguments, env={**env, **changes}, catch_exceptions=False)

    return run


def test_everything_is_gathered(client: Client, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as broker:
        broker.delete(*ALL_QUEUES)  # what tests of other modules have left
    overview = gather(client)
    assert [record.name for record in overview.clips] == ["120320_OHAI1", "Đê điều 2"]
    assert [record.id for record in overview.articles] == ["story"]
    assert [upload.key for upload in overview.unseen] == ["clips/120320_OHAI4.mp4"]
    assert overview.queues.depths == dict.fromkeys(ALL_QUEUES, 0)


def test_the_depth_of_a_queue_is_what_waits_in_it(client: Client, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as broker:
        broker.rpush("transcode.urgent", "a", "b")
        try:
            depths = gather(client).queues.depths
        finally:
            broker.delete("transcode.urgent")
    assert depths is not None
    assert depths["transcode.urgent"] == 2


def test_the_table_shows_each_of_them(status: Callable[..., Result]) -> None:
    result = status()
    assert result.exit_code == 0
    for words in (
        "120320_OHAI1",
        "This file is not a video.",
        "no worker has seen it yet",
        "1 of 2 references linked; lacking: 120320_OHAI4 (waiting)",
        "transcode.urgent 0",
    ):
        assert words in result.output


def test_a_broker_that_is_away_hides_nothing_else(status: Callable[..., Result]) -> None:
    result = status(NEWSREEL_BROKER_URL="redis://127.0.0.1:1/0")
    assert result.exit_code == 0
    assert "120320_OHAI1" in result.output
    assert "unknown: the broker does not answer" in result.output


def test_json_is_all_there_is_on_stdout(status: Callable[..., Result], client: Client) -> None:
    everything = json.loads(status("--json").stdout)
    assert set(everything) == {"clips", "articles", "unseen", "queues", "unreadable"}
    assert [each["name"] for each in everything["clips"]] == ["120320_OHAI1", "Đê điều 2"]
    assert everything["clips"][0]["schema"] == "newsreel/clip/1"
    record = client.clips.get("120320_OHAI1")
    assert record is not None
    assert json.loads(status("120320_OHAI1", "--json").stdout) == json.loads(record.to_json())
    assert json.loads(status("120320_OHAI4", "--json").stdout)["key"] == "clips/120320_OHAI4.mp4"


@pytest.mark.parametrize("asked", ["120320_OHAI1", "120320_OHAI1.mp4", "120320_ohai1", "120320_ohai1.MP4"])
def test_a_clip_is_found_by_name_and_file_name(client: Client, asked: str) -> None:
    found = find(client, asked)
    assert isinstance(found, ClipRecord)
    assert found.name == "120320_OHAI1"


def test_decomposed_letters_find_the_clip_too(client: Client) -> None:
    found = find(client, "Đe\u0302 đie\u0302\u0300u 2.mp4")
    assert isinstance(found, ClipRecord)
    assert found.state is ClipState.FAILED


def test_a_clip_that_is_not_there_brings_similar_names(client: Client) -> None:
    with pytest.raises(NoSuchClip, match="Did you mean 120320_OHAI1"):
        find(client, "120320_OHAY1.mp4")
    with pytest.raises(NoSuchClip, match=r"There is no clip or article zzz\.$"):
        find(client, "zzz")


def test_a_failed_clip_is_explained_to_its_end(status: Callable[..., Result]) -> None:
    lines = status("Đê điều 2").output.splitlines()
    assert lines[0] == "Đê điều 2: failed"
    assert "  failure     This file is not a video. (unreadable)" in lines
    assert "  detail      moov atom not found" in lines
    assert "  next        Upload a corrected file under the same name." in lines


def test_an_unnoticed_upload_is_explained(status: Callable[..., Result]) -> None:
    output = status("120320_OHAI4").output
    assert output.startswith("clips/120320_OHAI4.mp4: uploaded")
    assert "newsreel doctor" in output


def test_what_happens_next() -> None:
    now = utc_now()
    lease = Lease(owner="host/1", attempt=1, heartbeat_at=now, expires_at=now + timedelta(seconds=30))
    silent = lease.evolve(heartbeat_at=now - timedelta(seconds=90), expires_at=now - timedelta(seconds=30))
    failure = Failure(code="gave_up", message="m", retryable=True)
    young = Timings(received_at=now)
    away = Queues(depths=None, trouble="refused")
    links = (ArticleLink(article="a", paragraph="p"),)
    for record, queues, expected in (
        (clip("a", ClipState.READY, links=links), NO_QUEUES, "Nothing to do."),
        (clip("a", ClipState.READY), NO_QUEUES, "once an article has a Video: line"),
        (clip("a", ClipState.WITHDRAWN), NO_QUEUES, "newsreel restore a"),
        (clip("a", ClipState.FAILED, failure=failure), NO_QUEUES, "newsreel retry a"),
        (clip("a", ClipState.PROCESSING, lease=lease), NO_QUEUES, "Being processed by host/1"),
        (clip("a", ClipState.PROCESSING, lease=silent), NO_QUEUES, "silent for 1 min 30 s"),
        (clip("a", ClipState.RECEIVED, retry_at=now + timedelta(seconds=20)), NO_QUEUES, "tried again in 20.0 s"),
        (clip("a", ClipState.RECEIVED, timings=young), NO_QUEUES, "waits for its turn"),
        (clip("a", ClipState.RECEIVED), NO_QUEUES, "No worker has taken it from the queue transcode"),
        (clip("a", ClipState.RECEIVED), away, "broker does not answer"),
    ):
        assert expected in what_next(record, queues=queues, now=now)


def test_a_new_version_of_a_published_clip_is_shown_beside_it() -> None:
    record = clip("a", ClipState.READY, hls="v1/hls/main.m3u8")
    new = clip("a", ClipState.FAILED, version="v2", failure=Failure(code="x", message="Not a video."))
    record = record.evolve(next=new, warnings=(Notice(code="w", message="of the old one"),))
    lines = list(explain_clip(record, queues=NO_QUEUES, settings=Settings(), now=utc_now()))
    assert lines[0] == "a: ready, a new version is failed"
    assert "  hls         v1/hls/main.m3u8" in lines
    assert "  failure     Not a video. (x)" in lines
