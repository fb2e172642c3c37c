"""Looks: at which pictures of a clip its poster is looked for, and that they are those that were asked for."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.media import looks, opening, storyboard
from tasks.media.appeal import Look
from tasks.media.looks import LookPlan
from tests import clips
from tests.media.sound.test_programmes import track
from tests.media.test_encode import NEWS, SMALL

LONG = replace(SMALL, duration_s=3600.0)
TAPE = replace(LONG, container="mxf", video=replace(SMALL.video, codec="mpeg2video"))


def counting(path: Path, *, length_s: float, keys_s: float, **coded: str) -> Path:
    """A clip whose grey tells the second, modulo 50; a key frame every ``keys_s``, B-frames between."""
    size = "size=64x64:rate=25"
    picture = (
        f"color=black:{size}:duration={length_s},geq=lum=16+4*mod(floor(T+0.001)\\,50):cb=128:cr=128,format=yuv420p"
    )
    options = {"g": str(round(25 * keys_s)), "sc_threshold": "0", "bf": "2", "c:v": "libx264", "qp": "1"} | coded
    return clips.make(
        path, "-f", "lavfi", "-i", picture, *(each for key in options for each in (f"-{key}", options[key]))
    )


def taken(plan: LookPlan, clip: Path, folder: Path) -> list[tuple[Look, ...]]:
    (folder / looks.FOLDER).mkdir(parents=True)
    (folder / "source").symlink_to(clip)
    subprocess.run([str(clips.FFMPEG), *plan.arguments], cwd=folder, check=True, timeout=60)
    made = folder / looks.FOLDER
    return [
        burst
        for number in range(len(plan.starts))
        for burst in looks.read_looks(
            plan, number, (made / f"{number}.rgb").read_bytes(), (made / f"{number}.txt").read_text()
        )
    ]


def shown_s(look: Look) -> int:
    """The second that the picture itself tells."""
    return round(((sum(look.rgb) / len(look.rgb)) * 219 / 255) / 4)


@pytest.mark.parametrize(
    ("length_s", "keys_s", "expected"),
    [
        # Every key frame but the first, as long as they are a while apart.
        (8, 1, [1, 2, 3, 4, 5, 6, 7]),
        # All of them are key frames: some all over the clip, and not the first few.
        (8, 0.04, [0, 0, 1, 2, 2, 3, 3, 4, 4, 5, 6, 6]),
        (40, 1, [2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 32]),
        # Of a long clip its first part.
        (70, 2, [2, 6, 10, 14, 18, 22, 26, 30]),
    ],
)
def test_the_looks_are_of_different_moments_and_each_is_of_the_time_it_is_given(
    tmp_path: Path, length_s: int, keys_s: float, expected: list[int]
) -> None:
    clip = counting(tmp_path / "clip.mp4", length_s=length_s, keys_s=keys_s)
    source = replace(SMALL, duration_s=float(length_s), video=replace(SMALL.video, width=64, height=64, index=0))
    plan = looks.plan_looks(source, max_pixels=64 * 64)
    assert plan.is_of_all == (length_s <= opening.THROUGH_S)
    (burst,) = taken(plan, clip, tmp_path / "looks-of-it")
    assert [shown_s(look) for look in burst] == [each % 50 for each in expected]
    assert [int(look.time_s) for look in burst] == expected


@pytest.mark.parametrize("length_s", [8, 40])
# Of Matroska's first packets ffmpeg doesn't know when they are to be decoded.
@pytest.mark.parametrize(("ending", "container", "first_s"), [("ts", "mpegts", 0), ("mkv", "matroska", 2)])
def test_of_a_stream_whose_sound_begins_first_the_looks_have_the_times_at_which_a_still_is_taken(
    tmp_path: Path, length_s: int, ending: str, container: str, first_s: int
) -> None:
    picture = counting(tmp_path / "picture.mkv", length_s=length_s, keys_s=2)
    tone = ("-f", "lavfi", "-i", f"sine=sample_rate=48000:duration={length_s}", "-c:a", "mp2")
    clip = clips.make(tmp_path / f"clip.{ending}", "-itsoffset", "1.4", "-i", str(picture), *tone, "-c:v", "copy")
    video = replace(SMALL.video, codec="h264", width=64, height=64, index=0)
    source = replace(SMALL, container=container, duration_s=length_s + 1.4, audio=(track(1, 2),), video=video)
    plan = looks.plan_looks(source, max_pixels=64 * 64)
    (burst,) = taken(plan, clip, tmp_path / "looks-of-it")
    assert len(burst) > 2
    finals = looks.plan_finals(source, tuple(look.time_s for look in burst), max_pixels=64 * 64)
    near = taken(finals, clip, tmp_path / "finals-of-it")
    # The picture is 1.4 s behind the file's beginning, from which a still is sought.
    assert min(shown_s(look) for look in burst) == first_s
    for look in (*burst, *(look for each in near for look in each)):
        assert shown_s(look) == int(look.time_s - 1.4 + 0.1)


def test_looks_before_the_colours_change_keep_their_times(tmp_path: Path) -> None:
    joined = tmp_path / "joined.ts"
    for start_s, matrix in ((0, 1), (5, 6)):
        told = {"bsf:v": f"h264_metadata=matrix_coefficients={matrix}", "output_ts_offset": str(start_s)}
        part = counting(tmp_path / f"{start_s}.ts", length_s=5, keys_s=1, **told)
        joined.write_bytes((joined.read_bytes() if start_s else b"") + part.read_bytes())
    video = replace(SMALL.video, width=64, height=64, index=0, codec="h264")
    source = replace(SMALL, container="mpegts", audio=(), video=video)
    for plan in (looks.plan_looks(source, max_pixels=64 * 64), looks.whole_looks(source, max_pixels=64 * 64)):
        (burst,) = taken(plan, joined, tmp_path / f"looks {plan.enough}")
        assert burst[0].time_s < 2
        assert burst[-1].time_s > 8
        # Behind the change the picture counts from 0 again; a frame more or less is none of this.
        assert all(abs(shown_s(look) - (look.time_s % 5)) < 1.1 for look in burst if look.time_s % 5 < 4.9)


def test_a_kept_picture_of_another_shape_has_bars(tmp_path: Path) -> None:
    joined = tmp_path / "joined.ts"
    for number, size in enumerate(("128x64", "64x128")):
        white = ("-f", "lavfi", "-i", f"color=white:size={size}:rate=25:duration=2,format=yuv420p")
        coded = ("-c:v", "libx264", "-g", "5", "-bf", "0", "-output_ts_offset", str(2 * number))
        part = clips.make(tmp_path / f"{number}.ts", *white, *coded)
        joined.write_bytes((joined.read_bytes() if number else b"") + part.read_bytes())
    video = replace(
        SMALL.video, width=128, height=64, coded_width=128, coded_height=64, index=0, codec="h264", pid=0x100
    )
    source = replace(SMALL, container="mpegts", audio=(), duration_s=4.0, video=video)
    plan = looks.plan_finals(source, (2.8,), max_pixels=128 * 64)
    assert plan.keeps
    taken(plan, joined, tmp_path)
    command = [str(clips.FFMPEG), "-v", "error", "-i", str(tmp_path / looks.KEPT), "-frames:v", "1"]
    raw = subprocess.run(
        [*command, "-pix_fmt", "gray", "-f", "rawvideo", "-"], capture_output=True, check=True, timeout=30
    ).stdout
    rows, columns = np.nonzero(np.frombuffer(raw, np.uint8).reshape(64, 128) > 128)
    assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == (32, 64)


def test_looks_are_in_colour_and_so_is_the_storyboard_where_lines_are_looked_at_as_well(tmp_path: Path) -> None:
    red = (
        "-f",
        "lavfi",
        "-i",
        "color=red:size=1280x720:rate=25:duration=6,format=yuv420p",
        "-c:v",
        "libx264",
        "-g",
        "25",
    )
    clip = clips.make(tmp_path / "red.mp4", *red)
    video = replace(SMALL.video, width=1280, height=720, coded_width=1280, coded_height=720, index=0)
    source = replace(SMALL, duration_s=6.0, video=video)
    plan = looks.plan_looks(source, max_pixels=1280 * 720, board=storyboard.lay_out(source, NEWS))
    assert plan.has_lines
    (tmp_path / "out" / storyboard.FOLDER).mkdir(parents=True)
    (burst,) = taken(plan, clip, tmp_path)
    assert all(look.rgb[0] > 200 > 50 > look.rgb[2] for look in burst)
    (sheet,) = (tmp_path / "out" / storyboard.FOLDER).iterdir()
    command = [
        str(clips.FFMPEG),
        "-v",
        "error",
        "-i",
        str(sheet),
        "-vf",
        "crop=8:8:8:8,format=rgb24",
        "-f",
        "rawvideo",
        "-",
    ]
    shown = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
    assert shown[0] > 200 > 50 > shown[2]


@pytest.mark.parametrize("container", ["mov", "matroska,webm"])
def test_the_second_look_is_at_what_follows_each_of_the_best(tmp_path: Path, container: str) -> None:
    clip = counting(tmp_path / "clip.mp4", length_s=30, keys_s=1)
    video = replace(SMALL.video, width=64, height=64, index=0, codec="h264")
    source = replace(SMALL, container=container, duration_s=30.0, video=video)
    plan = looks.plan_finals(source, (20.0, 4.0, 11.0, 28.0), max_pixels=64 * 64)
    bursts = taken(plan, clip, tmp_path / "finals")
    assert sorted(shown_s(burst[0]) for burst in bursts) == [4, 11, 20]
    for burst in bursts:
        assert len(burst) >= 3
        assert burst[-1].time_s - burst[0].time_s <= 0.6
        assert all(shown_s(look) == int(look.time_s) for look in burst)


def test_a_long_clip_that_costs_little_to_open_is_looked_at_by_seeking_however_long_it_is() -> None:
    hour = looks.plan_looks(TAPE, max_pixels=1)
    minute = looks.plan_looks(replace(TAPE, duration_s=60.0), max_pixels=1)
    assert hour.is_of_all
    assert len(hour.starts) == len(minute.starts) == 8
    assert hour.arguments.count("-skip_frame") == 8
    assert 0 < hour.starts[0] < hour.starts[-1] < 3600 * 0.9
    assert looks.plan_sought(LONG, max_pixels=1).starts == hour.starts


@pytest.mark.parametrize("duration_s", [5.0, 20.0, 3600.0])
def test_a_film_that_changes_its_coding_is_looked_at_by_seeking(duration_s: float) -> None:
    film = replace(SMALL, duration_s=duration_s, video=replace(SMALL.video, codec="h264", changes_coding=True))
    plan = looks.plan_looks(film, max_pixels=1)
    assert "-ss" in plan.arguments
    assert not any(word.startswith("noise=") for word in plan.arguments)
    assert not any(word.startswith("noise=") for word in looks.plan_finals(film, (1.0, 2.0), max_pixels=1).arguments)


def test_what_is_arriving_is_sought_in_its_first_part_only() -> None:
    plan = looks.plan_looks(TAPE, max_pixels=1, is_arriving=True)
    assert not plan.is_of_all
    assert len(plan.starts) == 8
    assert plan.starts[-1] < opening.THROUGH_S
    short = looks.plan_looks(replace(TAPE, duration_s=20.0), max_pixels=1, is_arriving=True)
    assert short.is_of_all
    assert 10 < short.starts[-1] < 20


def test_a_clip_is_read_once_for_its_key_frames_of_which_some_must_be_there() -> None:
    for source in (SMALL, replace(TAPE, duration_s=9.0)):
        plan = looks.plan_looks(source, max_pixels=1)
        assert plan.starts == (0.0,)
        assert plan.enough > 1
        assert plan.arguments[plan.arguments.index("-skip_frame") + 1] == "nokey"
        assert "-ss" not in plan.arguments


def test_what_was_found_beyond_the_first_part_is_looked_at_again_by_seeking() -> None:
    near, far = (looks.plan_finals(LONG, times, max_pixels=1) for times in ((3.0, 30.0), (3.0, 900.0)))
    assert "-ss" not in near.arguments
    assert far.arguments[far.arguments.index("-ss", far.arguments.index("-i")) + 1] == "900.000"


def test_where_key_frames_are_too_few_all_frames_are_looked_at_that_others_need() -> None:
    plan = looks.whole_looks(SMALL, max_pixels=1)
    assert plan.starts == (0.0,)
    assert plan.enough == 0
    assert plan.arguments[plan.arguments.index("-skip_frame") + 1] == "bidir"


def test_h264_in_444_is_never_entered_in_the_middle() -> None:
    source = replace(SMALL, duration_s=60.0, video=replace(SMALL.video, pixel_format="yuv444p"))
    assert looks.plan_looks(source, max_pixels=1).starts == (0.0,)
    assert looks.plan_looks(source, max_pixels=1).enough == 0


def test_looks_are_read_with_their_times_and_a_half_one_is_left_out() -> None:
    plan = looks.plan_looks(replace(TAPE, duration_s=60.0), max_pixels=1)
    size = plan.width * plan.height * 3
    times = "frame:0    pts:1 pts_time:0.5\nlook=2\nframe:1    pts:2 pts_time:1.25\nlook=2\n"
    (burst,) = looks.read_looks(plan, 2, bytes(size + 10), times)
    assert [(look.time_s, len(look.rgb)) for look in burst] == [(round(plan.starts[2] + 0.5, 3), size)]
    assert looks.read_looks(plan, 0, b"", "") == ()
