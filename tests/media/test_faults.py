"""Black, frozen, letter- and pillar-boxed: seen on the way to the encoder."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import ffmpeg
import pytest

from tasks.media import faults
from tasks.media.ladder import PlannedRung
from tasks.records.base import Notice
from tests import clips

RUNG = PlannedRung(name="180p", width=320, height=180, frame_rate="25", crf=24, max_bitrate_bps=400_000)
MOVING = "testsrc2=size=320x180:rate=25:duration=4"
BLACK = "color=c=black:size=320x180:rate=25:duration=3"
STILL = "mandelbrot=size=320x180:rate=25,trim=end_frame=1,loop=loop=199:size=1,setpts=N/25/TB"


def looked_at(folder: Path, graph: str, duration_s: float) -> tuple[Notice, ...]:
    """Encode a picture as an upload is, and look at it on the way to the smallest rung's encoder."""
    codec = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-g", "50", "-pix_fmt", "yuv420p")
    clips.make(folder / "source.mp4", "-filter_complex", f"{graph},scale=320:180[v]", "-map", "[v]", *codec)
    stream, look = faults.watched(ffmpeg.input("source.mp4")["v"], Fraction(25))
    arguments = ffmpeg.merge_outputs(stream.output("-", format="null"), look).get_args()
    subprocess.run([str(clips.FFMPEG), "-loglevel", "error", *arguments], cwd=folder, check=True, timeout=60)
    return faults.judge((folder / faults.FOUND_FILE).read_text().splitlines(), RUNG, duration_s)


@pytest.mark.parametrize(
    ("graph", "duration_s", "told"),
    [
        (MOVING, 4, {}),
        (
            f"{MOVING}[a];{BLACK}[b];{MOVING}[c];[a][b][c]concat=n=3",
            11,
            {"black_stretch": "The picture is black from 0:04 to 0:07."},
        ),
        (f"{MOVING}[a];{BLACK}[b];[a][b]concat=n=2", 7, {"black_stretch": "The picture is black from 0:04 to 0:07."}),
        (
            f"{MOVING}[a];{STILL},format=yuv420p[b];[a][b]concat=n=2",
            12,
            {"frozen_stretch": "The picture is frozen from 0:04 to 0:12."},
        ),
        (
            "testsrc2=size=320x136:rate=25:duration=4,pad=320:180:0:22",
            4,
            {"letterboxed": "Black bars above and below take 24 % of the picture's height."},
        ),
        (
            "testsrc2=size=240x180:rate=25:duration=4,pad=320:180:40:0",
            4,
            {"pillarboxed": "Black bars at the sides take 25 % of the picture's width."},
        ),
    ],
)
def test_a_fault_is_told_in_plain_words(tmp_path: Path, graph: str, duration_s: float, told: dict[str, str]) -> None:
    assert {notice.code: notice.message for notice in looked_at(tmp_path, graph, duration_s)} == told


def test_many_stretches_are_told_in_short() -> None:
    lines = "".join(f"lavfi.black_start={at}\nlavfi.black_end={at + 3}\n" for at in range(0, 60, 10))
    (notice,) = faults.judge(lines.splitlines(), RUNG, 60)
    assert notice.message.endswith("from 0:20 to 0:23, and 3 more times.")


def test_nothing_written_is_nothing_found() -> None:
    assert faults.judge([], RUNG, 10) == ()
