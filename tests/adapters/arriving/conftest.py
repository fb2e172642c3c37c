"""A film in the store, and jobs on this machine that begin to fetch it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.adapters import ordered_download
from tasks.adapters.arriving import Arriving
from tasks.adapters.object_store import ObjectStore
from tasks.adapters.sources import Sources
from tests import clips
from tests.adapters.arriving.paced import KEY, MIB, Pace, Paced
from tests.conftest import Buckets


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
    monkeypatch.setattr(ordered_download, "_BEGINNING_BYTES", MIB)
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
