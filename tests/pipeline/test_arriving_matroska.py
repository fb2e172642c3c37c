"""Matroska and WebM are worked on while they arrive, and come to the same; what is damaged on the way is begun anew."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tasks.adapters import ordered_download
from tasks.adapters.arriving import Arriving
from tasks.adapters.process import Stopped
from tasks.media import opening
from tasks.media.fronts import mkv
from tasks.media.source_input import SOURCE_FILE
from tasks.pipeline import examine, uploaded
from tasks.pipeline.ingest import ingest
from tasks.pipeline.job import Job
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records.clip_record import ClipState
from tests import clips
from tests.adapters.arriving.paced import MIB, Pace
from tests.media.fronts.laid import looked
from tests.pipeline.coming import as_whole, assert_same, clip_of, rest_held_back, seen_coming, until
from tests.pipeline.jobs import job_in
from tests.pipeline.published import Put
from tests.pipeline.test_original_copy import ladder

LENGTH_S: Final = 13
PICTURE: Final = (
    *("-f", "lavfi", "-i", f"nullsrc=size=256x144:rate=25:duration={LENGTH_S},geq=random(1)*255:128:128"),
    *("-f", "lavfi", "-i", f"sine=sample_rate=48000:duration={LENGTH_S}"),
)
H264: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "8", "-g", "25", "-bf", "2", "-pix_fmt", "yuv420p")
VP9: Final = (
    *("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", "-pix_fmt", "yuv420p"),
    *("-b:v", "8M", "-minrate", "8M", "-maxrate", "8M", "-c:a", "libopus"),
)
KINDS: Final = {"mkv": (*H264, "-c:a", "aac"), "webm": VP9}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Thirteen seconds of noise, about a MiB each, a key frame each second."""
    folder = tmp_path_factory.mktemp("made")
    films = {ending: clips.make(folder / f"film.{ending}", *PICTURE, *options) for ending, options in KINDS.items()}
    assert all(10 * MIB < film.stat().st_size < 24 * MIB for film in films.values())
    return films


@pytest.fixture
def short(slow: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    """The services, for which thirteen seconds are long."""
    monkeypatch.setattr(mkv, "PROBED_BYTES", MIB)
    monkeypatch.setattr(opening, "THROUGH_S", 4.0)
    monkeypatch.setattr(uploaded, "KEY_FRAMES_OF_S", 5.0)
    return slow


@pytest.mark.parametrize("ending", KINDS)
def test_a_film_plays_and_is_seen_before_it_has_come_whole_and_becomes_what_it_would_have_become(
    short: Services, services: Services, put: Put, pace: Pace, made: dict[str, Path], ending: str
) -> None:
    upload = made[ending]
    shown, coming = seen_coming(short, put, pace, upload, f"film{ending}")
    assert shown.source.sha256 is None
    assert shown.source.duration_s == pytest.approx(LENGTH_S, abs=0.1)
    assert (pace.downloads, coming.attempts) == (1, 1)
    assert_same(services, coming, as_whole(short, services, put, upload, f"whole{ending}"))


def test_the_poster_is_that_of_the_whole(
    short: Services, services: Services, put: Put, pace: Pace, made: dict[str, Path]
) -> None:
    upload, posters = made["mkv"], []
    for name, each in (("coming", short), ("there", services)):
        put(f"clips/{name}.mkv", upload)
        ingest(each, f"clips/{name}.mkv")
        thumbnails(each, name)
        posters.append(clip_of(services, name).poster)
    assert pace.downloads == 1
    assert posters[0] is not None
    assert posters[1] is not None
    assert posters[0].time_s == posters[1].time_s
    assert posters[0].thumbhash == posters[1].thumbhash


def test_a_copy_plays_before_its_film_has_come_whole(
    short: Services, put: Put, pace: Pace, made: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of a film this long the copy would wait for half a minute of it, to see how far its key frames lie apart.
    monkeypatch.setattr("tasks.media.direct.SHORT_S", 5.0)
    monkeypatch.setattr(uploaded, "KEY_FRAMES_OF_S", 12.9)
    copying = ladder(short, copy_max_bitrate_bps=100_000_000)
    pace.let(made["mkv"].stat().st_size * 3 // 4 // MIB)
    put("clips/copied.mkv", made["mkv"])
    ingest(copying, "clips/copied.mkv")
    with rest_held_back(pace, transcode, copying, "copied"):
        record = until(copying, "copied", lambda record: record.state is ClipState.PLAYABLE)
        assert record.source.sha256 is None
        assert record.hls is not None
        main = copying.store.get(copying.settings.media_bucket, f"clips/copied/{record.hls}").body
        assert b"original" in main
    assert clip_of(copying, "copied").state is ClipState.READY


def test_what_is_damaged_on_the_way_has_all_begun_anew_and_becomes_what_it_would_have_become(
    short: Services, services: Services, put: Put, pace: Pace, made: dict[str, Path], tmp_path: Path
) -> None:
    upload = bytearray(made["mkv"].read_bytes())
    place = upload.index(bytes.fromhex("1F43B675"), len(upload) * 3 // 4)
    upload[place : place + 2] = b"\0\0"
    damaged = tmp_path / "damaged.mkv"
    damaged.write_bytes(upload)
    pace.let(6)
    put("clips/damaged.mkv", damaged)
    ingest(short, "clips/damaged.mkv")
    with rest_held_back(pace, transcode, short, "damaged"):
        until(short, "damaged", lambda record: record.state is ClipState.PLAYABLE)
    found = clip_of(short, "damaged")
    assert (found.attempts, found.tries) == (2, 1)
    thumbnails(short, "damaged")
    assert_same(services, clip_of(short, "damaged"), as_whole(short, services, put, damaged, "wholedamaged"))


TEXT: Final = "1\n00:00:01,000 --> 00:00:02,000\nHello\n"
CHAPTERS: Final = ";FFMETADATA1\ntitle=T\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=5\ntitle=One\n"


def _dressed(folder: Path, film: Path) -> Path:
    """The film with all that may stand beside it: captions, chapters, tags, a time code, a cover and a font."""
    (folder / "a.srt").write_text(TEXT)
    (folder / "a.txt").write_text(CHAPTERS)
    (folder / "a.ttf").write_bytes(bytes(1000))
    cover = clips.make(folder / "a.png", "-f", "lavfi", "-i", "testsrc2=size=320x180", "-frames:v", "1")
    return clips.make(
        folder / "dressed.mkv",
        *("-i", str(film), "-i", str(folder / "a.srt"), "-i", str(folder / "a.txt"), "-map", "0", "-map", "1"),
        *("-map_metadata", "2", "-c", "copy", "-metadata:s:a", "language=vie", "-timecode", "01:02:03:04"),
        *("-attach", str(cover), "-attach", str(folder / "a.ttf")),
        *("-metadata:s:3", "mimetype=image/png", "-metadata:s:4", "mimetype=font/ttf"),
    )


def _of_late_sound(folder: Path, film: Path) -> Path:
    late = ("-itsoffset", "0.8", "-f", "lavfi", "-i", "sine=sample_rate=48000:duration=9")
    return clips.make(
        folder / "sound.mkv", "-i", str(film), *late, "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "pcm_s16le"
    )


Make = Callable[[Path, dict[str, Path]], Path]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda _, films: films["mkv"], id="H.264"),
        pytest.param(lambda _, films: films["webm"], id="VP9"),
        pytest.param(lambda folder, films: _dressed(folder, films["mkv"]), id="all that may stand beside it"),
        pytest.param(lambda folder, films: _of_late_sound(folder, films["mkv"]), id="late sound"),
        pytest.param(
            lambda folder, films: clips.make(
                folder / "a.mkv", "-i", str(films["mkv"]), "-c", "copy", "-output_ts_offset", "0.5"
            ),
            id="a late beginning",
        ),
        pytest.param(
            lambda folder, films: clips.make(
                folder / "a.mkv", "-i", str(films["mkv"]), "-map", "0:a", "-map", "0:v", "-c", "copy"
            ),
            id="sound first",
        ),
    ],
)
def test_the_beginning_tells_what_the_whole_tells(
    services: Services, made: dict[str, Path], tmp_path: Path, make: Make
) -> None:
    whole = make(tmp_path, made).read_bytes()
    (tmp_path / SOURCE_FILE).write_bytes(whole)
    expected = examine.probe(services, tmp_path)
    front, _ = looked(whole)
    assert front is not None
    there = ordered_download.beginning_of(front, len(whole))
    assert there < len(whole)
    assert uploaded.probe(_arrived(services, tmp_path, whole, there)) == expected


@pytest.mark.parametrize("offset_s", [0.5, 1.5])
def test_how_long_it_lasts_is_measured_by_the_whole_where_it_begins_late(
    services: Services, made: dict[str, Path], tmp_path: Path, offset_s: float
) -> None:
    late = ("-c", "copy", "-output_ts_offset", str(offset_s))
    whole = clips.make(tmp_path / "late.mkv", "-i", str(made["mkv"]), *late).read_bytes()
    job = _arrived(services, tmp_path, whole, 9 * MIB)
    if offset_s < 1:
        assert uploaded.probe(job).duration_s == pytest.approx(LENGTH_S + offset_s, abs=0.1)
    else:
        with pytest.raises(Stopped):
            uploaded.probe(job)


def test_a_picture_of_which_no_frame_has_come_whole_is_waited_for(services: Services, tmp_path: Path) -> None:
    raw = ("-f", "lavfi", "-i", "testsrc2=size=640x360:duration=1", "-c:v", "rawvideo", "-pix_fmt", "yuv420p")
    whole = clips.make(tmp_path / "raw.mkv", *raw, "-output_ts_offset", "0.6").read_bytes()
    (tmp_path / SOURCE_FILE).write_bytes(whole)
    expected = examine.probe(services, tmp_path)
    with pytest.raises(Stopped):
        uploaded.probe(_arrived(services, tmp_path, whole, 300_000))
    assert uploaded.probe(_arrived(services, tmp_path, whole, 800_000)) == expected


class _Stuck(Arriving):
    """An upload of which no more comes."""

    def whole(self, stop: threading.Event | None = None, *, is_patient: bool = False) -> str:
        raise Stopped("no more comes")


def _arrived(services: Services, folder: Path, whole: bytes, there: int) -> Job:
    (folder / SOURCE_FILE).write_bytes(whole[:there])
    upload = _Stuck(folder / SOURCE_FILE, len(whole))
    upload.grow(there)
    return job_in(folder, services, upload=upload)
