"""Progressive, interlaced, film: decided by what the fields show."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tasks.media.sampling import may_be_interlaced, plan_fields
from tasks.media.scan import Fields, Scan, ScanDecision, decide_scan, read_fields, scan_notice
from tests import clips
from tests.media.test_ladder import VIDEO
from tests.media.test_picture import probed

PAL = Fraction(25)
NTSC = Fraction(30000, 1001)
TFF: Scan = "interlaced_tff"
BFF: Scan = "interlaced_bff"
MPEG2 = ("-c:v", "mpeg2video", "-b:v", "20M")
FIELDS = (*MPEG2, "-flags", "+ilme+ildct")
MOVING = "mandelbrot=size=720x576:rate=50:start_scale=1:end_pts=100:maxiter=200,trim=duration=3"


@pytest.mark.parametrize(
    ("flagged", "rate", "fields", "decision"),
    [
        (TFF, PAL, Fields(top_first=100), ScanDecision(scan=TFF)),
        (BFF, PAL, Fields(top_first=95, progressive=5), ScanDecision(scan=TFF)),
        (TFF, PAL, Fields(bottom_first=80, progressive=10), ScanDecision(scan=BFF)),
        (TFF, PAL, Fields(progressive=100), ScanDecision(scan="progressive")),
        (TFF, PAL, Fields(progressive=98, top_first=2), ScanDecision(scan="progressive")),
        (TFF, PAL, Fields(progressive=50, top_first=50), ScanDecision(scan=TFF, mixed=True)),
        (TFF, PAL, Fields(bottom_first=30, top_first=30, progressive=5), ScanDecision(scan=TFF)),
        (TFF, PAL, Fields(undetermined=100, bottom_first=4), ScanDecision(scan=TFF)),
        (TFF, PAL, Fields(), ScanDecision(scan=TFF)),
        ("progressive", PAL, Fields(progressive=100), ScanDecision(scan="progressive")),
        ("progressive", PAL, Fields(progressive=80, top_first=20), ScanDecision(scan="progressive")),
        ("progressive", PAL, Fields(top_first=40, bottom_first=35, progressive=10), ScanDecision(scan="progressive")),
        ("progressive", PAL, Fields(bottom_first=90, progressive=10), ScanDecision(scan=BFF)),
        ("progressive", PAL, Fields(bottom_first=50, progressive=50), ScanDecision(scan=BFF, mixed=True)),
        (
            TFF,
            NTSC,
            Fields(top_first=113, progressive=9, repeated_top=25, repeated_bottom=24),
            ScanDecision(scan=TFF, telecined=True),
        ),
        # The same pattern at 25 frames per second is something else, and so are a few repeated fields.
        (TFF, PAL, Fields(top_first=113, repeated_top=25, repeated_bottom=24), ScanDecision(scan=TFF)),
        (TFF, NTSC, Fields(top_first=113, repeated_top=4, repeated_bottom=24), ScanDecision(scan=TFF)),
    ],
)
def test_the_fields_decide_where_they_tell_enough(
    flagged: Scan, rate: Fraction, fields: Fields, decision: ScanDecision
) -> None:
    assert decide_scan(flagged, rate, fields) == decision


@pytest.mark.parametrize(
    ("flagged", "decided", "code"),
    [
        (TFF, BFF, "field_order_corrected"),
        (BFF, TFF, "field_order_corrected"),
        ("progressive", TFF, "scan_corrected"),
        (TFF, TFF, None),
        (TFF, "progressive", None),
        ("progressive", "progressive", None),
    ],
)
def test_flags_that_lied_are_told_of(flagged: Scan, decided: Scan, code: str | None) -> None:
    assert [notice.code for notice in scan_notice(flagged, ScanDecision(scan=decided))] == [code] * bool(code)


@pytest.mark.parametrize(
    ("name", "picture", "filters", "codec", "decision"),
    [
        ("tff.mpg", MOVING, "tinterlace=interleave_top", FIELDS, ScanDecision(scan=TFF)),
        ("bff.mpg", MOVING, "tinterlace=interleave_bottom", FIELDS, ScanDecision(scan=BFF)),
        ("bff_said_tff.mpg", MOVING, "tinterlace=interleave_bottom,setfield=tff", FIELDS, ScanDecision(scan=BFF)),
        ("said_progressive.mpg", MOVING, "tinterlace=interleave_top,setfield=prog", MPEG2, ScanDecision(scan=TFF)),
        ("psf.mpg", MOVING, "fps=25,setfield=tff", FIELDS, ScanDecision(scan="progressive")),
        ("progressive.mpg", MOVING, "fps=25", MPEG2, ScanDecision(scan="progressive")),
        (
            "dv.avi",
            MOVING,
            "tinterlace=interleave_bottom,format=yuv420p",
            ("-c:v", "dvvideo"),
            ScanDecision(scan=BFF),
        ),
        (
            "film.mpg",
            "testsrc2=size=720x480:rate=24000/1001:duration=5",
            "telecine=pattern=23",
            FIELDS,
            ScanDecision(scan=TFF, telecined=True),
        ),
        ("pattern.mpg", "testsrc2=size=720x480:rate=25:duration=3", "null", MPEG2, ScanDecision(scan="progressive")),
    ],
)
def test_generated_pictures_are_seen_as_what_they_are(
    tmp_path: Path, name: str, picture: str, filters: str, codec: tuple[str, ...], decision: ScanDecision
) -> None:
    made = clips.make(tmp_path / name, "-f", "lavfi", "-i", picture, "-vf", filters, *codec)
    source = probed(made)
    assert may_be_interlaced(source.video)
    made.rename(tmp_path / "source")
    command = [str(clips.FFMPEG), *plan_fields(source, max_pixels=10**8)]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=60).stdout
    assert decide_scan(source.video.scan, source.video.frame_rate, read_fields(printed)) == decision


def test_only_a_few_seconds_of_a_long_clip_are_looked_at(tmp_path: Path) -> None:
    clips.progressive(tmp_path / "long.mp4", seconds=60, size="128x72", sound=False, extra=("-g", "25"))
    source = probed(tmp_path / "long.mp4")
    (tmp_path / "long.mp4").rename(tmp_path / "source")
    command = [str(clips.FFMPEG), *plan_fields(source, max_pixels=10**8)]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=60).stdout
    fields = read_fields(printed)
    assert 15 <= fields.frames <= 100


@pytest.mark.parametrize(("rate", "frames"), [("50", 45), ("60000/1001", 108)])
def test_each_stretch_of_a_tape_is_judged_by_itself(tmp_path: Path, rate: str, frames: int) -> None:
    # A scene each three seconds: what lies in two stretches has nothing to do with each other.
    scenes = (
        f"mandelbrot=size=176x144:rate={rate}:start_scale=1:end_pts=100,trim=duration=9,"
        "rotate=floor(t/3)*0.7,eq=brightness='0.3*sin(9*floor(t/3))':eval=frame,tinterlace=interleave_top"
    )
    made = clips.make(tmp_path / "tape.mxf", "-f", "lavfi", "-i", scenes, *FIELDS, "-g", "12")
    source = probed(made)
    assert source.video.is_interlaced
    made.rename(tmp_path / "source")
    command = [str(clips.FFMPEG), *plan_fields(source, max_pixels=10**8)]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=60).stdout
    fields = read_fields(printed)
    assert abs(fields.frames - frames) <= 3
    assert fields.progressive <= 1
    assert fields.top_first >= 0.8 * fields.frames


@pytest.mark.parametrize(
    ("changes", "worth_it"),
    [
        ({}, True),
        ({"coded_height": 720}, False),
        ({"coded_height": 720, "scan": TFF}, True),
        ({"frame_rate": Fraction(50)}, False),
        ({"codec": "hevc"}, False),
        ({"codec": "dvvideo", "coded_height": 576}, True),
    ],
)
def test_what_never_comes_interlaced_is_not_looked_at(changes: dict[str, object], worth_it: bool) -> None:
    assert may_be_interlaced(replace(VIDEO, **changes)) is worth_it
