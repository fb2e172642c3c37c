"""Film in pulldown by flags has its own rate, unless video follows it: the frames of that would be left out."""

from __future__ import annotations

import itertools
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE
from tasks.pipeline import examine, examine_picture
from tasks.pipeline.services import Services
from tests import clips
from tests.pipeline.jobs import job_in
from tests.pipeline.published import Published

# By fields of a sixtieth of a second: two and three by turns, or two each.
FILM = "floor(N*5/2)"
VIDEO_BEHIND = f"if(lt(N\\,600)\\,{FILM}\\,1500+2*(N-600))"


@pytest.mark.parametrize("ending", ["mp4", "ts"])
@pytest.mark.parametrize(("times", "rate"), [(FILM, "24000/1001"), (VIDEO_BEHIND, "30000/1001")])
def test_film_keeps_its_rate_and_video_behind_it_all_of_its_pictures(
    services: Services, tmp_path: Path, ending: str, times: str, rate: str
) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x36:rate=25:duration=52")
    timed = ("-vf", f"settb=1001/60000,setpts={times}", "-fps_mode", "passthrough", "-enc_time_base", "1001:60000")
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "24", "-bf", "0")
    made = clips.make(tmp_path / f"a.{ending}", *picture, *timed, *coded)
    made.rename(tmp_path / SOURCE_FILE)
    source = examine.probe(services, tmp_path)
    assert isinstance(source, Source)
    # What ffprobe tells of MPEG-2 with these flags, it tells of H.264 only in MP4.
    video = replace(source.video, nominal_rate=Fraction(60000, 1001), rate_is_sure=False)
    source = replace(source, video=video)
    measured, _ = examine_picture.examine(job_in(tmp_path, services), source)
    assert measured.video.frame_rate == Fraction(rate)


def pull_down(film: Path) -> None:
    """Flag an MPEG-2 elementary stream of 23.976 frames per second to be shown at 29.97, 2:3 (ISO/IEC 13818-2, 6.3)."""
    coded = bytearray(film.read_bytes())
    before = in_group = shown = 0
    for found in re.finditer(rb"\0\0\x01[\x00\xb3\xb5\xb8]", bytes(coded)):
        place = found.end()
        match coded[place - 1], coded[place] >> 4:
            case 0xB3, _:  # sequence header: 30000/1001
                coded[place + 3] = coded[place + 3] & 0xF0 | 4
            case 0xB5, 1:  # sequence extension: no progressive_sequence
                coded[place + 1] &= ~0x08
            case 0xB8, _:  # the next group of pictures
                before, in_group = before + in_group, 0
            case 0x00, _:  # picture header: its place among those of the group
                shown, in_group = before + (coded[place] << 2 | coded[place + 1] >> 6), in_group + 1
            case 0xB5, 8:  # picture coding extension: top_field_first, repeat_first_field, and a progressive_frame
                coded[place + 3] = coded[place + 3] & ~0x82 | (0x82, 0x00, 0x02, 0x80)[shown % 4]
                coded[place + 4] |= 0x80
    film.write_bytes(coded)


@pytest.mark.parametrize("ending", ["vob", "ts"])
def test_film_is_published_with_each_of_its_frames_once(
    publish: Callable[[Path], Published], tmp_path: Path, ending: str
) -> None:
    coded = ("-c:v", "mpeg2video", "-q:v", "2", "-g", "12", "-bf", "2")
    # Each is a little brighter than the one before.
    brighter = ("-f", "lavfi", "-i", "color=black:size=160x96:rate=24000/1001:duration=4,geq=lum=20+2*N:cb=128:cr=128")
    film = clips.make(tmp_path / "film.m2v", *brighter, *coded, "-f", "mpeg2video")
    pull_down(film)
    tone = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=4")
    inputs = ("-fflags", "+genpts", "-i", str(film), *tone)
    made = publish(clips.make(tmp_path / f"a.{ending}", *inputs, "-c:v", "copy", "-c:a", "ac3"))
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", "-i", str(made.mp4), "-vf", "crop=64:64,scale=1:1"]
    command += ["-pix_fmt", "gray", "-f", "rawvideo", "-"]
    luma = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    assert made.record.renditions[0].frame_rate == pytest.approx(23.976, abs=0.001)
    # The first is shown from the sound's beginning on; of the last only its own time tells how long it is.
    moving = luma[luma.rindex(luma[0]) : -2]
    assert len(moving) == pytest.approx(94, abs=2)
    assert all(1 <= later - earlier <= 3 for earlier, later in itertools.pairwise(moving))
