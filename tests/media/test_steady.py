"""Tracks that may change their channels go through a graph of their own before they are mixed."""

from __future__ import annotations

import ffmpeg
import pytest

from tasks.media.sound.mix import mixed
from tasks.media.sound.programmes import Programme
from tasks.media.source_reading import SourceLimits, read_recording
from tasks.media.steady import steady
from tests.media.sound.test_programmes import RUNG, track

LIMITS = SourceLimits(duration_s=100, pixels=100, streams=10)


def arguments(*programmes: Programme) -> tuple[str, ...]:
    clip = ffmpeg.input("source")
    made = ffmpeg.output(*(mixed(clip, each, RUNG) for each in programmes), "o").get_args()
    return steady(made, programmes, RUNG)


def test_what_can_not_change_is_left_as_it_is() -> None:
    programme = Programme(tracks=(track(1, 2),))
    assert arguments(programme) == tuple(ffmpeg.output(mixed(ffmpeg.input("source"), programme, RUNG), "o").get_args())


def test_what_may_change_becomes_stereo_in_a_graph_without_time_and_is_decoded_once_more() -> None:
    lasting = Programme(tracks=(track(1, 2),))
    changing = Programme(tracks=(track(2, 6, layout="5.1(side)", may_change=True),))
    made = arguments(lasting, changing)
    assert made[:14] == (
        *("-i", "source", "-map", "0:2", "-filter:a:0"),
        "pan=stereo|FL<1*FL+0.7071*FC+0.7071*BL+0.7071*SL+0.7071*TFL+0.7071*TBL+0.7071*FLC+0.5*BC"
        "|FR<1*FR+0.7071*FC+0.7071*BR+0.7071*SR+0.7071*TFR+0.7071*TBR+0.7071*FRC+0.5*BC,"
        "aformat=sample_fmts=flt:sample_rates=48000",
        *("-c:a", "pcm_f32le", "-f", "null", "-", "-dec", "0:0", "-filter_complex"),
    )
    assert "[0:1]aresample" in made[14]
    assert "[dec:0]aresample" in made[14]
    assert "[0:2]" not in made[14]


def test_of_two_mono_tracks_each_stays_one_side() -> None:
    made = arguments(Programme(tracks=(track(1, may_change=True), track(2, may_change=True))))
    assert made[2:8] == (
        *("-map", "0:1", "-filter:a:0", "pan=mono|c0<c0,aformat=sample_fmts=flt:sample_rates=48000", "-map", "0:2"),
    )
    assert made.count("-dec") == 2


@pytest.mark.parametrize(
    ("codec", "container", "may_change"),
    [
        ("ac3", "mpegts", True),
        ("mp2", "mpeg", True),
        ("aac", "mpegts", True),
        ("aac", "mov", False),
        ("eac3", "matroska", True),
        ("pcm_s16le", "mpegts", False),
    ],
)
def test_frames_that_tell_their_own_channels_may_change_them(codec: str, container: str, may_change: bool) -> None:
    stream = {"index": 0, "codec_type": "audio", "codec_name": codec, "channels": 2, "sample_rate": "48000"}
    found = read_recording({"format": {"format_name": container}, "streams": [stream]}, LIMITS)
    assert [each.may_change for each in found.audio] == [may_change]
