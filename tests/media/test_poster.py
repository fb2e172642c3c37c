"""The poster: which frame is taken, how it is looked for, and its further sizes and formats."""

from __future__ import annotations

import base64
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.media import looks, poster
from tasks.media.appeal import Look, appeal, best
from tasks.media.colour import Colour
from tasks.media.thumbhash import thumbhash
from tests import clips
from tests.media.test_encode import NEWS, SMALL
from tests.media.test_looks import taken

WIDTH, HEIGHT = 128, 72
CAMERA = "mandelbrot=size=640x360:rate=25:start_scale=0.3:maxiter=200"
DULL = {
    "SMPTE bars": "smptehdbars=size=640x360:rate=25",
    "EBU bars": "pal75bars=size=640x360:rate=25",
    "black": "color=black:size=640x360:rate=25",
    "white": "color=white:size=640x360:rate=25",
    "a plain colour": "color=0x305090:size=640x360:rate=25",
    "a fade": f"{CAMERA},lutyuv=y=16+(val-16)*0.12:u=128+(val-128)*0.12:v=128+(val-128)*0.12",
    "a flash": f"{CAMERA},lutyuv=y=clip(val+190\\,16\\,235)",
    "blur": f"{CAMERA},gblur=sigma=30",
    # A clock of a leader: thin lines and a block of figures on a plain ground.
    "a countdown": "color=0x808080:size=640x360:rate=25,drawbox=318:0:4:360:black:fill,"
    "drawbox=0:178:640:4:black:fill,drawbox=290:130:60:100:white:fill",
    "a slate": "color=0x102040:size=640x360:rate=25,"
    + ",".join(f"drawbox={80 + 7 * n}:{90 + 60 * (n % 3)}:4:24:white:fill" for n in range(60)),
}


def seen(source: str, *, at_s: float = 2.0) -> Look:
    """One small picture of what lavfi makes at that time."""
    shown = ["-ss", f"{at_s}", "-frames:v", "1", "-vf", f"scale={WIDTH}:{HEIGHT}:flags=area,format=rgb24"]
    command = [str(clips.FFMPEG), "-v", "error", "-f", "lavfi", "-i", source, *shown, "-f", "rawvideo", "pipe:1"]
    rgb = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    return Look(time_s=at_s, width=WIDTH, height=HEIGHT, rgb=rgb)


@pytest.fixture(scope="module")
def camera() -> Look:
    return seen(CAMERA)


@pytest.mark.parametrize("name", DULL)
def test_what_no_editor_would_take_has_far_less_appeal_than_a_picture(camera: Look, name: str) -> None:
    assert appeal(camera) > 0.2
    assert appeal(seen(DULL[name])) < appeal(camera) / 2, name


def test_what_flashes_up_between_two_alike_pictures_is_passed_over_however_good_it_is(camera: Look) -> None:
    dim = camera.evolve(rgb=bytes(value * 7 // 10 for value in camera.rgb))
    burst = [dim, dim.evolve(time_s=2.04), camera.evolve(time_s=2.08), dim.evolve(time_s=2.12)]
    assert appeal(camera) > appeal(dim)
    assert best([[camera]]) == camera
    assert best([burst]) == dim


def test_of_two_alike_the_earlier_is_taken_and_of_none_none(camera: Look) -> None:
    assert best([[camera.evolve(time_s=9.0)], [camera]]) == camera
    assert best([]) is None
    assert best([[]]) is None


@given(st.binary(max_size=64 * 3))
def test_any_bytes_have_an_appeal_between_nothing_and_one(rgb: bytes) -> None:
    look = Look(time_s=0, width=8, height=8, rgb=(rgb + bytes(192))[:192])
    assert 0 <= appeal(look) <= 1


def test_h264_in_444_is_never_entered_in_the_middle() -> None:
    source = replace(SMALL, duration_s=60.0, video=replace(SMALL.video, pixel_format="yuv444p"))
    taken = poster.plan_poster(source, NEWS, 9.0, max_pixels=1).arguments
    assert "-ss" not in taken
    assert "trim=start=8.996" in taken[taken.index("-filter_complex") + 1]
    assert "-ss" in poster.plan_poster(SMALL, NEWS, 9.0, max_pixels=1).arguments


@pytest.mark.parametrize(
    ("codec", "encoder", "rotation"),
    [
        ("h264", ("libx264",), 0),
        ("h264", ("libx264",), 90),
        # Of open GOPs only the first key frame is an IDR.
        ("h264", ("libx264", "-x264-params", "open-gop=1"), 0),
        ("hevc", ("libx265",), 0),
    ],
)
def test_a_picture_that_a_look_has_kept_makes_the_poster_that_the_source_itself_would(
    tmp_path: Path, codec: str, encoder: tuple[str, ...], rotation: int
) -> None:
    # So few bits that the edges of its blocks are softened, as only a whole decode does it.
    coded = ("-c:v", *encoder, "-crf", "40", "-g", "25", "-bf", "2", "-sc_threshold", "0")
    plain = clips.make(tmp_path / "plain.mp4", "-f", "lavfi", "-i", f"{CAMERA},format=yuv420p", "-t", "8", *coded)
    turned = ("-display_rotation", str(rotation), "-i", str(plain), "-c", "copy")
    clip = clips.make(tmp_path / "clip.mp4", *turned)
    width, height = (360, 640) if rotation else (640, 360)
    video = replace(
        SMALL.video,
        codec=codec,
        index=0,
        width=width,
        height=height,
        coded_width=640,
        coded_height=360,
        rotation=rotation,
        is_as_coded=not rotation,
    )
    source = replace(SMALL, duration_s=8.0, video=video)
    finals = looks.plan_finals(source, (5.0, 2.0, 6.0), max_pixels=640 * 360)
    (burst, *_) = bursts = taken(finals, clip, tmp_path)
    chosen = best(bursts, at_s=[5.0])
    assert chosen is not None
    assert chosen.time_s == 5.0
    number = [look for each in bursts for look in each].index(chosen)
    assert number >= len(burst)

    (tmp_path / "out").mkdir()
    made = []
    for kept in (number, None):
        still = poster.plan_poster(source, NEWS, 5.0, max_pixels=640 * 360, kept=kept)
        assert ("source" in still.arguments) == (kept is None)
        subprocess.run([str(clips.FFMPEG), *still.arguments], cwd=tmp_path, check=True, timeout=60)
        made.append((tmp_path / "out" / poster.POSTER).read_bytes() + (tmp_path / poster.THUMB).read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    "change",
    [
        {"scan": "interlaced_tff"},
        {"pixel_format": "yuvj420p", "colour": Colour(full_range=True)},
        {"colour": Colour(matrix="bt2020nc", primaries="bt2020", transfer="arib-std-b67")},
        {"pixel_format": "yuv422p10le"},
        {"width": 3840, "height": 2160, "coded_width": 3840, "coded_height": 2160},
    ],
)
def test_no_picture_is_kept_that_would_not_be_the_same_without_its_file(change: dict[str, Any]) -> None:
    video = replace(SMALL.video, codec="h264")
    assert looks.plan_finals(replace(SMALL, video=video), (1.0, 2.0, 3.0), max_pixels=1).keeps
    changed = replace(SMALL, video=replace(video, **change))
    assert not looks.plan_finals(changed, (1.0, 2.0, 3.0), max_pixels=1).keeps


@pytest.mark.parametrize(
    ("size", "widths"), [((1920, 1080), [1280, 640, 320]), ((640, 360), [640, 320]), ((300, 200), [300])]
)
def test_every_width_comes_in_three_formats_and_none_is_larger_than_the_picture(
    size: tuple[int, int], widths: list[int]
) -> None:
    source = replace(SMALL, video=replace(SMALL.video, width=size[0], height=size[1]))
    still = poster.plan_poster(source, NEWS, 1.0, max_pixels=1)
    assert still.width == widths[0]
    _, variants = poster.plan_variants(NEWS, still)
    made = [(each.type, each.width) for each in variants]
    assert made == [(kind, width) for kind in ("image/avif", "image/webp", "image/jpeg") for width in widths]
    assert all(abs(each.height - each.width * size[1] / size[0]) <= 1 for each in variants)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (32, 18, "pBUKTI5AZYh0iIl2dohwWAh6eA=="),
        (18, 32, "HucJjAhAqHZJimSYdnl2YAlvjQ=="),
        (20, 20, "IeUJLwpAiJaViIZlh4h4d4d4Jxbg9KcI"),
    ],
)
def test_a_thumbhash_is_that_of_the_reference_implementation(width: int, height: int, expected: str) -> None:
    pixels = [
        ((x * 7 + y * 3) % 256, (x * x + y * 5) % 256, (200 - x * 2 + y * 4) % 256)
        for y in range(height)
        for x in range(width)
    ]
    made = thumbhash(width, height, bytes(value for pixel in pixels for value in pixel))
    assert base64.b64encode(made).decode() == expected


def test_a_thumbhash_of_too_large_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="101×1"):
        thumbhash(101, 1, bytes(303))
