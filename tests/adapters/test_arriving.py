"""Uploads that are worked on while they arrive: in order, whole in the end, shared, and no job hangs on another one."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tasks.adapters import arriving, sources, upload_way
from tasks.adapters.arriving import Arriving
from tasks.adapters.cage import Cage
from tasks.adapters.ffmpeg import Ffmpeg
from tasks.adapters.object_store import ObjectStore, ObjectStream, PreconditionFailed, RangeNotSatisfiable
from tasks.adapters.process import Stopped
from tasks.adapters.sources import Sources
from tasks.adapters.upload_way import Upload
from tasks.errors import TemporarilyUnavailable
from tests import clips
from tests.adapters.test_s3_answers import answering
from tests.conftest import REGION, Buckets
from tests.media.test_front_index import laid
from tests.servers import S3Server

MIB: Final = 1024**2
KEY: Final = "clip.mp4"
NEVER: Final = threading.Event()


@dataclass
class Pace:
    """How far a download of the whole may go, in chunks of a MiB, and how it ends; further ones wait to be let."""

    chunks: int = 10**6
    fails: bool = False
    downloads: int = 0
    parts: list[range] = field(default_factory=list)
    open: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def let(self, chunks: int = 10**6, *, fails: bool = False) -> None:
        with self.changed:
            self.chunks, self.fails = chunks, fails
            self.changed.notify_all()

    def is_over(self, number: int) -> bool:
        return number < self.chunks or self.fails

    def through(self, stream: ObjectStream) -> Iterator[bytes]:
        for number, chunk in enumerate(stream.chunks):
            with self.changed:
                # Somebody who gives up is not to wait for ever.
                self.changed.wait_for(partial(self.is_over, number), 60)
                if number >= self.chunks:
                    raise TemporarilyUnavailable("store_unavailable", "It broke off.")
            yield chunk


class Paced(ObjectStore):
    """A real store, whose downloads of whole objects go as a test lets them."""

    pace: Pace

    def exactly(self, bucket: str, key: str, *, etag: str, part: range | None = None) -> ObjectStream:
        stream = super().exactly(bucket, key, etag=etag, part=part)
        self.pace.open += 1

        def close() -> None:
            self.pace.open -= 1
            stream.close()

        if part is None:
            self.pace.downloads += 1
            return replace(stream, chunks=self.pace.through(stream), close=close)
        self.pace.parts.append(part)
        return replace(stream, close=close)


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A film of 8 MiB with its index at its end: white noise in H.264."""
    path = tmp_path_factory.mktemp("upload") / "clip.mp4"
    clips.make(
        path,
        *("-f", "lavfi", "-i", "nullsrc=size=320x180:rate=25:duration=3,geq=random(1)*255:128:128"),
        *("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=3"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-qp", "4", "-pix_fmt", "yuv420p", "-c:a", "aac"),
    )
    made = path.read_bytes()
    assert 6 * MIB < len(made) < 16 * MIB
    assert made.index(b"mdat") < made.index(b"moov")
    return made


@pytest.fixture
def pace() -> Pace:
    return Pace()


@pytest.fixture
def paced(store: ObjectStore, pace: Pace) -> Paced:
    made = Paced(store._client)
    made.pace = pace
    return made


@pytest.fixture
def etag(store: ObjectStore, buckets: Buckets, upload: bytes) -> str:
    return store.put(buckets.incoming, KEY, upload, content_type="video/mp4")


@pytest.fixture
def begin(
    paced: Paced, buckets: Buckets, upload: bytes, etag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Arriving]:
    monkeypatch.setattr(upload_way, "_BEGINNING_BYTES", MIB)
    shared = Sources(paced, tmp_path, large_bytes=MIB)

    def run(name: str = "source", should_stop: Callable[[], bool] = lambda: False, tag: str = etag) -> Arriving:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        return shared.begin(
            buckets.incoming, KEY, tmp_path / name, etag=tag, size_bytes=len(upload), should_stop=should_stop
        )

    return run


@pytest.fixture(autouse=True)
def nothing_is_left(pace: Pace) -> Iterator[None]:
    yield
    assert [each.name for each in threading.enumerate() if each.name in {"arriving", "feeder"}] == []
    assert pace.open == 0


def close_meanwhile(arriving: Arriving, pace: Pace) -> None:
    """Close it while its next bytes are awaited."""
    closing = threading.Thread(target=arriving.close)
    closing.start()
    while not arriving.is_closing:
        closing.join(0.01)
    pace.let()
    closing.join()


def shared_names(folder: Path) -> list[str]:
    return sorted(each.suffix[:8] for each in (folder / "sources").iterdir())


def test_work_begins_with_the_index_and_the_first_media_and_ends_with_the_objects_hash(
    begin: Callable[..., Arriving], pace: Pace, upload: bytes
) -> None:
    pace.let(2)
    with begin() as arriving:
        assert not arriving.is_whole
        front = laid(upload)
        there = arriving.path.read_bytes()
        assert MIB < len(there) < 3 * MIB
        assert front.startswith(there)
        pace.let()
        assert arriving.whole() == hashlib.sha256(upload).hexdigest()
        assert arriving.is_whole
        assert arriving.path.read_bytes() == front


def test_an_index_in_front_leaves_the_file_as_it_is(
    begin: Callable[..., Arriving], pace: Pace, store: ObjectStore, buckets: Buckets, upload: bytes
) -> None:
    front = laid(upload)
    tag = store.put(buckets.incoming, KEY, front, content_type="video/mp4")
    pace.let(3)
    with begin(tag=tag) as arriving:
        assert not arriving.is_whole
        pace.let()
        assert arriving.whole() == hashlib.sha256(front).hexdigest()
        assert arriving.path.read_bytes() == front


def test_a_reader_and_whoever_wants_a_share_wait_for_what_has_not_come(
    begin: Callable[..., Arriving], pace: Pace, upload: bytes
) -> None:
    pace.let(2)
    with begin() as arriving:
        came, share = bytearray(), threading.Event()

        def read() -> None:
            for chunk in arriving.chunks(NEVER):
                came.extend(chunk)

        def wait() -> None:
            arriving.wait_for_share(0.1)
            share.set()

        threads = [threading.Thread(target=read), threading.Thread(target=wait)]
        for thread in threads:
            thread.start()
        assert not share.wait(0.3)
        assert len(came) < 3 * MIB
        assert laid(upload).startswith(came)
        pace.let(6)
        assert share.wait(20)
        pace.let()
        for thread in threads:
            thread.join(20)
        assert bytes(came) == laid(upload)
        arriving.wait_for_share(1.0)
        assert arriving.is_whole


def test_what_is_small_or_not_to_be_read_so_is_there_whole_as_it_is_in_the_store(
    begin: Callable[..., Arriving], paced: Paced, pace: Pace, buckets: Buckets, upload: bytes, etag: str, tmp_path: Path
) -> None:
    with Sources(paced, tmp_path).begin(
        buckets.incoming, KEY, tmp_path / "small", etag=etag, size_bytes=len(upload)
    ) as arriving:
        assert arriving.is_whole
        assert arriving.path.read_bytes() == upload
        assert b"".join(arriving.chunks(NEVER)) == upload
    (tmp_path / "small").unlink()
    sources.forget_unused(tmp_path)
    other = bytes(len(upload))
    tag = paced.put(buckets.incoming, KEY, other, content_type="video/mp4")
    with begin(tag=tag) as arriving:
        assert arriving.is_whole
        assert arriving.whole() == hashlib.sha256(other).hexdigest()
        assert arriving.path.read_bytes() == other
    assert pace.downloads == 2


@pytest.mark.parametrize("more", [-MIB, MIB])
def test_a_size_that_was_told_wrong_costs_nothing_but_time(
    paced: Paced, buckets: Buckets, upload: bytes, etag: str, tmp_path: Path, more: int
) -> None:
    shared = Sources(paced, tmp_path, large_bytes=MIB)
    with shared.begin(buckets.incoming, KEY, tmp_path / "source", etag=etag, size_bytes=len(upload) + more) as arriving:
        assert arriving.is_whole
        assert b"".join(arriving.chunks(NEVER)) == upload


def test_a_download_that_breaks_off_is_told_to_all_at_once(begin: Callable[..., Arriving], pace: Pace) -> None:
    pace.let(2)
    with begin() as arriving:
        reader = arriving.chunks(NEVER)
        next(reader)
        pace.let(4, fails=True)
        for wait in (arriving.whole, lambda: arriving.wait_for_share(0.9), lambda: list(reader)):
            with pytest.raises(TemporarilyUnavailable, match="It broke off"):
                wait()
        assert not arriving.is_whole


def test_a_disk_that_fails_meanwhile_is_told_as_such(
    begin: Callable[..., Arriving], pace: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace.let(2)
    with begin() as arriving:

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "pwrite", full)
        pace.let()
        with pytest.raises(TemporarilyUnavailable) as told:
            arriving.whole()
        assert told.value.code == "disk_full"


def test_what_is_closed_or_stopped_ends_its_download_and_whoever_waits(
    begin: Callable[..., Arriving], pace: Pace
) -> None:
    pace.let(2)
    arriving = begin()
    close_meanwhile(arriving, pace)
    arriving.close()
    with pytest.raises(Stopped):
        arriving.whole()

    pace.let(2)
    asked = threading.Event()
    with begin("other", should_stop=asked.is_set) as arriving:
        reader_stops = threading.Event()
        reader = arriving.chunks(reader_stops)
        next(reader)
        reader_stops.set()
        with pytest.raises(Stopped):
            list(reader)
        asked.set()
        pace.let()
        with pytest.raises(Stopped):
            arriving.whole()


def test_an_object_that_was_replaced_does_not_even_begin(
    begin: Callable[..., Arriving], store: ObjectStore, buckets: Buckets
) -> None:
    store.put(buckets.incoming, KEY, b"other bytes", content_type="video/mp4")
    with pytest.raises(PreconditionFailed):
        begin()


def test_a_second_job_takes_the_growing_file_and_neither_asks_the_store_nor_leaves_anything(
    begin: Callable[..., Arriving], pace: Pace, upload: bytes, tmp_path: Path
) -> None:
    pace.let(2)
    with begin("one/source") as first, begin("other/source") as second:
        assert not second.is_whole
        assert second.path.samefile(first.path)
        pace.let()
        assert second.whole() == first.whole() == hashlib.sha256(upload).hexdigest()
        assert b"".join(second.chunks(NEVER)) == laid(upload)
        with begin("late/source") as third:
            assert third.is_whole
            assert third.whole() == second.whole()
    assert pace.downloads == 1
    sources.forget_unused(tmp_path)
    assert len(shared_names(tmp_path)) == 1  # it is still in use
    for name in ("one", "other", "late"):
        (tmp_path / name / "source").unlink()
    sources.forget_unused(tmp_path)
    assert shared_names(tmp_path) == []


@pytest.mark.parametrize("how", ["fails", "closes"])
def test_a_job_goes_on_by_itself_when_the_first_one_fails_or_ends(
    begin: Callable[..., Arriving], pace: Pace, upload: bytes, tmp_path: Path, how: str
) -> None:
    pace.let(3)
    first = begin("one/source")
    sources.forget_unused(tmp_path)
    with begin("other/source") as second:
        reader = second.chunks(NEVER)
        came = [next(reader)]
        if how == "fails":
            pace.let(3, fails=True)
            with pytest.raises(TemporarilyUnavailable):
                first.whole()
            pace.let()
            first.close()
        else:
            close_meanwhile(first, pace)
        first.path.unlink()
        sources.forget_unused(tmp_path)
        assert second.whole() == hashlib.sha256(upload).hexdigest()
        assert b"".join([*came, *reader]) == laid(upload)
    # The rest alone.
    assert pace.downloads == 1
    assert MIB < pace.parts[-1].start < pace.parts[-1].stop == len(upload)
    second.path.unlink()
    sources.forget_unused(tmp_path)
    assert shared_names(tmp_path) == []


def test_what_a_dead_job_began_is_cleaned_away(begin: Callable[..., Arriving], pace: Pace, tmp_path: Path) -> None:
    pace.let(2)
    first = begin()
    pace.let(2, fails=True)
    with pytest.raises(TemporarilyUnavailable):
        first.whole()
    assert ".growing" in shared_names(tmp_path)
    first.close()
    first.path.unlink()
    sources.forget_unused(tmp_path)
    assert shared_names(tmp_path) == []


def test_what_was_laid_otherwise_is_not_gone_on_with(
    begin: Callable[..., Arriving], pace: Pace, tmp_path: Path, upload: bytes
) -> None:
    pace.let(2)
    first = begin()
    pace.let(2, fails=True)
    with pytest.raises(TemporarilyUnavailable):
        first.whole()
    (growing,) = (tmp_path / "sources").glob("*.growing-*")
    growing.rename(growing.with_suffix(".growing-of-another-release"))
    pace.let()
    # It may have begun to work on it by then.
    with pytest.raises(TemporarilyUnavailable), begin("other") as other:
        other.whole()
    with begin("third") as third:
        assert third.whole() == hashlib.sha256(upload).hexdigest()
        assert third.path.read_bytes() == laid(upload)


FIRST_JOB: Final = """
import sys, time
from pathlib import Path
from dataclasses import replace
from tasks.adapters import upload_way
from tasks.adapters.object_store import ObjectStore
from tasks.adapters.sources import Sources
from tasks.adapters.upload_way import Upload
upload_way._BEGINNING_BYTES = 1024**2
endpoint, region, bucket, key, etag, size, root = sys.argv[1:]

class Slow(ObjectStore):
    def exactly(self, *arguments, part=None, **options):
        stream = super().exactly(*arguments, part=part, **options)
        return stream if part else replace(stream, chunks=self.slowly(stream.chunks))
    def slowly(self, chunks):
        for number, chunk in enumerate(chunks):
            time.sleep(0 if number < 3 else 0.4)
            yield chunk

store = Slow.connect(endpoint_url=endpoint, region=region)
shared = Sources(store, Path(root), large_bytes=1024**2)
with shared.begin(bucket, key, Path(root) / "one", etag=etag, size_bytes=int(size)) as arriving:
    print("begun", flush=True)
    print(arriving.whole(), flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_job_goes_on_when_the_first_ones_process_is_killed_or_frozen_and_wakes_up(
    begin: Callable[..., Arriving],
    s3_server: S3Server,
    buckets: Buckets,
    upload: bytes,
    etag: str,
    pace: Pace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: signal.Signals,
) -> None:
    monkeypatch.setattr(sources, "_PATIENCE_S", 0.3)
    told = (s3_server.endpoint_url, REGION, buckets.incoming, KEY, etag, str(len(upload)), str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", FIRST_JOB, *told], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"begun\n"
        first.send_signal(how)
        try:
            with begin("other") as second:
                assert second.path.samefile(tmp_path / "one")
                digest = second.whole()
                assert digest == hashlib.sha256(upload).hexdigest()
                assert second.path.read_bytes() == laid(upload)
            if how is signal.SIGSTOP:
                first.send_signal(signal.SIGCONT)
                assert first.stdout.readline().decode().strip() == digest
                assert first.wait(30) == 0
                assert second.path.read_bytes() == laid(upload)
        finally:
            first.kill()
    assert pace.downloads == 0
    assert MIB < pace.parts[-1].start < pace.parts[-1].stop == len(upload)


def framehash(folder: Path, ffmpeg: Ffmpeg, feed: Arriving | None, *sought: str) -> tuple[str, ...]:
    (folder / "hashes").unlink(missing_ok=True)
    ffmpeg.run(
        folder,
        (
            "-nostdin",
            "-v",
            "error",
            "-protocol_whitelist",
            "file",
            *sought,
            "-i",
            "source",
            "-f",
            "framehash",
            "hashes",
        ),
        timeout_s=60,
        feed=feed,
    )
    # Between streams the order is the file's or that of the times.
    return tuple(sorted((folder / "hashes").read_text().splitlines()))


@pytest.mark.parametrize("mode", ["off", "auto"])
def test_ffmpeg_reads_an_upload_as_it_arrives_and_makes_the_same_of_it(
    begin: Callable[..., Arriving], pace: Pace, upload: bytes, tmp_path: Path, mode: str
) -> None:
    ffmpeg = Ffmpeg(clips.FFMPEG, Cage(mode))
    pace.let(2)
    with begin("job/source") as arriving:
        threading.Timer(1.0, pace.let).start()
        fed = framehash(tmp_path / "job", ffmpeg, arriving)
        assert arriving.is_whole
        (tmp_path / "whole").mkdir()
        (tmp_path / "whole" / "source").write_bytes(upload)
        assert fed == framehash(tmp_path / "whole", ffmpeg, None)
        assert fed == framehash(tmp_path / "job", ffmpeg, arriving)  # by its name, now


def test_a_run_that_goes_ahead_in_an_upload_waits_for_all_of_it(
    begin: Callable[..., Arriving], pace: Pace, tmp_path: Path
) -> None:
    ffmpeg = Ffmpeg(clips.FFMPEG, Cage("off"))
    pace.let(2)
    with begin("job/source") as arriving:
        threading.Timer(0.5, pace.let).start()
        fed = framehash(tmp_path / "job", ffmpeg, arriving, "-ss", "2.5")
        assert arriving.is_whole
        assert fed == framehash(tmp_path / "job", ffmpeg, None, "-ss", "2.5")


@pytest.mark.parametrize("mode", ["off", "auto"])
def test_ffmpeg_never_takes_a_part_for_the_whole(
    begin: Callable[..., Arriving], pace: Pace, tmp_path: Path, mode: str
) -> None:
    pace.let(2)
    with begin("job/source") as arriving:
        threading.Timer(0.5, lambda: pace.let(4, fails=True)).start()
        with pytest.raises(TemporarilyUnavailable, match="It broke off"):
            framehash(tmp_path / "job", Ffmpeg(clips.FFMPEG, Cage(mode)), arriving)


def test_a_part_is_exactly_what_was_asked_for(
    store: ObjectStore, buckets: Buckets, upload: bytes, etag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = store.exactly(buckets.incoming, KEY, etag=etag, part=range(10, 3 * MIB))
    assert b"".join(stream.chunks) == upload[10 : 3 * MIB]
    with pytest.raises(RangeNotSatisfiable):
        store.exactly(buckets.incoming, KEY, etag=etag, part=range(len(upload), len(upload) + 1))
    with pytest.raises(PreconditionFailed):
        store.exactly(buckets.incoming, KEY, etag="0" * 32, part=range(10))
    told = {"ETag": '"abc"', "Last-Modified": "Thu, 03 Dec 2020 11:00:30 GMT", "Content-Type": "video/mp4"}
    # It knows of no parts; or it gives another one.
    for more in ({}, {"Content-Range": "bytes 0-3/4"}):
        with answering(b"body", told | more, monkeypatch) as other, pytest.raises(TemporarilyUnavailable):
            other.exactly("bucket", KEY, etag="abc", part=range(1, 4))


def test_what_nobody_waits_for_yet_comes_gently_and_at_once_when_somebody_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "_RESERVE_BYTES", 0)
    monkeypatch.setattr(arriving, "_AT_ONCE_BYTES", 2)
    monkeypatch.setattr(arriving, "_GENTLE_BYTES_PER_S", 0.01)
    monkeypatch.setattr(arriving, "_GENTLE_S", 100.0 * 8)
    path = tmp_path / "source"
    path.write_bytes(b"12345678")
    come: list[int] = []
    with Arriving(path, 8) as upload:

        def bring() -> str:
            for there in range(1, 9):
                come.append(there)
                upload.grow(there)
                upload.linger(1)
                if upload.is_closing:
                    raise Stopped("nobody wants it")
            return "digest"

        upload.start(bring)
        upload.wait_for_share(3 / 8)
        assert not upload.is_whole
        assert come[-1] < 8
        assert upload.whole() == "digest"


def test_a_download_that_lingers_is_ended_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "_AT_ONCE_BYTES", 0)
    monkeypatch.setattr(arriving, "_GENTLE_BYTES_PER_S", 0.001)
    monkeypatch.setattr(arriving, "_GENTLE_S", 10_000.0)
    path = tmp_path / "source"
    path.write_bytes(b"12")
    upload = Arriving(path, 2)
    ended = threading.Event()

    def bring() -> str:
        upload.grow(1)
        upload.linger(1)
        ended.set()
        return "digest"

    upload.start(bring)
    assert not ended.is_set()
    upload.close()
    assert ended.is_set()


def test_a_download_that_is_gone_on_with_can_be_stopped_while_it_reads_what_is_there(
    store: ObjectStore, buckets: Buckets, upload: bytes, etag: str, tmp_path: Path
) -> None:
    wanted = Upload(store=store, bucket=buckets.incoming, key=KEY, etag=etag, size_bytes=len(upload))
    front = wanted.look()
    assert front is not None
    path = tmp_path / "begun"
    path.write_bytes(laid(upload)[: 4 * MIB])
    with pytest.raises(Stopped):
        wanted.bring(path, front, is_new=False, on_growth=lambda _: None, is_stopped=lambda: True)


def test_what_was_begun_is_kept_where_the_store_fails_whoever_goes_on_with_it(
    begin: Callable[..., Arriving], pace: Pace, upload: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace.let(4)
    first = begin("one/source")
    close_meanwhile(first, pace)
    assert shared_names(tmp_path).count(".growing") == 1

    def fails(*_: object, **__: object) -> ObjectStream:
        raise TemporarilyUnavailable("store_unavailable", "Once.")

    with monkeypatch.context() as broken:
        broken.setattr(Paced, "exactly", fails)
        with pytest.raises(TemporarilyUnavailable, match="Once"), begin("two/source") as second:
            second.whole()
    assert shared_names(tmp_path).count(".growing") == 1
    with begin("three/source") as third:
        assert third.whole() == hashlib.sha256(upload).hexdigest()
