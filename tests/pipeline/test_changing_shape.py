"""Transport streams whose picture changes its shape: what follows has bars, and is not stretched to the first's."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import clips
from tests.pipeline.published import H264, Published

PROGRESSIVE = ("-vf", "setsar=16/15")
FIELDS = ("-vf", "tinterlace=mode=interleave_top,fieldorder=tff,format=yuv420p,setsar=16/15")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "3", "-flags", "+ildct+ilme")


def lit(path: Path, at_s: float) -> tuple[int, int, int, int]:
    """Of that moment's picture, width and height, and how many columns and rows are not black."""
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", "-ss", str(at_s), "-i", str(path), "-frames:v", "1"]
    raw = subprocess.run(
        [*command, "-f", "image2pipe", "-c:v", "pgm", "-"], capture_output=True, check=True, timeout=60
    ).stdout
    _, size, _, pixels = raw.split(b"\n", 3)
    width, height = (int(each) for each in size.split())
    rows, columns = np.nonzero(np.frombuffer(pixels, np.uint8).reshape(height, width) > 64)
    return width, height, int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


@pytest.mark.parametrize(
    ("filters", "coded"),
    [pytest.param(PROGRESSIVE, H264, id="progressive"), pytest.param(FIELDS, MPEG2, id="interlaced")],
)
def test_hd_behind_sd_of_another_shape_has_bars(
    publish: Callable[[Path], Published], tmp_path: Path, filters: tuple[str, str], coded: tuple[str, ...]
) -> None:
    rate = 25 if filters is PROGRESSIVE else 50
    source = tmp_path / "joined.ts"
    for number, (size, shape) in enumerate((("720x576", filters), ("1280x720", (filters[0], filters[1][:-5] + "1")))):
        grey = f"color=gray:size={size}:rate={rate}:duration=2,noise=alls=20:allf=t"
        made = tmp_path / f"{number}.ts"
        clips.make(made, "-f", "lavfi", "-i", grey, *shape, *coded, "-g", "25", "-output_ts_offset", str(2 * number))
        source.write_bytes((source.read_bytes() if number else b"") + made.read_bytes())
    made_of_both = publish(source)
    width, height, columns, rows = lit(made_of_both.mp4, 1)
    assert (width, height, columns, rows) == (720, 540, 720, 540)
    _, _, columns, rows = lit(made_of_both.mp4, 3)
    assert columns == 720
    assert rows == pytest.approx(405, abs=6)
    assert "shape_changes" not in made_of_both.codes()


def test_a_broadcast_that_turns_from_43_to_169_is_told_of(publish: Callable[[Path], Published], tmp_path: Path) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=720x576:rate=25:duration=4", "-vf", "setsar=16/15")
    coded = ("-c:v", "mpeg2video", "-pix_fmt", "yuv420p", "-q:v", "5", "-g", "25", "-sc_threshold", "0")
    broadcast = clips.make(tmp_path / "broadcast.m2v", *picture, *coded, "-f", "mpeg2video")
    data = bytearray(broadcast.read_bytes())
    headers = [found.end() for found in re.finditer(rb"\0\0\x01\xb3", bytes(data))]
    for place in headers[2:]:
        # The four bits behind width and height.
        data[place + 3] = data[place + 3] & 0x0F | 0x30
    broadcast.write_bytes(data)
    muxed = ("-fflags", "+genpts", "-i", str(broadcast), "-c", "copy")
    made = publish(clips.make(tmp_path / "turning.ts", *muxed))
    (told,) = (notice.message for notice in made.record.warnings if notice.code == "shape_changes")
    assert told.startswith("From 0:02 on the picture of this recording is 16:9")
