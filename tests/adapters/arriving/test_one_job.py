"""Uploads that are worked on while they arrive: in order, whole in the end, and ended when they should be."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.adapters import arriving, sources, transfers
from tasks.adapters.arriving import Arriving
from tasks.adapters.object_store import ObjectStore, PreconditionFailed, RangeNotSatisfiable
from tasks.adapters.process import Stopped
from tasks.adapters.sources import Sources
from tasks.errors import TemporarilyUnavailable
from tests.adapters.arriving.paced import KEY, MIB, NEVER, Pace, Paced, close_meanwhile
from tests.adapters.test_s3_answers import answering
from tests.conftest import Buckets
from tests.media.fronts.laid import laid


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
        # Who wants a part only is not kept waiting for the rest.
        part = b"".join(arriving.chunks(NEVER, share=0.1))
        assert laid(upload).startswith(part)
        assert 0.1 * len(upload) < len(part) < len(upload)
        assert not arriving.is_whole
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


def test_a_large_object_is_asked_for_piece_by_piece_and_all_of_them_are_of_the_same(
    paced: Paced, pace: Pace, buckets: Buckets, upload: bytes, etag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "_REQUEST_BYTES", 2 * MIB)
    size_bytes = len(upload)
    chunks = paced.gradually(buckets.incoming, KEY, etag=etag, size_bytes=size_bytes, first=100)
    assert next(chunks) == upload[100 : 100 + MIB]
    assert pace.parts == [range(100, 100 + 2 * MIB)]
    assert b"".join(chunks) == upload[100 + MIB :]
    assert [part.start for part in pace.parts] == list(range(100, size_bytes, 2 * MIB))
    with pytest.raises(TemporarilyUnavailable) as told:
        list(paced.gradually(buckets.incoming, KEY, etag=etag, size_bytes=size_bytes - 1))
    assert f"it has {size_bytes} bytes" in told.value.detail
    chunks = paced.gradually(buckets.incoming, KEY, etag=etag, size_bytes=size_bytes)
    next(chunks)
    paced.put(buckets.incoming, KEY, upload[::-1], content_type="video/mp4")
    with pytest.raises(PreconditionFailed):
        list(chunks)


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
        # Who is patient does not hurry it.
        seen, ended = come[-1], threading.Event()
        with ThreadPoolExecutor(1) as pool:
            patient = pool.submit(upload.whole, ended, is_patient=True)
            assert not ended.wait(0.5)
            assert come[-1] == seen
            assert upload.whole() == "digest"
            assert patient.result() == "digest"


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
