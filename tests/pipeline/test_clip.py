"""The way of a clip, step by step, against a real store, broker and ffmpeg."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path

import pytest
import redis

from config import queues
from tasks.errors import SourceRejected
from tasks.media import package
from tasks.pipeline.ingest import ingest
from tasks.pipeline.reconcile import reconcile
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records.clip_record import ClipRecord, ClipState
from tests import clips
from tests.pipeline.published import Put, putting


def run_all(services: Services, key: str, name: str) -> ClipRecord:
    """Ingest, thumbnails, transcode, one after the other."""
    with contextlib.suppress(SourceRejected):
        ingest(services, key)
    thumbnails(services, name)
    with contextlib.suppress(SourceRejected):
        transcode(services, name)
    record = services.clips.get(name)
    assert record is not None
    return record


def waiting(services: Services, queue: str) -> int:
    client = redis.Redis.from_url(services.settings.broker_url)
    try:
        return int(client.llen(queue))
    finally:
        client.close()


def fetch(services: Services, name: str, url: str) -> bytes:
    return services.store.get(services.settings.media_bucket, f"clips/{name}/{url}").body


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is soon made, for tests of what is not in it."""
    return clips.progressive(tmp_path_factory.mktemp("clips") / "a.mp4", seconds=2, size="320x180")


@pytest.fixture(scope="module")
def record(services: Services, tmp_path_factory: pytest.TempPathFactory) -> ClipRecord:
    """The record of a clip of five seconds in three renditions, which went the whole way."""
    source = clips.progressive(tmp_path_factory.mktemp("clips") / "b.mp4", seconds=5, size="1280x720")
    putting(services)("clips/120320_OHAI1.mp4", source)
    return run_all(services, "clips/120320_OHAI1.mp4", "120320_OHAI1")


def test_an_upload_becomes_a_published_clip(record: ClipRecord) -> None:
    assert record.state is ClipState.READY
    assert record.failure is None
    assert (str(record.air_date), record.slug, record.take) == ("2020-12-03", "OHAI", 1)
    assert [(each.width, each.height) for each in record.renditions] == [(1280, 720), (960, 540), (640, 360)]
    assert record.source.duration_s == pytest.approx(5, abs=0.1)
    assert record.warnings == ()
    assert record.lease is None
    assert record.timings.poster_at is not None
    assert record.timings.ready_at is not None


def test_every_file_that_the_record_names_can_be_fetched(services: Services, record: ClipRecord) -> None:
    assert record.hls
    assert record.poster
    assert record.storyboard
    main = fetch(services, record.name, record.hls).decode()
    assert "RESOLUTION=1280x720" in main
    assert "FRAME-RATE=25.000" in main
    for line in [line for line in main.splitlines() if line.endswith("index.m3u8")]:
        folder = f"{record.hls.rpartition('/')[0]}/{line.rpartition('/')[0]}"
        playlist = package.read_media_playlist(fetch(services, record.name, f"{folder}/index.m3u8").decode())
        assert playlist.is_complete
        assert playlist.duration_s == pytest.approx(5, abs=0.1)
        for name in [playlist.init, *(name for name, _ in playlist.segments)]:
            assert fetch(services, record.name, f"{folder}/{name}")
    assert fetch(services, record.name, record.mp4[0].url)[4:8] == b"ftyp"
    assert fetch(services, record.name, record.poster.url)[:2] == b"\xff\xd8"
    assert fetch(services, record.name, record.storyboard.vtt).startswith(b"WEBVTT")
    assert all(fetch(services, record.name, image)[:2] == b"\xff\xd8" for image in record.storyboard.images)


def test_sound_and_picture_of_the_progressive_file_start_together(
    services: Services, record: ClipRecord, tmp_path: Path
) -> None:
    mp4 = tmp_path / "made.mp4"
    mp4.write_bytes(fetch(services, record.name, record.mp4[0].url))
    command = [
        str(clips.FFPROBE),
        "-v",
        "error",
        "-show_entries",
        "stream=start_time,duration",
        "-of",
        "json",
        str(mp4),
    ]
    streams = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    starts = [float(stream["start_time"]) for stream in streams]
    assert len(starts) == 2
    assert abs(starts[0] - starts[1]) < 0.025
    assert all(float(stream["duration"]) == pytest.approx(5, abs=0.1) for stream in streams)


def test_an_interlaced_source_comes_out_progressive_at_its_frame_rate(
    services: Services, put: Put, tmp_path: Path
) -> None:
    put("clips/120320_OTHANH3.mxf", clips.interlaced(tmp_path / "i.mxf", seconds=2))
    record = run_all(services, "clips/120320_OTHANH3.mxf", "120320_OTHANH3")
    assert record.state is ClipState.READY
    assert record.source.video
    assert record.source.video.scan == "interlaced_tff"
    assert [each.frame_rate for each in record.renditions] == [25.0] * 4


def test_the_same_bytes_again_are_nothing_to_do(services: Services, put: Put, clip: Path) -> None:
    put("clips/again.mp4", clip)
    first = run_all(services, "clips/again.mp4", "again")
    put("clips/again.mp4", clip)
    assert run_all(services, "clips/again.mp4", "again") == first


def test_a_new_upload_of_a_published_clip_leaves_readers_what_they_have_until_it_is_done(
    services: Services, put: Put, clip: Path, tmp_path: Path
) -> None:
    put("clips/twice.mp4", clip)
    first = run_all(services, "clips/twice.mp4", "twice")
    put("clips/twice.mp4", clips.progressive(tmp_path / "b.mp4", seconds=2))
    ingest(services, "clips/twice.mp4")
    between = services.clips.get("twice")
    assert between is not None
    assert (between.state, between.version, between.hls) == (ClipState.READY, first.version, first.hls)
    assert between.next is not None
    assert between.next.state is ClipState.RECEIVED
    thumbnails(services, "twice")
    transcode(services, "twice")
    after = services.clips.get("twice")
    assert after is not None
    assert after.next is None
    assert after.version == between.next.version != first.version
    assert after.poster is not None
    assert after.poster.url.startswith(after.version)
    assert fetch(services, "twice", first.hls or "")


def test_a_clip_without_sound_is_published_and_said_to_be_silent(services: Services, put: Put, tmp_path: Path) -> None:
    put("clips/mute.mp4", clips.progressive(tmp_path / "m.mp4", seconds=2, sound=False))
    record = run_all(services, "clips/mute.mp4", "mute")
    assert record.state is ClipState.READY
    assert "no_audio" in {warning.code for warning in record.warnings}


@pytest.mark.parametrize(
    ("key", "content", "code"),
    [
        ("clips/text.mp4", b"this is a text, not a film\n" * 100, "unreadable"),
        ("clips/empty.mp4", b"", "empty_upload"),
        ("clips/notes.xyz", b"whatever", "unknown_extension"),
        ("clips/none", b"whatever", "unknown_extension"),
    ],
)
def test_what_is_no_clip_fails_with_a_reason_in_words(
    services: Services, put: Put, key: str, content: bytes, code: str
) -> None:
    put(key, content)
    name = key.removeprefix("clips/").partition(".")[0]
    record = run_all(services, key, name)
    assert record.state is ClipState.FAILED
    assert record.failure is not None
    assert record.failure.code == code
    assert not record.failure.retryable
    assert record.failure.message[0].isupper()


def test_a_clip_cut_off_before_its_index_is_named_so(services: Services, put: Put, clip: Path) -> None:
    put("clips/cut.mp4", clip.read_bytes()[: clip.stat().st_size // 2])
    record = run_all(services, "clips/cut.mp4", "cut")
    assert record.failure is not None
    assert "cut off" in record.failure.message


def test_what_can_be_read_of_a_truncated_clip_is_published_with_a_warning(
    services: Services, put: Put, tmp_path: Path
) -> None:
    whole = clips.progressive(tmp_path / "w.mp4", seconds=6, extra=("-movflags", "+faststart", "-g", "25"))
    put("clips/half.mp4", whole.read_bytes()[: whole.stat().st_size // 2])
    record = run_all(services, "clips/half.mp4", "half")
    assert record.state is ClipState.READY
    assert "truncated" in {warning.code for warning in record.warnings}


def test_an_unconventional_name_is_processed_and_flagged(services: Services, put: Put, clip: Path) -> None:
    put("clips/Họp báo chiều nay.MP4", clip)
    record = run_all(services, "clips/Họp báo chiều nay.MP4", "Họp báo chiều nay")
    assert record.state is ClipState.READY
    assert [warning.code for warning in record.warnings] == ["name_unconventional"]


def test_letters_composed_or_not_are_one_name(services: Services, put: Put, clip: Path) -> None:
    put("clips/Ho\u0323p.mp4", clip)
    ingest(services, "clips/Ho\u0323p.mp4")
    assert services.clips.get("Họp") is not None


def test_a_sidecar_does_not_push_its_clip_aside(services: Services, put: Put, clip: Path) -> None:
    put("clips/shot.mp4", clip)
    before = run_all(services, "clips/shot.mp4", "shot")
    put("clips/shot.xml", b"<Sidecar/>")
    ingest(services, "clips/shot.xml")
    assert services.clips.get("shot") == before


def test_reconcile_rings_for_uploads_that_nobody_told_of_and_for_no_others(
    services: Services, put: Put, clip: Path
) -> None:
    reconcile(services)  # what other tests left behind
    before = waiting(services, queues.INGEST)
    put("clips/lost.mp4", clip)
    assert reconcile(services) == 1
    assert waiting(services, queues.INGEST) == before + 1
    assert reconcile(services) == 0, "a ring that still waits is not repeated"
    run_all(services, "clips/lost.mp4", "lost")
    services.doorbell.answered(queues.INGEST_TASK, "clips/lost.mp4")
    assert reconcile(services) == 0, "finished work is left alone"
