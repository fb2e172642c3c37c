"""Transport streams are worked on while they arrive; one that turns out to be joined is begun anew, by the whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.adapters import process
from tasks.adapters.arriving import Arriving
from tasks.adapters.object_store import ObjectStore
from tasks.media import opening
from tasks.media.fronts import ts
from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE
from tasks.pipeline import examine, examine_ends, making, uploaded
from tasks.pipeline.ingest import ingest
from tasks.pipeline.job import Job
from tasks.pipeline.lease import Lease
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records.clip_facts import SourceFacts
from tasks.records.clip_record import ClipState, Work
from tests import clips
from tests.adapters.arriving.paced import MIB, Pace
from tests.conftest import Buckets
from tests.pipeline.coming import as_whole, assert_same, clip_of, rest_held_back, seen_coming, until
from tests.pipeline.jobs import job_in
from tests.pipeline.published import Put
from tests.pipeline.test_original_copy import ladder

LENGTH_S = 12
NULL = b"\x47\x1f\xff\x10" + bytes(184)
PICTURE = ("-f", "lavfi", "-i", f"nullsrc=size=256x144:rate=25:duration={LENGTH_S},geq=random(1)*255:128:128")
TONE = ("-f", "lavfi", "-i", f"sine=sample_rate=48000:duration={LENGTH_S}")
CODED = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "8", "-g", "25", "-bf", "2", "-pix_fmt", "yuv420p")


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of noise, 13 MiB, a key frame each second."""
    return clips.make(tmp_path_factory.mktemp("coded") / "coded.mkv", *PICTURE, *TONE, *CODED, "-c:a", "mp2")


@pytest.fixture(scope="module")
def stream(coded: Path) -> Path:
    made = clips.make(coded.with_name("stream.ts"), "-i", str(coded), "-c", "copy")
    assert 12 * MIB < made.stat().st_size < 24 * MIB
    return made


@pytest.fixture
def short(slow: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    """The services, for which twelve seconds are long."""
    monkeypatch.setattr(ts, "PROBED_BYTES", MIB)
    monkeypatch.setattr(examine_ends, "PROBED_BYTES", 5 * MIB)
    monkeypatch.setattr(opening, "THROUGH_S", 4.0)
    monkeypatch.setattr(uploaded, "KEY_FRAMES_OF_S", 5.0)
    return slow


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        pytest.param("ts", (), id="plain"),
        pytest.param("m2ts", ("-mpegts_m2ts_mode", "1"), id="packets of 192 bytes"),
        pytest.param("ts", ("-output_ts_offset", "95437"), id="a clock that wraps around"),
    ],
)
def test_a_stream_plays_and_is_seen_before_it_has_come_whole_and_becomes_what_it_would_have_become(
    short: Services,
    services: Services,
    put: Put,
    pace: Pace,
    coded: Path,
    tmp_path: Path,
    ending: str,
    options: tuple[str, ...],
) -> None:
    upload = clips.make(tmp_path / f"a.{ending}", "-i", str(coded), "-c", "copy", *options)
    name = f"stream{abs(hash(options))}"
    shown, coming = seen_coming(short, put, pace, upload, name)
    assert shown.source.sha256 is None
    assert shown.source.duration_s == pytest.approx(LENGTH_S, abs=0.1)
    assert (pace.downloads, coming.attempts) == (1, 1)
    assert_same(services, coming, as_whole(short, services, put, upload, f"whole{name}"))


def test_a_copy_plays_before_its_stream_has_come_whole(short: Services, put: Put, pace: Pace, stream: Path) -> None:
    copying = ladder(short, copy_max_bitrate_bps=100_000_000)
    pace.let(stream.stat().st_size * 3 // 4 // MIB)
    put("clips/copied.ts", stream)
    ingest(copying, "clips/copied.ts")
    with rest_held_back(pace, transcode, copying, "copied"):
        record = until(copying, "copied", lambda record: record.state is ClipState.PLAYABLE)
        assert record.source.sha256 is None
    assert clip_of(copying, "copied").state is ClipState.READY


def twice(stream: Path, *, until_s: float, again_s: float) -> bytes:
    """The stream, of which the seconds before ``until_s`` come twice: its clock goes back."""
    data, size = stream.read_bytes(), stream.stat().st_size
    end, begin = (round(size * at_s / LENGTH_S) // 188 * 188 for at_s in (until_s, until_s - again_s))
    return data[:end] + data[begin:]


@pytest.mark.parametrize(
    "until_s",
    [
        pytest.param(1.0, id="early, before anybody has seen it"),
        pytest.param(7.0, id="in the middle"),
        pytest.param(11.0, id="late"),
    ],
)
def test_a_joint_that_shows_on_the_way_has_all_begun_anew_and_becomes_what_it_would_have_become(
    short: Services, services: Services, put: Put, pace: Pace, stream: Path, tmp_path: Path, until_s: float
) -> None:
    upload = tmp_path / "joined.ts"
    # Too little for the looks at its beginning to show.
    upload.write_bytes(twice(stream, until_s=until_s, again_s=0.8))
    name = f"joined{round(until_s)}"
    put(f"clips/{name}.ts", upload)
    ingest(short, f"clips/{name}.ts")
    is_late = until_s > 5
    pace.let(6 if is_late else 10**6)
    with rest_held_back(pace, transcode, short, name):
        if is_late:
            until(short, name, lambda record: record.state is ClipState.PLAYABLE)
    thumbnails(short, name)
    made = clip_of(short, name)
    assert (made.attempts, made.tries) == (2, 1)
    # What was seen of the first attempt stays where it is, and the second is another.
    assert made.hls is not None
    assert made.hls.startswith(f"{made.version}/2/")
    assert made.storyboard is not None
    expected = as_whole(short, services, put, upload, f"whole{name}")
    assert expected.source.duration_s == pytest.approx(LENGTH_S + 0.8, abs=0.3)
    assert_same(services, made, expected)
    assert made.poster is not None
    assert expected.poster is not None
    assert made.poster.time_s == expected.poster.time_s


def test_a_worker_that_ends_in_the_second_run_leaves_it_to_the_next_one(
    short: Services, put: Put, pace: Pace, stream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = tmp_path / "joined.ts"
    upload.write_bytes(twice(stream, until_s=7.0, again_s=0.8))
    put("clips/left.ts", upload)
    ingest(short, "clips/left.ts")
    pace.let(10**6)
    runs: list[bool] = []
    once = making._make_once

    def until_the_whole(
        services: Services, name: str, work: Work, lease: Lease, *, waits_for_all: bool = False
    ) -> None:
        runs.append(waits_for_all)
        if waits_for_all and len(runs) < 6:
            raise process.Stopped("the worker restarts")
        once(services, name, work, lease, waits_for_all=waits_for_all)

    monkeypatch.setattr(making, "_make_once", until_the_whole)
    for _ in range(5):
        transcode(short, "left")
    made = clip_of(short, "left")
    assert (made.state, made.attempts, made.tries) == (ClipState.READY, 2, 1), made.failure
    # Nothing is begun early that has shown itself to be joined.
    assert runs == [False, *[True] * 5]


def test_a_joint_that_shows_at_first_is_waited_for(short: Services, put: Put, pace: Pace, stream: Path) -> None:
    put("clips/known.ts", stream.read_bytes() * 2)
    ingest(short, "clips/known.ts")
    transcode(short, "known")
    made = clip_of(short, "known")
    assert (made.state, made.attempts) == (ClipState.READY, 1)
    assert made.source.duration_s == pytest.approx(2 * LENGTH_S, abs=0.3)
    assert pace.downloads == 1


def test_pictures_are_begun_anew_where_a_joint_shows(
    short: Services, services: Services, put: Put, pace: Pace, stream: Path, tmp_path: Path
) -> None:
    upload = tmp_path / "joined.ts"
    upload.write_bytes(twice(stream, until_s=11.0, again_s=0.8))
    put("clips/seen.ts", upload)
    ingest(short, "clips/seen.ts")
    pace.let(8)
    with rest_held_back(pace, thumbnails, short, "seen"):
        until(short, "seen", lambda record: record.poster is not None)
    seen = clip_of(short, "seen")
    assert seen.storyboard is not None
    put("clips/wholeseen.ts", upload)
    ingest(services, "clips/wholeseen.ts")
    thumbnails(services, "wholeseen")
    expected = clip_of(services, "wholeseen").storyboard
    assert expected is not None
    assert len(seen.storyboard.images) == len(expected.images)


Cut = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    ("ending", "options", "change"),
    [
        pytest.param("ts", (), lambda whole: whole, id="plain"),
        pytest.param("m2ts", ("-mpegts_m2ts_mode", "1"), lambda whole: whole, id="packets of 192 bytes"),
        pytest.param("ts", ("-output_ts_offset", "95437"), lambda whole: whole, id="a clock that wraps around"),
        pytest.param("ts", (), lambda whole: whole[:-1000], id="cut off in a packet"),
        pytest.param("ts", (), lambda whole: whole[100:], id="begun in a packet"),
        pytest.param("m2ts", ("-mpegts_m2ts_mode", "1"), lambda whole: whole[100:], id="begun in one of 192 bytes"),
        pytest.param("ts", (), lambda whole: whole + NULL * 5000, id="filled up at the end"),
    ],
)
def test_the_ends_tell_what_the_whole_tells(
    services: Services,
    store: ObjectStore,
    buckets: Buckets,
    coded: Path,
    tmp_path: Path,
    ending: str,
    options: tuple[str, ...],
    change: Cut,
) -> None:
    whole = change(clips.make(tmp_path / f"a.{ending}", "-i", str(coded), "-c", "copy", *options).read_bytes())
    (tmp_path / SOURCE_FILE).write_bytes(whole)
    expected = examine.probe(services, tmp_path)
    assert isinstance(expected, Source)
    (tmp_path / SOURCE_FILE).write_bytes(whole[: 7 * MIB])
    job = _arrived(services, store, buckets, tmp_path, whole, 7 * MIB)
    packets = examine_ends.packets_of(job)
    assert packets is not None
    assert examine_ends.probe(job, packets) == expected
    assert [each.name for each in tmp_path.iterdir() if "ends" in each.name] == []


@pytest.mark.parametrize("lost", ["the end", "a track", "the store", "the middle"])
def test_ends_that_do_not_tell_the_length_are_not_believed(
    services: Services, store: ObjectStore, buckets: Buckets, stream: Path, tmp_path: Path, lost: str
) -> None:
    whole = stream.read_bytes()
    if lost == "the end":
        whole += NULL * 15_000
    if lost == "a track":
        # The sound ends long before the picture.
        sound = ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=8", "-map", "0:v", "-map", "1:a")
        whole = clips.make(tmp_path / "half.ts", "-i", str(stream), *sound, "-c:v", "copy", "-c:a", "mp2").read_bytes()
        # The last of it is written at the end.
        whole = whole[: -100 * 188]
    if lost == "the middle":
        # An hour that is told of, and isn't there.
        late = clips.make(tmp_path / "late.ts", "-i", str(stream), "-c", "copy", "-output_ts_offset", "3600")
        whole = whole[: 8 * MIB // 188 * 188] + late.read_bytes()[8 * MIB // 188 * 188 :]
    (tmp_path / SOURCE_FILE).write_bytes(whole[: 7 * MIB])
    job = _arrived(services, store, buckets, tmp_path, whole, 7 * MIB)
    if lost == "the store":
        # A proxy that serves no ranges.
        job.upload.size_bytes += MIB
    assert examine_ends.probe(job, (188, 0)) is None


@pytest.mark.parametrize("late_s", [6, 20])
def test_ends_do_not_tell_of_a_picture_that_begins_long_after_the_sound(
    services: Services, store: ObjectStore, buckets: Buckets, tmp_path: Path, late_s: int
) -> None:
    picture = ("-itsoffset", str(late_s), "-f", "lavfi", "-i", f"testsrc2=size=320x180:rate=25:duration={LENGTH_S}")
    sound = ("-f", "lavfi", "-i", f"sine=sample_rate=48000:duration={LENGTH_S + late_s}", "-c:a", "mp2")
    # Filled up to one rate, as broadcasts are: by their pace the ends would be believed.
    whole = clips.make(tmp_path / "late.ts", *picture, *sound, *CODED[:4], "-muxrate", "4M").read_bytes()
    there = 4 * 500_000 // 188 * 188 if late_s < 10 else 10 * 500_000 // 188 * 188
    (tmp_path / SOURCE_FILE).write_bytes(whole[:there])
    assert examine_ends.probe(_arrived(services, store, buckets, tmp_path, whole, there), (188, 0)) is None


def _arrived(services: Services, store: ObjectStore, buckets: Buckets, folder: Path, whole: bytes, there: int) -> Job:
    etag = store.put(buckets.incoming, "clips/ends.ts", whole, content_type="video/mp2t")
    source = SourceFacts(key="clips/ends.ts", etag=etag, size_bytes=len(whole))
    work = Work(version="0" * 12, state=ClipState.RECEIVED, source=source)
    upload = Arriving(folder / SOURCE_FILE, len(whole))
    upload.grow(there)
    return job_in(folder, services, work=work, upload=upload)
