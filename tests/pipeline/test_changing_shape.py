"""Transport streams whose picture changes its shape: what follows has bars, and is not stretched to the first's."""

from __future__ import annotations

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
