"""Jobs that share an upload while it arrives: none hangs on another one, and what was begun is gone on with."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tasks.adapters import sources
from tasks.adapters.arriving import Arriving
from tasks.adapters.object_store import ObjectStore, ObjectStream
from tasks.adapters.ordered_download import Upload
from tasks.adapters.process import Stopped
from tasks.errors import TemporarilyUnavailable
from tests import clips
from tests.adapters.arriving.paced import KEY, MIB, NEVER, Pace, Paced, close_meanwhile, shared_names
from tests.conftest import REGION, Buckets
from tests.media.fronts.laid import laid
from tests.servers import S3Server


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
from tasks.adapters import ordered_download
from tasks.adapters.object_store import ObjectStore
from tasks.adapters.sources import Sources
from tasks.adapters.ordered_download import Upload
ordered_download._BEGINNING_BYTES = 1024**2
endpoint, region, bucket, key, etag, size, root = sys.argv[1:]

class Slow(ObjectStore):
    def gradually(self, *arguments, **options):
        for number, chunk in enumerate(super().gradually(*arguments, **options)):
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


def test_a_file_whose_front_was_written_anew_is_gone_on_with_by_the_objects_own_hash(
    store: ObjectStore, buckets: Buckets, tmp_path: Path
) -> None:
    tape = clips.make(
        tmp_path / "tape.mxf", "-f", "lavfi", "-i", "testsrc2=duration=12", "-c:v", "mpeg2video", "-b:v", "4M"
    ).read_bytes()
    etag = store.put(buckets.incoming, "tape.mxf", tape, content_type="application/mxf")
    wanted = Upload(store=store, bucket=buckets.incoming, key="tape.mxf", etag=etag, size_bytes=len(tape))
    front = wanted.look()
    assert front is not None
    assert len(front.pieces) > 1
    assert not tape.startswith(front.prefix[: front.pieces[0][0]])
    for there in (0, 1000, len(front.prefix) + 1, len(tape) // 2, len(tape) - 1):
        path = tmp_path / "begun"
        path.write_bytes(laid(tape)[:there])
        digest = wanted.bring(path, front, is_new=False, on_growth=lambda _: None, is_stopped=lambda: False)
        assert digest == hashlib.sha256(tape).hexdigest()
        assert path.read_bytes() == laid(tape)
