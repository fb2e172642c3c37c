"""Pictures of another size than the first: in their own shape, with bars, as far as their size tells it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction

import ffmpeg
import numpy as np
import pytest

from tasks.media.shapes import resized, sizes
from tasks.media.source import VideoStream
from tests import clips

FIRST = VideoStream(
    index=0,
    codec="mpeg2video",
    width=768,
    height=576,
    coded_width=720,
    coded_height=576,
    frame_rate=Fraction(25),
    scan="progressive",
    pixel_format="yuv420p",
    rotation=0,
    duration_s=None,
    pid=0x100,
)
WIDE = replace(FIRST, width=1024)
HD = replace(FIRST, width=1920, height=1080, coded_width=1440, coded_height=1080)


@pytest.mark.parametrize(
    ("first", "size", "lit"),
    [
        pytest.param(FIRST, "720x576", (480, 360), id="as it began"),
        pytest.param(FIRST, "1280x720", (480, 272), id="HD behind 4:3"),
        pytest.param(FIRST, "1440x1080", (480, 272), id="anamorphic HD behind 4:3"),
        pytest.param(FIRST, "1280x1080", (480, 272), id="anamorphic HD with still fewer columns"),
        pytest.param(HD, "1440x2560", (152, 360), id="upright, with as many columns"),
        pytest.param(FIRST, "544x576", (480, 360), id="SD with fewer columns"),
        pytest.param(FIRST, "640x480", (480, 360), id="square pixels of the same shape"),
        pytest.param(FIRST, "360x640", (200, 360), id="upright"),
        pytest.param(WIDE, "1920x1080", (480, 360), id="HD behind 16:9"),
        pytest.param(HD, "1920x1080", (480, 360), id="HD behind anamorphic HD"),
        pytest.param(HD, "720x576", (480, 360), id="SD behind HD"),
        pytest.param(replace(FIRST, pid=None), "1280x720", (480, 360), id="of a container that has one size"),
    ],
)
def test_a_picture_of_another_shape_has_bars(first: VideoStream, size: str, lit: tuple[int, int]) -> None:
    # The first fills a frame of 480 by 360 pixels.
    picture = ffmpeg.input(f"color=white:size={size}", f="lavfi")
    output = resized(picture, 480, 360, sizes(first, 480, 360)).output("-", f="rawvideo", pix_fmt="gray", vframes=1)
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", *output.get_args()]
    raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    rows, columns = np.nonzero(np.frombuffer(raw, np.uint8).reshape(360, 480) > 128)
    assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == lit
    assert columns.min() + columns.max() == 479
    assert rows.min() + rows.max() == 359
