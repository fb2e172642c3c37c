"""The poster as it is published: the right moment, every size and format, and a gist of it."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from tasks.pipeline import poster_search
from tasks.pipeline.ingest import ingest
from tasks.pipeline.poster_search import Moment
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.records.clip_facts import Poster
from tests import clips
from tests.pipeline.published import Put

CORNER = "crop=iw/8:ih/8:0:ih*7/8,scale=1:1"
TYPES = {"image/jpeg": b"\xff\xd8\xff", "image/webp": b"RIFF", "image/avif": b"ftypavif"}


def reel(path: Path, *, picture_s: float, key_frames: int) -> Path:
    """Two seconds of bars, one of black, two of blur, a flash, and then at 5.2 s a picture, which fades out at last."""
    size = "size=640x360:rate=25"
    camera = f"mandelbrot={size}:start_scale=0.3:maxiter=200,trim=duration={picture_s}"
    graph = (
        "[2:v]split[sharp][soft];[soft]trim=duration=2,gblur=sigma=20[blur];"
        f"[sharp]fade=out:st={picture_s - 1}:d=1,setpts=PTS-STARTPTS[picture];"
        "[0:v][1:v][blur][3:v][picture]concat=n=5,format=yuv420p[v]"
    )
    return clips.make(
        path,
        *("-f", "lavfi", "-i", f"smptehdbars={size}:duration=2,format=yuv420p"),
        *("-f", "lavfi", "-i", f"color=black:{size}:duration=1,format=yuv420p"),
        *("-f", "lavfi", "-i", f"{camera},format=yuv420p"),
        *("-f", "lavfi", "-i", f"color=white:{size}:duration=0.2,format=yuv420p"),
        *("-filter_complex", graph, "-map", "[v]", "-c:v", "libx264", "-preset", "ultrafast", "-g", str(key_frames)),
    )


def poster_of(services: Services, name: str) -> Poster:
    record = services.clips.get(name)
    assert record is not None
    assert record.poster is not None
    return record.poster


@pytest.mark.parametrize(
    ("name", "picture_s", "key_frames"),
    [("short reel", 5.0, 250), ("long reel", 14.0, 25), ("one key frame", 9.0, 999)],
)
def test_the_poster_is_of_the_picture_and_of_nothing_before_or_after_it(
    services: Services, put: Put, tmp_path: Path, name: str, picture_s: float, key_frames: int
) -> None:
    put(f"clips/{name}.mp4", reel(tmp_path / "r.mp4", picture_s=picture_s, key_frames=key_frames))
    ingest(services, f"clips/{name}.mp4")
    thumbnails(services, name)
    assert 5.2 <= poster_of(services, name).time_s <= 5.2 + picture_s - 0.5


def test_every_size_and_format_can_be_fetched_and_is_what_the_record_says(
    services: Services, put: Put, tmp_path: Path
) -> None:
    put("clips/stills.mp4", clips.progressive(tmp_path / "s.mp4", seconds=2, size="1280x720", sound=False))
    ingest(services, "clips/stills.mp4")
    thumbnails(services, "stills")
    poster = poster_of(services, "stills")
    assert (poster.width, poster.height) == (1280, 720)
    assert [(each.type, each.width) for each in poster.sources] == [
        (kind, width) for kind in ("image/avif", "image/webp", "image/jpeg") for width in (1280, 640, 320)
    ]
    assert poster.url in {each.url for each in poster.sources}
    for each in poster.sources:
        key = f"clips/stills/{each.url}"
        body = services.store.get(services.settings.media_bucket, key).body
        assert TYPES[each.type] in body[:12]
        stream = services.store.stream(services.settings.media_bucket, key)
        stream.close()
        assert stream.content_type == each.type
        still = tmp_path / Path(each.url).name
        still.write_bytes(body)
        asked = ["-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", str(still)]
        size = subprocess.run([str(clips.FFPROBE), *asked], check=True, capture_output=True, text=True).stdout
        assert size.split()[0].rstrip(",") == f"{each.width},{each.height}"
    assert poster.thumbhash is not None
    assert 15 <= len(base64.b64decode(poster.thumbhash)) <= 25


@pytest.mark.parametrize("is_first", [True, False], ids=["before it", "after it"])
def test_a_poster_of_pictures_whose_size_changes_is_the_picture_of_its_time(
    services: Services, put: Put, tmp_path: Path, is_first: bool
) -> None:
    tagged = ("-vf", "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv,format=yuv420p")
    parts = []
    # What is grey all over is no poster.
    for number, size in enumerate(("320x180", "640x360")):
        picture = "testsrc2" if (number == 0) == is_first else "color=gray"
        made = ("-f", "lavfi", "-i", f"{picture}{'=' if '=' not in picture else ':'}size={size}:rate=25:duration=3")
        coded = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-output_ts_offset", str(3 * number))
        parts.append(clips.make(tmp_path / f"{number}.ts", *made, *tagged, *coded).read_bytes())
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    name = f"grows {is_first}"
    put(f"clips/{name}.mp4", clips.make(tmp_path / "a.mp4", "-i", str(tmp_path / "joined.ts"), "-c", "copy"))
    ingest(services, f"clips/{name}.mp4")
    thumbnails(services, name)
    poster = poster_of(services, name)
    assert (poster.time_s < 3) == is_first
    still = tmp_path / "poster.jpg"
    still.write_bytes(services.store.get(services.settings.media_bucket, f"clips/{name}/{poster.url}").body)
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", "-i", str(still), "-vf", CORNER, "-pix_fmt", "rgb24"]
    corner = subprocess.run([*command, "-f", "rawvideo", "-"], capture_output=True, check=True, timeout=30).stdout
    assert max(corner) - min(corner) > 100


def test_where_the_kept_picture_is_gone_the_upload_still_has_it(
    services: Services, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("clips/kept.mp4", clips.progressive(tmp_path / "s.mp4", seconds=2, sound=False))
    ingest(services, "clips/kept.mp4")
    monkeypatch.setattr(poster_search, "find", lambda *_: (Moment(time_s=1.0, kept=7), ()))
    thumbnails(services, "kept")
    assert poster_of(services, "kept").time_s == 1.0


def test_what_was_enlarged_is_told_of_with_the_poster(services: Services, put: Put, tmp_path: Path) -> None:
    small = (
        "mandelbrot=size=1280x720:rate=25:start_scale=0.5:end_scale=0.05:end_pts=150:maxiter=200,"
        "format=yuv420p,noise=alls=6:allf=t"
    )
    clip = clips.make(
        tmp_path / "large.mp4",
        *("-f", "lavfi", "-i", f"{small},scale=1920:1080:flags=bicubic", "-t", "5"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-b:v", "12M", "-g", "12"),
    )
    put("clips/120320_LARGE1.mp4", clip)
    ingest(services, "clips/120320_LARGE1.mp4")
    thumbnails(services, "120320_LARGE1")
    record = services.clips.get("120320_LARGE1")
    assert record is not None
    assert record.poster is not None
    assert [each.code for each in record.warnings] == ["upscaled"]
