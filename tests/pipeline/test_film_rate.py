"""Film in pulldown by flags has its own rate, unless video follows it: the frames of that would be left out."""

from __future__ import annotations

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
