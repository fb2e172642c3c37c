"""``newsreel put``: keys, refusals, and following an upload to its end, against a real store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import ObjectInfo, ObjectStore
from tasks.adapters.records import RecordStore
from tasks.records import arrival, keys
from tasks.records.article_record import ArticleRecord, ArticleSource, ArticleState, Reference, ReferenceState
from tasks.records.base import Failure
from tasks.records.clip_facts import SourceFacts
from tasks.records.clip_record import ClipRecord, ClipState
from tests.conftest import Buckets
from tests.servers import S3Server
from workers import follow
from workers.client import Client, NotRunning, connect
from workers.commands.put import command
from workers.follow import TookTooLong, Upload, look, of_article, watch
from workers.upload import NotUploadable, key_of, pack, send_one


@pytest.fixture
def env(s3_server: S3Server, buckets: Buckets) -> dict[str, str]:
    return {
        "NEWSREEL_S3_ENDPOINT_URL": s3_server.endpoint_url,
        "NEWSREEL_INCOMING_BUCKET": buckets.incoming,
        "NEWSREEL_MEDIA_BUCKET": buckets.media,
        "AWS_ACCESS_KEY_ID": s3_server.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
    }


@pytest.fixture
def client(env: dict[str, str]) -> Iterator[Client]:
    made = connect(env=env)
    yield made
    made.store.close()


@pytest.fixture
def put(env: dict[str, str]) -> Callable[..., Result]:
    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(command, [str(each) for each in arguments], env=env)

    return run


def record_of(info: ObjectInfo, **changes: object) -> ClipRecord:
    """The record that ingest makes of an upload."""
    source = SourceFacts(key=info.key, etag=info.etag, size_bytes=info.size_bytes)
    record = arrival.first_record(
        name=keys.stem(info.key),
        source=source,
        version=arrival.derive_version(source, "test"),
        queue="transcode",
        uploaded_at=info.modified_at,
        now=utc_now(),
        parts={},
        warnings=(),
    )
    return record.evolve(**changes)


def article_of(info: ObjectInfo, state: ArticleState, *references: ReferenceState) -> ArticleRecord:
    """A record of an uploaded article."""
    return ArticleRecord(
        id=keys.stem(info.key),
        state=state,
        updated_at=utc_now(),
        source=ArticleSource(key=info.key, etag=info.etag, size_bytes=info.size_bytes),
        references=tuple(Reference(name=f"C{i}", paragraph=None, state=each) for i, each in enumerate(references)),
    )


def written(store: RecordStore[ClipRecord], record: ClipRecord) -> None:
    store.update(record.name, lambda _: record)


def a_file(folder: Path, name: str, content: bytes = b"film") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("file_name", "key"),
    [
        ("120320_OHAI1.mp4", "clips/120320_OHAI1.mp4"),
        ("Đê điều 1.MP4", "clips/Đê điều 1.MP4"),
        ("Đ\u1ec1.mov", "clips/Đ\u1ec1.mov"),
        ("Đe\u0302\u0300.mov", "clips/Đe\u0302\u0300.mov"),
        ("bài 1.TXT", "articles/bài 1.TXT"),
        ("story.html", "articles/story.html"),
        ("story.json", "articles/story.json"),
    ],
)
def test_a_key_keeps_the_letters_of_the_file_name(file_name: str, key: str) -> None:
    assert key_of(file_name) == key


@pytest.mark.parametrize(
    "file_name", ["", "notes.xyz", "no extension", ".hidden.mp4", "a/b.mp4", "a\nb.mp4", "\udcff.mp4"]
)
def test_names_that_nobody_would_find_again_are_refused(file_name: str) -> None:
    with pytest.raises(NotUploadable):
        key_of(file_name)


def test_what_is_no_file_with_content_is_refused(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path / "missing.mp4", "no such file"),
        (tmp_path, "is a folder"),
        (a_file(tmp_path, "empty.mp4", b""), "is empty"),
        (a_file(tmp_path, "file.mp4") / "below.mp4", "can't be read"),
    ):
        with pytest.raises(NotUploadable, match=reason):
            pack([path])


def test_two_files_that_would_have_one_key_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(NotUploadable, match="would both become"):
        pack([a_file(tmp_path, "a.mp4"), a_file(tmp_path / "other", "a.mp4")])


def test_as_renames_and_keeps_the_extension(tmp_path: Path) -> None:
    file = a_file(tmp_path, "export.MOV")
    assert [pack([file], name)[0].key for name in ("120320_OHAI1", "120320_OHAI1.mp4", "v1.2")] == [
        "clips/120320_OHAI1.MOV",
        "clips/120320_OHAI1.mp4",
        "clips/v1.2.MOV",
    ]


def test_put_uploads_what_it_says(
    put: Callable[..., Result], store: ObjectStore, buckets: Buckets, tmp_path: Path
) -> None:
    result = put(a_file(tmp_path, "Tin chiều 1.mp4"), a_file(tmp_path, "tin chiều.txt", b"text"))
    assert result.exit_code == 0, result.output
    assert "put clips/Tin chiều 1.mp4 (4 B in " in result.output
    assert store.get(buckets.incoming, "clips/Tin chiều 1.mp4").body == b"film"
    assert store.get(buckets.incoming, "articles/tin chiều.txt").body == b"text"


def test_a_large_file_goes_in_parts(client: Client, buckets: Buckets, tmp_path: Path) -> None:
    [parcel] = pack([a_file(tmp_path, "large.mov", bytes(80 * 1024**2))])
    sent: list[int] = []
    upload = send_one(client, parcel, sent.append)
    assert upload.info.size_bytes == sum(sent) == parcel.size_bytes
    assert "-" in upload.info.etag, "an ETag of several parts says how many"


def test_as_wants_one_file(put: Callable[..., Result], tmp_path: Path) -> None:
    result = put(a_file(tmp_path, "a.mp4"), a_file(tmp_path, "b.mp4"), "--as", "c")
    assert result.exit_code == 2
    assert "exactly one FILE" in result.output


def test_wait_ends_well_when_the_clip_is_ready(
    put: Callable[..., Result], client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = a_file(tmp_path, "ready.mp4")
    upload = send_one(client, pack([file])[0])
    was_seen = threading.Event()

    def noted(*args: Any) -> follow.Sight:
        sight = look(*args)
        if sight.state == "processing":
            was_seen.set()
        return sight

    monkeypatch.setattr(follow, "look", noted)

    def ingest_and_encode() -> None:
        written(client.clips, record_of(upload.info, state=ClipState.PROCESSING, progress=0.5, speed=2.0))
        # However busy this machine is: it is encoded until somebody has looked.
        was_seen.wait(30)
        written(client.clips, record_of(upload.info, state=ClipState.READY, progress=1.0))

    worker = threading.Thread(target=ingest_and_encode)
    worker.start()
    result = put(file, "--wait", "--timeout", "30")
    worker.join()
    assert result.exit_code == 0, result.output
    assert "processing   50%  2.0x  transcode" in result.output
    assert result.output.rstrip().endswith("ready")


def test_the_same_bytes_of_a_ready_clip_are_ready_at_once(
    put: Callable[..., Result], client: Client, tmp_path: Path
) -> None:
    file = a_file(tmp_path, "again.mp4")
    upload = send_one(client, pack([file])[0])
    written(client.clips, record_of(upload.info, state=ClipState.READY, progress=1.0))
    started = time.monotonic()
    assert put(file, "--wait").exit_code == 0
    assert time.monotonic() - started < 5


def test_wait_tells_why_a_clip_failed(put: Callable[..., Result], client: Client, tmp_path: Path) -> None:
    file = a_file(tmp_path, "broken.mp4", b"no film at all")
    upload = send_one(client, pack([file])[0])
    # Of this very upload, or a later one: the failure is the answer to it, and need not be waited for again.
    failure = Failure(code="unreadable", message="This file is not a video.", detail="moov atom not found")
    record = record_of(upload.info, state=ClipState.FAILED, failure=failure)
    late = record.timings.evolve(uploaded_at=utc_now().replace(year=2100))
    written(client.clips, record.evolve(timings=late))
    result = put(file, "--wait")
    assert result.exit_code == 1
    assert "This file is not a video." in result.output
    assert "moov atom not found" in result.output


def test_a_failure_from_before_is_not_taken_for_the_answer_to_a_new_try(client: Client, tmp_path: Path) -> None:
    upload = send_one(client, pack([a_file(tmp_path, "retried.mp4")])[0])
    record = record_of(upload.info, state=ClipState.FAILED, failure=Failure(code="x", message="m"))
    before = record.timings.evolve(uploaded_at=upload.info.modified_at.replace(year=2000))
    written(client.clips, record.evolve(timings=before))
    assert not look(client, upload).is_final
    waited = Upload(info=upload.info, put_at=upload.put_at - 60)
    assert look(client, waited).is_final


def test_a_record_of_other_bytes_says_nothing_of_this_upload(client: Client, tmp_path: Path) -> None:
    old = send_one(client, pack([a_file(tmp_path, "newer.mp4", b"old")])[0])
    written(client.clips, record_of(old.info, state=ClipState.READY))
    new = send_one(client, pack([a_file(tmp_path, "newer.mp4", b"new")])[0])
    assert look(client, new).state == "uploaded"
    written(client.clips, record_of(new.info))
    assert look(client, old).state == "superseded"
    assert look(client, new).state == "received"


def test_an_upload_that_is_gone_is_told(client: Client, store: ObjectStore, buckets: Buckets, tmp_path: Path) -> None:
    upload = send_one(client, pack([a_file(tmp_path, "gone.mp4")])[0])
    store.delete(buckets.incoming, upload.info.key)
    sight = look(client, upload)
    assert (sight.is_final, sight.has_succeeded, sight.note) == (
        True,
        False,
        "It was removed from the incoming bucket.",
    )


def test_waiting_has_an_end(client: Client, tmp_path: Path) -> None:
    upload = send_one(client, pack([a_file(tmp_path, "nobody.mp4")])[0])
    with pytest.raises(TookTooLong, match="nobody"):
        list(watch(client, [upload], timeout_s=0.5))


LINKED, WAITING, FAILED = ReferenceState.LINKED, ReferenceState.WAITING, ReferenceState.FAILED


@pytest.mark.parametrize(
    ("state", "references", "is_final", "has_succeeded"),
    [
        (ArticleState.COMPLETE, (LINKED, LINKED), True, True),
        (ArticleState.COMPLETE, (), True, True),
        (ArticleState.WAITING, (LINKED, WAITING), False, False),
        (ArticleState.WAITING, (FAILED, WAITING), False, False),
        # Linked to a clip that is playable, not ready.
        (ArticleState.WAITING, (LINKED, LINKED), False, False),
        # Nothing more will come by itself.
        (ArticleState.WAITING, (LINKED, FAILED), True, False),
        (ArticleState.WAITING, (LINKED, ReferenceState.AMBIGUOUS), True, False),
        (ArticleState.FAILED, (), True, False),
    ],
)
def test_when_an_article_has_come_to_its_end(
    state: ArticleState, references: tuple[ReferenceState, ...], is_final: bool, has_succeeded: bool
) -> None:
    info = ObjectInfo(key="articles/a.txt", etag="e", size_bytes=1, modified_at=utc_now())
    sight = of_article(article_of(info, state, *references), elapsed_s=0)
    assert (sight.is_final, sight.has_succeeded) == (is_final, has_succeeded)


def test_the_file_of_a_stack_tells_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEWSREEL_S3_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-other-work")
    monkeypatch.setenv("NEWSREEL_MEDIA_BUCKET", "other-media")
    (tmp_path / "newsreel.env").write_text(
        "NEWSREEL_S3_ENDPOINT_URL=http://127.0.0.1:1\nNEWSREEL_MEDIA_BUCKET=media\n"
        "NEWSREEL_INCOMING_BUCKET='my incoming'\nAWS_ACCESS_KEY_ID=of-the-stack\nAWS_SECRET_ACCESS_KEY=s\n"
    )
    client = connect(tmp_path)
    assert client.settings.s3_endpoint_url == "http://127.0.0.1:1"
    assert client.settings.incoming_bucket == "my incoming"
    assert client.settings.media_bucket == "media", "a directory that was named wins over the environment"
    assert client.env["AWS_ACCESS_KEY_ID"] == "of-the-stack", "credentials go with the endpoint"


def test_no_stack_is_told_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match=f"newsreel up --data {tmp_path}"):
        connect(tmp_path)
