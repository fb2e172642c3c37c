"""Upscaling: what was enlarged is told from what is only soft, flat, a pattern or badly coded."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.media import upscaling
from tests import clips

# Detail that moves, and a camera's noise, which is there before anything is enlarged.
CAMERA = (
    "mandelbrot=size={size}:rate=2:start_scale=0.5:end_scale=0.01:end_pts=40:maxiter=200,"
    "format=yuv420p,noise=alls=6:allf=t"
)


def looks(picture: str, *, bit_rate: str = "12M", count: int = 4) -> list[upscaling.Lines]:
    """Luma of some pictures that lavfi makes, coded and decoded in between."""
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", bit_rate, "-r", "25", "-g", "1", "-f", "h264", "-"]
    made = ["-v", "error", "-f", "lavfi", "-i", picture, "-frames:v", str(count), "-pix_fmt", "yuv420p"]
    stream = subprocess.run([str(clips.FFMPEG), *made, *coded], check=True, capture_output=True, timeout=60).stdout
    shown = ["-v", "error", "-f", "h264", "-i", "-", "-vf", "crop=400:ih,format=gray", "-fps_mode", "passthrough"]
    command = [str(clips.FFMPEG), *shown, "-c:v", "pgm", "-f", "image2pipe", "-"]
    pgm = subprocess.run(command, input=stream, check=True, capture_output=True, timeout=60).stdout
    return upscaling.read_lines(pgm)


@pytest.mark.parametrize("flags", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize(
    ("small", "large"), [("854x480", 1080), ("1024x576", 1080), ("1280x720", 1080), ("854x480", 720)]
)
def test_what_was_enlarged_is_told_of(small: str, large: int, flags: str) -> None:
    width = large * 16 // 9
    pictures = looks(f"{CAMERA.format(size=small)},scale={width}:{large}:flags={flags}")
    assert [picture.shape for picture in pictures] == [(large, 400)] * 4
    (notice,) = upscaling.notice(pictures)
    assert notice.code == "upscaled"
    assert str(large) in notice.message


@pytest.mark.parametrize(
    "picture",
    [
        CAMERA.format(size="1920x1080"),
        CAMERA.format(size="1920x1080") + ",gblur=sigma=1.5",
        CAMERA.format(size="1280x720"),
        CAMERA.format(size="2560x1440") + ",scale=1920:1080:flags=bicubic",
        "smptehdbars=size=1920x1080:rate=2,noise=alls=6:allf=t",
        "testsrc2=size=1920x1080:rate=2",
        "color=black:size=1920x1080:rate=2",
    ],
    ids=["sharp", "soft", "720 lines", "reduced", "bars", "pattern", "black"],
)
def test_what_was_not_enlarged_is_not_told_of(picture: str) -> None:
    assert upscaling.notice(looks(picture)) == ()


def test_what_is_badly_coded_is_not_taken_for_enlarged() -> None:
    assert upscaling.notice(looks(CAMERA.format(size="1920x1080"), bit_rate="1M")) == ()


def test_a_few_looks_are_not_enough_to_tell() -> None:
    pictures = looks(f"{CAMERA.format(size='1280x720')},scale=1920:1080")
    assert upscaling.notice(pictures)
    assert upscaling.notice(pictures[:3]) == ()
    assert upscaling.notice([]) == ()


@given(st.binary(max_size=64))
def test_files_that_are_none_have_no_pictures(data: bytes) -> None:
    assert upscaling.read_lines(b"P5\n100 100\n255\n" + data) == []
    assert all(picture.ndim == 2 for picture in upscaling.read_lines(data))
