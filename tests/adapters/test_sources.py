"""Sources: jobs of one machine fetch an upload once, and no job depends on another one that fails, stops or stands."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.adapters import sources
from tasks.adapters.object_store import ObjectStore, PreconditionFailed
from tasks.adapters.process import Stopped
from tasks.adapters.sources import Sources
from tasks.adapters.workspace import Workspaces
from tests.conftest import Buckets

BODY = b"clip" * 100_000
DIGEST = hashlib.sha256(BODY).hexdigest()


class Counted(ObjectStore):
    """A real store that counts its downloads, and does something at the beginning of each."""

    downloads = 0
    at_start: Callable[[], None] = staticmethod(lambda: None)

    def download(
        self, bucket: str, key: str, path: Path, *, etag: str, should_stop: Callable[[], bool] = lambda: False
    ) -> str:
        self.downloads += 1
        self.at_start()
        return super().download(bucket, key, path, etag=etag, should_stop=should_stop)


@pytest.fixture
def counted(store: ObjectStore) -> Counted:
    return Counted(store._client)


@pytest.fixture
def etag(counted: Counted, buckets: Buckets) -> str:
    return counted.put(buckets.incoming, "a.mp4", BODY, content_type="video/mp4")


@pytest.fixture
def fetch(counted: Counted, buckets: Buckets, tmp_path: Path, etag: str) -> Callable[..., str]:
    shared = Sources(counted, tmp_path)

    def run(path: Path, *, should_stop: Callable[[], bool] = lambda: False, tag: str = etag) -> str:
        with shared.begin(
            buckets.incoming, "a.mp4", path, etag=tag, size_bytes=len(BODY), should_stop=should_stop
        ) as arriving:
            return arriving.whole()

    return run


def test_two_jobs_at_once_fetch_once_and_leave_nothing(
    counted: Counted, fetch: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long the store takes.
    monkeypatch.setattr(sources, "_PATIENCE_S", 60.0)
    workspaces, both = Workspaces(tmp_path), threading.Barrier(2)

    def job() -> tuple[str, bytes, int]:
        with workspaces.open(source_bytes=1) as folder:
            both.wait(20)
            digest = fetch(folder / "source")
            both.wait(20)
            return digest, (folder / "source").read_bytes(), (folder / "source").stat().st_ino

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(job), pool.submit(job)
        assert first.result() == second.result()
        assert first.result()[:2] == (DIGEST, BODY)
    assert counted.downloads == 1
    assert list((tmp_path / "sources").iterdir()) == []


def test_what_a_job_still_has_is_shared_with_later_ones_and_other_bytes_are_not(
    counted: Counted, buckets: Buckets, fetch: Callable[..., str], tmp_path: Path
) -> None:
    workspaces = Workspaces(tmp_path)
    with workspaces.open(source_bytes=1) as one:
        fetch(one / "source")
        with workspaces.open(source_bytes=1) as other:
            assert fetch(other / "source") == DIGEST
        assert counted.downloads == 1
        anew = counted.put(buckets.incoming, "a.mp4", b"other bytes", content_type="video/mp4")
        with workspaces.open(source_bytes=1) as third:
            assert fetch(third / "source", tag=anew) == hashlib.sha256(b"other bytes").hexdigest()
            assert (one / "source").read_bytes() == BODY
    with workspaces.open(source_bytes=1) as late, pytest.raises(PreconditionFailed):
        fetch(late / "source")  # nobody has it any more, neither here nor in the store


def test_a_download_that_fails_leaves_its_turn_to_the_next(
    counted: Counted, fetch: Callable[..., str], tmp_path: Path
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    counted.at_start = fail
    with pytest.raises(ZeroDivisionError):
        fetch(tmp_path / "one")
    counted.at_start = lambda: None
    assert fetch(tmp_path / "other") == DIGEST


def test_nobody_waits_for_one_who_stands(
    counted: Counted, fetch: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_PATIENCE_S", 0.2)
    standing, go_on = threading.Event(), threading.Event()

    def stand() -> None:
        counted.at_start = lambda: None
        standing.set()
        go_on.wait(30)

    counted.at_start = stand
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(fetch, tmp_path / "one")
        assert standing.wait(20)
        with pytest.raises(Stopped):
            fetch(tmp_path / "stopped", should_stop=lambda: True)
        assert fetch(tmp_path / "other") == DIGEST
        assert not first.done()
        go_on.set()
        assert first.result() == DIGEST
    assert counted.downloads == 2
