"""The picture as it is shown: upright, in its own lines, smooth; judged on decoded pixels."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import ffmpeg
import pytest

from tasks.media.colour import scaled
from tasks.media.ladder import climb, read_ladder
from tasks.media.picture import evened, field_rate, shown
from tasks.media.source import Source, VideoStream
from tasks.media.source_reading import SourceLimits, read_recording
from tests import clips
from tests.media.test_ladder import TEXT, VIDEO

LIMITS = SourceLimits(duration_s=3600, pixels=10**8, streams=20)
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
STEADY = "scale=1920:1080:flags=lanczos:interl=1"
# White in the upper left corner of a dark picture.
MARKED = "color=c=0x202020:size=320x240:rate=25:duration=0.4,drawbox=w=80:h=60:color=white:t=fill"


def probed(path: Path) -> Source:
    """What the product reads of a file."""
    command = [str(clips.FFPROBE), "-v", "error", "-show_format", "-show_programs", "-show_streams", "-of", "json"]
    answer = subprocess.run([*command, str(path)], capture_output=True, check=True, timeout=30).stdout
    return read_recording(json.loads(answer), LIMITS)


def grey(path: Path, video: VideoStream, width: int, height: int) -> bytes:
    """The luma of the first frame as the product shows it."""
    picture = scaled(shown(ffmpeg.input(str(path))[str(video.index)], video), video.colour, width, height)
    output = picture.output("-", **{"f": "rawvideo", "pix_fmt": "gray", "frames:v": 1})
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", *output.get_args()]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def corner(pixels: bytes, width: int, height: int) -> str:
    """Where the white mark is."""
    places = {"upper left": (0, 0), "upper right": (1, 0), "lower left": (0, 1), "lower right": (1, 1)}
    bright = []
    for name, (right, low) in places.items():
        x, y = (width - 6 if right else 5), (height - 6 if low else 5)
        if pixels[y * width + x] > 150:
            bright.append(name)
    assert len(bright) == 1, bright
    return bright[0]


@pytest.mark.parametrize(
    ("options", "shape", "where"),
    [
        (("-display_rotation", "0"), (320, 240), "upper left"),
        # ffmpeg's option turns anticlockwise.
        (("-display_rotation", "90"), (240, 320), "lower left"),
        (("-display_rotation", "180"), (320, 240), "lower right"),
        (("-display_rotation", "270"), (240, 320), "upper right"),
        (("-display_hflip",), (320, 240), "upper right"),
        (("-display_vflip",), (320, 240), "lower left"),
        (("-display_rotation", "90", "-display_hflip"), (240, 320), "lower right"),
    ],
)
def test_turned_and_mirrored_pictures_are_shown_upright(
    tmp_path: Path, options: Sequence[str], shape: tuple[int, int], where: str
) -> None:
    plain = clips.make(tmp_path / "plain.mp4", "-f", "lavfi", "-i", MARKED, *H264)
    turned = clips.make(tmp_path / "turned.mp4", *options, "-i", str(plain), "-c", "copy")
    video = probed(turned).video
    assert (video.width, video.height) == shape
    assert corner(grey(turned, video, *shape), *shape) == where


def test_the_blanking_lines_of_imx_are_cut_off(tmp_path: Path) -> None:
    picture = "color=c=0x202020:size=720x576:rate=25:duration=0.2,drawbox=w=80:h=60:color=white:t=fill"
    filters = f"{picture},setsar=16/15,pad=720:608:0:32:color=0x808080,setdar=4/3,setfield=tff"
    codec = ("-c:v", "mpeg2video", "-pix_fmt", "yuv422p", "-b:v", "50M", "-flags", "+ilme+ildct", "-g", "1")
    made = clips.make(tmp_path / "imx.mov", "-f", "lavfi", "-i", filters, *codec)
    video = probed(made).video
    assert (video.width, video.height, video.blanking_lines) == (768, 576, 32)
    pixels = grey(made, video, 768, 576)
    assert corner(pixels, 768, 576) == "upper left"
    assert pixels[767] < 60, "a blanking line is left at the top"


def test_a_container_crop_is_taken_off_the_size(tmp_path: Path) -> None:
    made = clips.make(tmp_path / "plain.mp4", "-f", "lavfi", "-i", MARKED, *H264)
    command = ["-i", str(made), "-c", "copy", "-bsf:v", "h264_metadata=crop_left=80"]
    cropped = clips.make(tmp_path / "cropped.mp4", *command)
    video = probed(cropped).video
    assert (video.width, video.height) == (240, 240)


def test_odd_sizes_are_shown_whole(tmp_path: Path) -> None:
    odd = MARKED.replace("320x240", "321x241")
    made = clips.make(tmp_path / "odd.mkv", "-f", "lavfi", "-i", odd, "-c:v", "ffv1", "-pix_fmt", "yuv444p")
    video = probed(made).video
    assert (video.width, video.height) == (321, 241)
    assert corner(grey(made, video, 320, 240), 320, 240) == "upper left"


@pytest.mark.parametrize(
    ("changes", "rate", "filters"),
    [
        ({}, None, []),
        ({"scan": "interlaced_tff"}, None, [STEADY, "bwdif=mode=send_frame:parity=tff"]),
        ({"scan": "interlaced_bff"}, Fraction(25), [STEADY, "bwdif=mode=send_frame:parity=bff"]),
        ({"scan": "interlaced_tff"}, Fraction(50), [STEADY, "bwdif=mode=send_field:parity=tff"]),
        (
            {"scan": "interlaced_tff", "mixed": True},
            None,
            [STEADY, "idet", "bwdif=deint=interlaced:mode=send_frame:parity=tff"],
        ),
        (
            {"scan": "interlaced_tff", "telecined": True},
            None,
            [STEADY, "fieldmatch=combmatch=full:order=tff", "bwdif=deint=interlaced:mode=send_frame", "decimate"],
        ),
        (
            {"scan": "interlaced_tff", "rotation": 90, "is_as_coded": False},
            None,
            ["transpose=clock", "bwdif=mode=send_frame:parity=tff", "transpose=cclock"],
        ),
        (
            {"scan": "interlaced_tff", "blanking_lines": 32},
            None,
            ["crop=iw:ih-32:0:32", "bwdif=mode=send_frame:parity=tff"],
        ),
    ],
)
def test_each_scan_has_its_treatment(changes: dict[str, object], rate: Fraction | None, filters: list[str]) -> None:
    video = replace(VIDEO, **changes)
    arguments = shown(ffmpeg.input("x")["0"], video, rate=rate).output("y").get_args()
    graph = arguments[arguments.index("-filter_complex") + 1] if "-filter_complex" in arguments else ""
    made = [part.partition("]")[2].rpartition("[")[0] for part in graph.split(";") if part]
    assert made == filters


@pytest.mark.parametrize(
    ("changes", "most", "rate"),
    [
        ({"scan": "interlaced_tff"}, "30.0", Fraction(25)),
        ({"scan": "interlaced_tff"}, "60.0", Fraction(50)),
        ({"scan": "interlaced_tff", "frame_rate": Fraction(30000, 1001)}, "60.0", Fraction(60000, 1001)),
        ({"scan": "interlaced_tff", "telecined": True}, "60.0", Fraction(24000, 1001)),
        ({}, "60.0", Fraction(25)),
    ],
)
def test_fields_become_frames_of_their_own_where_the_ladder_asks_for_it(
    changes: dict[str, object], most: str, rate: Fraction
) -> None:
    ladder = read_ladder(TEXT.replace("max_frame_rate = 30.0", f"max_frame_rate = {most}"), "my.toml")
    assert {rung.frame_rate for rung in climb(ladder, replace(VIDEO, **changes))} == {rate}


def test_deinterlaced_movement_has_no_comb(tmp_path: Path) -> None:
    camera = "mandelbrot=size=720x576:rate=50:start_scale=1:end_pts=100:maxiter=200"
    moving = f"{camera},trim=duration=1,tinterlace=interleave_bottom"
    codec = ("-c:v", "mpeg2video", "-b:v", "20M", "-flags", "+ilme+ildct")
    made = clips.make(tmp_path / "bff.mpg", "-f", "lavfi", "-i", moving, *codec)
    video = probed(made).video

    def combing(treated: VideoStream) -> int:
        picture = scaled(shown(ffmpeg.input(str(made))["0"], treated), treated.colour, 768, 576)
        output = picture.filter("idet").filter("metadata", "print", file="-").output("-", f="null")
        command = [str(clips.FFMPEG), "-nostdin", "-v", "error", *output.get_args()]
        printed = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
        return printed.count(b"single.current_frame=tff") + printed.count(b"single.current_frame=bff")

    assert combing(replace(video, scan="progressive")) > 15
    assert combing(video) <= 2


def test_film_comes_out_of_pulldown_frame_by_frame(tmp_path: Path) -> None:
    film = "testsrc2=size=720x480:rate=24000/1001:duration=5,telecine=pattern=23"
    codec = ("-c:v", "mpeg2video", "-b:v", "20M", "-flags", "+ilme+ildct")
    made = clips.make(tmp_path / "film.mpg", "-f", "lavfi", "-i", film, *codec)
    video = replace(probed(made).video, scan="interlaced_tff", telecined=True)
    assert field_rate(video) == Fraction(24000, 1001)
    picture = shown(ffmpeg.input(str(made))["0"], video).filter("fps", "24000/1001")
    output = picture.output("-", **{"f": "framemd5"})
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", *output.get_args()]
    sums = [
        line.split(",")[-1].strip()
        for line in subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout.splitlines()
        if not line.startswith("#")
    ]
    assert abs(len(sums) - 120) <= 2
    assert len(set(sums)) >= len(sums) - 2, "frames were doubled"


@pytest.mark.parametrize("phase", range(0, 10, 2))
def test_film_in_pulldown_by_flags_is_shown_frame_by_frame_wherever_the_clock_begins(phase: int) -> None:
    # Of each frame two fields and three by turns, at every place between two ticks of the constant rate.
    film = replace(VIDEO, frame_rate=Fraction(24000, 1001), nominal_rate=Fraction(60000, 1001))
    picture = ffmpeg.input("testsrc2=size=96x64:rate=25:duration=4", f="lavfi").filter("settb", "1001/240000")
    picture = evened(picture.filter("setpts", f"4*floor(N*5/2)+{phase}"), film).filter("fps", "24000/1001")
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", *picture.output("-", f="framemd5").get_args()]
    told = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout
    sums = [line.split(",")[-1].strip() for line in told.splitlines() if not line.startswith("#")]
    # The first stands where it stood.
    assert len(sums) == pytest.approx(100, abs=1)
    assert len(set(sums)) >= 99
