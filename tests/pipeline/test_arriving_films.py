"""Work on an upload begins while it arrives, comes to the same, and ends with it where the rest does not come."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tasks.adapters.arriving import Arriving
from tasks.adapters.process import Stopped
from tasks.errors import TemporarilyUnavailable
from tasks.media import opening, sampling
from tasks.media.source import SoundSource, Source
from tasks.pipeline import examine, uploaded
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records.clip_record import ClipRecord, ClipState
from tests import clips
from tests.adapters.arriving.paced import MIB, Pace
from tests.pipeline.coming import clip_of, files, rest_held_back, until
from tests.pipeline.jobs import job_in
from tests.pipeline.published import Put
from tests.pipeline.test_original_copy import ladder


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of noise, 13 MiB, a key frame each second, with the index at the end."""
    path = clips.make(
        tmp_path_factory.mktemp("film") / "film.mp4",
        *("-f", "lavfi", "-i", "nullsrc=size=256x144:rate=25:duration=12,geq=random(1)*255:128:128"),
        *("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=12"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-qp", "8", "-g", "25", "-bf", "2", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac"),
    )
    assert 12 * MIB < path.stat().st_size < 24 * MIB
    return path


def test_a_clip_plays_before_its_upload_has_come_whole_and_becomes_what_it_would_have_become(
    slow: Services, services: Services, put: Put, pace: Pace, film: Path
) -> None:
    pace.let(film.stat().st_size * 3 // 4 // MIB)
    put("clips/coming.mp4", film)
    ingest(slow, "clips/coming.mp4")
    with rest_held_back(pace, transcode, slow, "coming"):
        record = until(slow, "coming", lambda record: record.state is ClipState.PLAYABLE)
        assert record.hls
        assert record.source.duration_s == pytest.approx(12, abs=0.1)
        assert record.source.sha256 is None
    coming = clip_of(slow, "coming")
    assert (coming.state, pace.downloads) == (ClipState.READY, 1)
    put("clips/there.mp4", film)
    ingest(services, "clips/there.mp4")
    transcode(replace(slow, sources=services.sources), "there")
    there = clip_of(services, "there")
    assert there.source.sha256 == coming.source.sha256 is not None
    assert [each.code for each in coming.warnings] == [each.code for each in there.warnings]
    made, expected = files(slow, coming), files(services, there)
    assert sorted(made) == sorted(expected)
    assert {name for name in made if made[name] != expected[name]} == set()


def test_a_copy_plays_before_its_upload_has_come_whole(slow: Services, put: Put, pace: Pace, film: Path) -> None:
    copying = ladder(slow, copy_max_bitrate_bps=100_000_000)
    pace.let(film.stat().st_size * 3 // 4 // MIB)
    put("clips/copied.mp4", film)
    ingest(copying, "clips/copied.mp4")
    with rest_held_back(pace, transcode, copying, "copied"):
        until(copying, "copied", lambda record: record.state is ClipState.PLAYABLE)
    assert clip_of(copying, "copied").state is ClipState.READY


def test_how_far_apart_key_frames_lie_is_known_once_the_index_is_there(
    services: Services, film: Path, tmp_path: Path
) -> None:
    laid = clips.make(tmp_path / "laid.mp4", "-i", str(film), "-c", "copy", "-movflags", "+faststart")
    half = laid.stat().st_size // 2
    with laid.open("rb") as whole:
        (tmp_path / "source").write_bytes(whole.read(half))
    source = examine.probe(services, tmp_path)
    assert isinstance(source, Source)
    upload = Arriving(tmp_path / "source", laid.stat().st_size)
    upload.grow(half)
    nobody_waits = threading.Event()
    nobody_waits.set()
    job = job_in(tmp_path, services, upload=upload, stop=nobody_waits)
    assert uploaded.key_frame_gap_s(job, source) == pytest.approx(1.0)
    # Without the index what has come is too little.
    upload = Arriving(tmp_path / "source", laid.stat().st_size)
    upload.grow(1000)
    with pytest.raises(Stopped):
        uploaded.key_frame_gap_s(replace(job, upload=upload), source)


def test_a_poster_is_there_before_the_upload_of_a_long_clip_has_come_whole(
    slow: Services, put: Put, pace: Pace, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "THROUGH_S", 4.0)
    first, chunks = film.stat().st_size // 2 // MIB, film.stat().st_size // MIB
    pace.let(first)
    put("clips/seen.mp4", film)
    ingest(slow, "clips/seen.mp4")
    asked = itertools.count(4 * first)

    def has_poster(record: ClipRecord) -> bool:
        # What looks ends while it reads: a little more has to come for that.
        pace.let(min(chunks - 1, next(asked) // 4))
        return record.poster is not None

    with rest_held_back(pace, thumbnails, slow, "seen"):
        record = until(slow, "seen", has_poster)
        assert record.poster is not None
        assert record.poster.time_s < 5
        assert record.storyboard is None
    assert clip_of(slow, "seen").storyboard is not None


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of fields in motion, 14 MiB, MPEG-2 in MXF: in three partitions, with its tables behind them."""
    return _tape(tmp_path_factory.mktemp("tape") / "tape.mxf", _fields(20))


def _fields(seconds: float) -> str:
    return f"testsrc2=size=180x144:rate=50:duration={seconds},scale=720:576,tinterlace=mode=interleave_top"


def _tape(path: Path, picture: str) -> Path:
    return clips.make(
        path,
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=sample_rate=48000:duration=20"),
        *("-vf", "fieldorder=tff", "-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-g", "12", "-bf", "2"),
        *("-b:v", "6M", "-minrate", "6M", "-maxrate", "6M", "-bufsize", "1835k", "-c:a", "pcm_s16le"),
    )


def test_a_tape_plays_and_is_seen_before_it_has_come_whole_and_becomes_what_it_would_have_become(
    slow: Services, services: Services, put: Put, pace: Pace, tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "THROUGH_S", 5.0)
    monkeypatch.setattr(sampling, "BEGINNING_S", 5.0)
    monkeypatch.setattr(uploaded, "KEY_FRAMES_OF_S", 5.0)
    pace.let(tape.stat().st_size * 3 // 4 // MIB)
    put("clips/tape.mxf", tape)
    ingest(slow, "clips/tape.mxf")
    with (
        rest_held_back(pace, transcode, slow, "tape"),
        rest_held_back(pace, thumbnails, slow, "tape"),
    ):
        record = until(slow, "tape", lambda record: record.state is ClipState.PLAYABLE and record.poster is not None)
        assert record.source.sha256 is None
        assert record.source.video is not None
        assert record.source.video.scan == "interlaced_tff"
    coming = clip_of(slow, "tape")
    assert coming.state is ClipState.READY, coming.failure
    put("clips/there.mxf", tape)
    ingest(services, "clips/there.mxf")
    transcode(replace(slow, sources=services.sources), "there")
    there = clip_of(services, "there")
    assert there.source.evolve(key="", etag="") == coming.source.evolve(key="", etag="")
    made, expected = files(slow, coming), files(services, there)
    assert {name for name in expected if made[name] != expected[name] and "poster" not in name} == set()


FILM: Final = "testsrc2=size=180x144:rate=25:duration={seconds},scale=720:576,setfield=tff"
STILL: Final = "color=size=720x576:rate=25:duration={seconds}"


@pytest.mark.parametrize(
    ("begins", "goes_on", "expected"),
    [
        pytest.param((FILM.format(seconds=8),), _fields(12), ("interlaced_tff", True), id="progressive"),
        # What little moves has fields, but most frames tell nothing.
        pytest.param(
            (STILL.format(seconds=2.2), _fields(0.8), STILL.format(seconds=1.4)),
            FILM.format(seconds=16),
            ("progressive", False),
            id="still",
        ),
    ],
)
def test_pictures_that_begin_otherwise_than_they_say_are_looked_at_to_the_end(
    slow: Services,
    put: Put,
    pace: Pace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    begins: tuple[str, ...],
    goes_on: str,
    expected: tuple[str, bool],
) -> None:
    monkeypatch.setattr(sampling, "BEGINNING_S", 4.0)
    shots = [*begins, goes_on]
    parts = ";".join(f"{shot}[shot{number}]" for number, shot in enumerate(shots))
    names = "".join(f"[shot{number}]" for number in range(len(shots)))
    tape = _tape(tmp_path / "changing.mxf", f"{parts};{names}concat=n={len(shots)}")
    pace.let(tape.stat().st_size * 3 // 4 // MIB)
    put("clips/changing.mxf", tape)
    ingest(slow, "clips/changing.mxf")
    with rest_held_back(pace, transcode, slow, "changing"):
        # Until it waits for the rest, or works on without it.
        time.sleep(2)
    record = clip_of(slow, "changing")
    assert record.source.video is not None
    assert (record.source.video.scan, record.source.video.mixed) == expected


def test_where_the_rest_does_not_come_the_clip_is_tried_again_and_never_ready_with_a_part(
    slow: Services, put: Put, pace: Pace, film: Path
) -> None:
    chunks = film.stat().st_size * 3 // 4 // MIB
    pace.let(chunks)
    put("clips/broken.mp4", film)
    ingest(slow, "clips/broken.mp4")
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(transcode, slow, "broken")
        until(slow, "broken", lambda record: record.state is ClipState.PLAYABLE)
        pace.let(chunks, fails=True)
        with pytest.raises(TemporarilyUnavailable) as failed:
            work.result()
    assert failed.value.code == "store_unavailable"
    record = clip_of(slow, "broken")
    assert record.failure is not None
    assert (record.failure.code, record.failure.retryable, record.state) == (
        "store_unavailable",
        True,
        ClipState.PLAYABLE,
    )
    pace.let()
    slow.clips.update("broken", lambda now: now and now.evolve(retry_at=None))
    transcode(slow, "broken")
    assert clip_of(slow, "broken").state is ClipState.READY
    assert {each.name for each in threading.enumerate()}.isdisjoint({"arriving", "feeder"})


def test_what_the_beginning_does_not_tell_is_asked_of_the_whole(
    slow: Services, put: Put, pace: Pace, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Bytes that belong to nothing lie before the first picture, so that its beginning shows none.
    box, size = film.read_bytes(), 4 * MIB
    at = box.index(b"mdat") + 4
    moov = box.index(b"moov") - 4
    padded = tmp_path / "padded.mp4"
    media = box[: at - 8] + (int.from_bytes(box[at - 8 : at - 4]) + size).to_bytes(4) + b"mdat" + bytes(size)
    padded.write_bytes(media + box[at:moov] + _moved(box[moov:], size))
    put("clips/padded.mp4", padded)
    ingest(slow, "clips/padded.mp4")
    probed: list[bool] = []
    read = examine.read

    def note(services: Services, answer: dict[str, object]) -> Source | SoundSource:
        found = read(services, answer)
        probed.append(isinstance(found, Source) and bool(found.video.pixel_format))
        return found

    monkeypatch.setattr(examine, "read", note)
    transcode(slow, "padded")
    record = clip_of(slow, "padded")
    assert record.state is ClipState.READY, record.failure
    assert record.source.video is not None
    assert record.source.video.pixel_format == "yuv420p"
    assert probed[-1]


def _moved(index: bytes, by: int) -> bytes:
    """The index with all chunk offsets moved."""
    moved, place = bytearray(index), 0
    while (place := index.find(b"stco", place + 1)) > 0:
        for number in range(int.from_bytes(index[place + 8 : place + 12])):
            at = place + 12 + 4 * number
            moved[at : at + 4] = (int.from_bytes(index[at : at + 4]) + by).to_bytes(4)
    return bytes(moved)
