"""The picture through the whole pipeline: every frame in its time, fields and faults told of."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.pipeline.services import Services
from tasks.records.clip_record import ClipRecord
from tests import clips
from tests.pipeline.published import publish

Put = Callable[[str, Path | bytes], str]
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
FIELDS = ("-c:v", "mpeg2video", "-b:v", "20M", "-flags", "+ilme+ildct")
MOVING = "mandelbrot=size=720x576:rate=50:start_scale=1:end_pts=100:maxiter=200,trim=duration=2"


def published(services: Services, put: Put, path: Path) -> ClipRecord:
    return publish(services, put, path, path.stem)


def codes(record: ClipRecord) -> set[str]:
    return {warning.code for warning in record.warnings} - {"name_unconventional", "no_audio"}


def made(services: Services, record: ClipRecord, folder: Path) -> Path:
    """The progressive file."""
    body = services.store.get(services.settings.media_bucket, f"clips/{record.name}/{record.mp4[0].url}").body
    path = folder / "published.mp4"
    path.write_bytes(body)
    return path


def stream(path: Path) -> dict[str, str]:
    entries = "stream=nb_frames,avg_frame_rate,duration,start_time,field_order,color_space,color_transfer,color_range"
    command = [str(clips.FFPROBE), "-v", "error", "-select_streams", "v", "-show_entries", entries, "-of", "json"]
    answer = subprocess.run([*command, str(path)], capture_output=True, check=True, timeout=30).stdout
    found: dict[str, str] = json.loads(answer)["streams"][0]
    return found


@pytest.mark.parametrize(
    ("rate", "shown", "frames"),
    [
        ("25", "25/1", 50),
        ("24000/1001", "24000/1001", 48),
        ("30000/1001", "30000/1001", 60),
        ("60000/1001", "30000/1001", 60),
        ("50", "25/1", 50),
        ("120", "30/1", 60),
        ("20", "20/1", 40),
    ],
)
def test_a_constant_rate_keeps_its_frames_or_every_nth(
    services: Services, put: Put, tmp_path: Path, rate: str, shown: str, frames: int
) -> None:
    name = f"rate_{rate.partition('/')[0]}.mp4"
    source = clips.progressive(tmp_path / name, seconds=2, size="160x120", rate=rate, sound=False)
    record = published(services, put, source)
    found = stream(made(services, record, tmp_path))
    assert found["avg_frame_rate"] == shown
    assert abs(int(found["nb_frames"]) - frames) <= 1
    assert (found["color_space"], found["color_transfer"], found["color_range"]) == ("bt709", "bt709", "tv")


def test_a_phones_clip_with_frames_left_out_keeps_its_time(services: Services, put: Put, tmp_path: Path) -> None:
    picture = "testsrc2=size=160x120:rate=30000/1001:duration=6"
    left_out = "select='not(eq(mod(n,11),5)+eq(mod(n,17),3))'"
    source = clips.make(
        tmp_path / "phone.mp4",
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=duration=6"),
        *("-vf", left_out, "-fps_mode", "vfr", *H264, "-c:a", "aac"),
    )
    record = published(services, put, source)
    assert record.renditions[0].frame_rate == pytest.approx(29.97)
    found = stream(made(services, record, tmp_path))
    assert float(found["duration"]) == pytest.approx(6, abs=0.05)
    assert float(found["start_time"]) == pytest.approx(0, abs=0.001)


def test_a_screen_capture_of_few_frames_comes_out_steady(services: Services, put: Put, tmp_path: Path) -> None:
    changes = "select='eq(n,0)+eq(n,20)+eq(n,27)+eq(n,60)+eq(n,99)+eq(n,110)'"
    picture = f"testsrc2=size=160x120:rate=30:duration=4,{changes}"
    source = clips.make(
        tmp_path / "screen.mp4",
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=duration=4"),
        *("-fps_mode", "vfr", *H264, "-c:a", "aac"),
    )
    record = published(services, put, source)
    assert record.renditions[0].frame_rate == 25
    assert float(stream(made(services, record, tmp_path))["duration"]) == pytest.approx(110 / 30, abs=0.4)


def test_a_picture_that_begins_after_the_sound_stands_until_then(services: Services, put: Put, tmp_path: Path) -> None:
    picture = clips.progressive(tmp_path / "p.mp4", seconds=2, size="160x120", sound=False)
    source = clips.make(
        tmp_path / "late.mov",
        *("-itsoffset", "0.6", "-i", str(picture), "-f", "lavfi", "-i", "sine=duration=2.6"),
        *("-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac"),
    )
    record = published(services, put, source)
    found = stream(made(services, record, tmp_path))
    assert float(found["start_time"]) == pytest.approx(0, abs=0.001)
    assert abs(int(found["nb_frames"]) - 65) <= 1


@pytest.mark.parametrize(
    ("name", "filters", "codec", "scan", "told"),
    [
        ("tff.mpg", "tinterlace=interleave_bottom,setfield=tff", FIELDS, "interlaced_bff", "field_order_corrected"),
        ("flat.mpg", "tinterlace=interleave_top,setfield=prog", FIELDS[:4], "interlaced_tff", "scan_corrected"),
        ("psf.mpg", "fps=25,setfield=tff", FIELDS, "progressive", None),
    ],
)
def test_flags_that_lie_are_corrected_and_told_of(
    services: Services,
    put: Put,
    tmp_path: Path,
    name: str,
    filters: str,
    codec: tuple[str, ...],
    scan: str,
    told: str | None,
) -> None:
    source = clips.make(tmp_path / name, "-f", "lavfi", "-i", MOVING, "-vf", filters, *codec)
    record = published(services, put, source)
    assert record.source.video
    assert record.source.video.scan == scan
    assert codes(record) == ({told} if told else set())
    published_file = made(services, record, tmp_path)
    assert stream(published_file).get("field_order", "progressive") == "progressive"
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", "-i", str(published_file)]
    command += ["-vf", "idet,metadata=print:file=-", "-f", "null", "-"]
    printed = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    assert printed.count(b"single.current_frame=tff") + printed.count(b"single.current_frame=bff") <= 3


def test_film_in_pulldown_is_published_as_film(services: Services, put: Put, tmp_path: Path) -> None:
    film = "testsrc2=size=720x480:rate=24000/1001:duration=3,telecine=pattern=23"
    source = clips.make(tmp_path / "film.mpg", "-f", "lavfi", "-i", film, *FIELDS)
    record = published(services, put, source)
    assert record.source.video
    assert record.source.video.telecined
    assert record.renditions[0].frame_rate == pytest.approx(23.976)


def test_hdr_is_told_and_toned_down(services: Services, put: Put, tmp_path: Path) -> None:
    grey = "color=c=0x808080:size=320x240:rate=25:duration=1,format=gbrp,zscale=matrixin=gbr:primariesin=bt709"
    graph = f"{grey}:transferin=bt709:transfer=smpte2084:matrix=bt2020nc:primaries=bt2020:range=limited:npl=203"
    codec = ("-vf", "format=yuv420p10le", "-c:v", "libx265", "-x265-params", "log-level=none:qp=4")
    record = published(services, put, clips.make(tmp_path / "pq.mp4", "-f", "lavfi", "-i", graph, *codec))
    assert record.source.video
    assert record.source.video.dynamic_range == "pq"
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", "-i", str(made(services, record, tmp_path))]
    command += ["-frames:v", "1", "-pix_fmt", "gray", "-f", "rawvideo", "-"]
    raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    # Untouched, PQ would show this grey a quarter darker than its 16 + 219 × 0.5.
    assert sum(raw) / len(raw) == pytest.approx(126, abs=6)


def test_black_and_bars_are_told_of(services: Services, put: Put, tmp_path: Path) -> None:
    graph = (
        "testsrc2=size=320x180:rate=25:duration=2,crop=240:180,pad=320:180:40:0[a];"
        "color=c=black:size=320x180:rate=25:duration=3[b];[a][b]concat"
    )
    source = clips.make(tmp_path / "black.mp4", "-f", "lavfi", "-i", graph, *H264)
    assert codes(published(services, put, source)) == {"black_stretch", "pillarboxed"}
