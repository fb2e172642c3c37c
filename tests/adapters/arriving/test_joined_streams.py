"""A transport stream that turns out to be joined: all jobs are told before they are given it, and get it mended."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.adapters import ordered_download
from tasks.adapters.arriving import Arriving
from tasks.adapters.mending import mend
from tasks.adapters.object_store import ObjectStore
from tasks.adapters.sources import Sources
from tasks.media.fronts import ts
from tasks.media.transport.one_recording import JoinedError
from tests import clips
from tests.adapters.arriving.paced import KEY, MIB, NEVER, Pace, Paced, shared_names
from tests.conftest import Buckets

Begin = Callable[..., Arriving]


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Four seconds, 10 MiB, of white noise."""
    made = clips.make(
        tmp_path_factory.mktemp("stream") / "a.ts",
        *("-f", "lavfi", "-i", "nullsrc=size=320x180:rate=25:duration=4,geq=random(1)*255:128:128"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-qp", "4", "-g", "10", "-pix_fmt", "yuv420p"),
    ).read_bytes()
    assert 8 * MIB < len(made) < 20 * MIB
    return made


@pytest.fixture
def joined(stream: bytes) -> bytes:
    """Behind its third quarter its last second comes again: too little for the looks at its beginning to show."""
    end, begin = (round(len(stream) * share) // 188 * 188 for share in (0.74, 0.54))
    return stream[:end] + stream[begin:]


@pytest.fixture
def begun(
    paced: Paced, buckets: Buckets, joined: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Arriving]:
    monkeypatch.setattr(ordered_download, "_BEGINNING_BYTES", MIB)
    monkeypatch.setattr(ts, "PROBED_BYTES", MIB)
    etag = paced.put(buckets.incoming, KEY, joined, content_type="video/mp2t")
    shared = Sources(paced, tmp_path, large_bytes=MIB)

    def run(name: str, *, waits_for_all: bool = False) -> Arriving:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        return shared.begin(
            buckets.incoming,
            KEY,
            tmp_path / name,
            etag=etag,
            size_bytes=len(joined),
            waits_for_all=waits_for_all,
        )

    return run


def joint_of(joined: bytes, stream: bytes) -> int:
    return next(
        place for place in range(0, len(joined), 188) if joined[place : place + 188] != stream[place : place + 188]
    )


def test_all_jobs_are_told_before_they_are_given_what_follows_and_get_it_whole_and_mended(
    begun: Begin, pace: Pace, joined: bytes, stream: bytes, tmp_path: Path
) -> None:
    pace.let(4)
    with begun("one/source") as first, begun("two/source") as second:
        assert not first.is_whole
        assert shared_names(tmp_path) == [".growing", ".lock"]
        pace.let()
        for job in (first, second):
            read: list[bytes] = []
            with pytest.raises(JoinedError):
                read.extend(job.chunks(NEVER))
            assert len(b"".join(read)) <= joint_of(joined, stream)
            assert joined.startswith(b"".join(read))
            with pytest.raises(JoinedError):
                job.whole()
        assert shared_names(tmp_path) == [".lock"]
    for name in ("one", "two"):
        (tmp_path / name / "source").unlink()
    expected = tmp_path / "expected"
    expected.write_bytes(joined)
    mend(expected)
    assert expected.read_bytes() != joined
    with begun("one/source", waits_for_all=True) as first, begun("two/source", waits_for_all=True) as second:
        for job in (first, second):
            assert job.is_whole
            assert job.whole() == hashlib.sha256(joined).hexdigest()
            assert job.path.read_bytes() == expected.read_bytes()
        assert first.path.stat().st_ino == second.path.stat().st_ino


def test_what_is_one_recording_comes_as_it_is(
    paced: Paced,
    store: ObjectStore,
    buckets: Buckets,
    pace: Pace,
    stream: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ordered_download, "_BEGINNING_BYTES", MIB)
    monkeypatch.setattr(ts, "PROBED_BYTES", MIB)
    etag = store.put(buckets.incoming, KEY, stream, content_type="video/mp2t")
    pace.let(4)
    with Sources(paced, tmp_path, large_bytes=MIB).begin(
        buckets.incoming, KEY, tmp_path / "source", etag=etag, size_bytes=len(stream)
    ) as arriving:
        assert 2 * MIB <= arriving.there < len(stream)
        assert stream.startswith(arriving.path.read_bytes())
        pace.let()
        assert arriving.whole() == hashlib.sha256(stream).hexdigest()
        assert arriving.path.read_bytes() == stream
