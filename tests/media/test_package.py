"""Playlists, storyboards, progress and verification."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media import package, quality, storyboard
from tasks.media.encode import plan_encode
from tasks.media.ladder import PlannedRung
from tasks.media.progress import Progress, ProgressReader
from tests.media.test_encode import NEWS, SMALL

PLAYLIST = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:EVENT
#EXT-X-MAP:URI="init_0.mp4"
#EXTINF:4.000000,
00000.m4s
#EXTINF:4.000000,
00001.m4s
#EXTINF:0.040000,
00002.m4s
#EXT-X-ENDLIST
"""
RUNG = PlannedRung(name="720p", width=1280, height=720, frame_rate=Fraction(25), crf=23, max_bitrate_bps=2_800_000)
LOW = RUNG.model_copy(update={"name": "360p", "width": 640, "height": 360})


def test_a_media_playlist_is_read_as_ffmpeg_writes_it() -> None:
    playlist = package.read_media_playlist(PLAYLIST)
    assert playlist.init == "init_0.mp4"
    assert [name for name, _ in playlist.segments] == ["00000.m4s", "00001.m4s", "00002.m4s"]
    assert playlist.duration_s == pytest.approx(8.04)
    assert playlist.is_complete
    assert not package.read_media_playlist(PLAYLIST.replace("#EXT-X-ENDLIST\n", "")).is_complete


def test_the_peak_rate_passes_over_a_last_segment_of_one_frame() -> None:
    track = package.measure_track(package.read_media_playlist(PLAYLIST), [500_000, 1_000_000, 90_000], "avc1.64001f")
    assert track.peak_bps == 2_000_000
    assert track.average_bps == 1_582_090


def test_the_codec_string_comes_from_the_stream_itself() -> None:
    assert package.avc_codecs(b"....avcC\x01\x64\x00\x1f\xff") == "avc1.64001f"
    with pytest.raises(TemporarilyUnavailable):
        package.avc_codecs(b"no box")


def test_the_multivariant_playlist_names_all_with_exact_attributes() -> None:
    video = package.Track(peak_bps=2_000_000, average_bps=1_500_000, codecs="avc1.64001f")
    sound = package.Track(peak_bps=130_000, average_bps=128_000, codecs="mp4a.40.2")
    assert package.multivariant_playlist([(RUNG, video), (LOW, video)], sound) == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="main",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",'
        'URI="audio/index.m3u8"\n'
        "#EXT-X-STREAM-INF:BANDWIDTH=2130000,AVERAGE-BANDWIDTH=1628000,RESOLUTION=1280x720,FRAME-RATE=25.000,"
        'CODECS="avc1.64001f,mp4a.40.2",AUDIO="sound"\n720p/index.m3u8\n'
        "#EXT-X-STREAM-INF:BANDWIDTH=2130000,AVERAGE-BANDWIDTH=1628000,RESOLUTION=640x360,FRAME-RATE=25.000,"
        'CODECS="avc1.64001f,mp4a.40.2",AUDIO="sound"\n360p/index.m3u8\n'
    )


def test_without_sound_no_group_is_named() -> None:
    video = package.Track(peak_bps=2, average_bps=1, codecs="avc1.64001f")
    text = package.multivariant_playlist([(RUNG, video)], None)
    assert "AUDIO" not in text
    assert 'CODECS="avc1.64001f"\n' in text


def test_a_growing_clip_is_played_from_its_beginning_at_the_ladders_caps() -> None:
    plan = plan_encode(SMALL, NEWS, max_pixels=1)
    text = package.growing_playlist(plan, {rung.name: b"avcC\x01\x64\x00\x1f" for rung in plan.rungs})
    assert text.startswith("#EXTM3U\n#EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n")
    assert ":BANDWIDTH=1920000,AVERAGE-BANDWIDTH=1760000,RESOLUTION=960x540" in text


def test_the_storyboard_covers_the_clip_and_nothing_more() -> None:
    plan = storyboard.plan_storyboard(SMALL, NEWS, key_frame_gap_s=1.0, max_pixels=1)
    assert "-skip_frame" in plan.arguments
    cues = storyboard.storyboard_vtt(plan, 1, 9.5).split("\n\n")
    assert len(cues) == 1 + 5
    assert cues[1].startswith("00:00:00.000 --> 00:00:02.000\nsheet-001.jpg#xywh=0,0,160,90")
    assert cues[5].startswith("00:00:08.000 --> 00:00:09.500\nsheet-001.jpg#xywh=640,0,160,90")


def test_a_short_clip_with_few_key_frames_is_decoded_whole_for_its_storyboard() -> None:
    assert "-skip_frame" not in storyboard.plan_storyboard(SMALL, NEWS, key_frame_gap_s=None, max_pixels=1).arguments


def test_a_long_clip_gets_no_more_tiles_than_the_ladder_allows() -> None:
    from dataclasses import replace

    plan = storyboard.plan_storyboard(replace(SMALL, duration_s=7200.0), NEWS, key_frame_gap_s=9.0, max_pixels=1)
    assert plan.tiles <= NEWS.storyboard.max_tiles
    assert "-skip_frame" in plan.arguments


def test_a_flat_picture_has_no_interest_and_a_varied_one_has() -> None:
    flat, size = bytes([118]), 48 * 27
    assert storyboard.interest(flat * size) == 0
    assert storyboard.interest(b"\x00" * size) == 0
    varied = bytes((x * 5 + y * 3) % 256 for y in range(27) for x in range(48))
    assert storyboard.interest(varied) > 0
    assert storyboard.interest(varied[:100]) == 0


def test_progress_is_read_from_ffmpegs_own_lines() -> None:
    reader = ProgressReader()
    lines = "frame=0\nout_time_us=N/A\nspeed=N/A\nprogress=continue\nout_time_us=4000000\nspeed= 4.4x\nprogress=end\n"
    seen = [progress for line in lines.splitlines() if (progress := reader.feed(line))]
    assert seen == [Progress(), Progress(time_s=4.0, speed=4.4, ended=True)]


@given(st.lists(st.text(max_size=30)))
def test_no_line_breaks_the_progress_reader(lines: list[str]) -> None:
    reader = ProgressReader()
    for line in lines:
        reader.feed(line)
    assert reader.latest.time_s >= 0


GOOD = quality.Measured(width=1280, height=720, frames=250, duration_s=10.0, is_complete=True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"width": 1920}, "1920×720 instead of 1280×720"),
        ({"is_complete": False}, "not closed"),
        ({"duration_s": 8.0, "frames": 200}, "8.00 s instead of 10.00 s"),
        ({"frames": 100}, "100 frames"),
    ],
)
def test_a_rendition_that_is_not_as_planned_is_never_published(change: dict[str, object], told: str) -> None:
    quality.verify_rendition(RUNG, GOOD, 10.0)
    with pytest.raises(TemporarilyUnavailable) as damaged:
        quality.verify_rendition(RUNG, GOOD.evolve(**change), 10.0)
    assert told in damaged.value.detail


def test_a_clip_that_decodes_in_part_is_published_with_a_warning_and_one_that_does_not_is_refused() -> None:
    assert quality.judge_length(SMALL, 9.9) == ()
    assert [notice.code for notice in quality.judge_length(SMALL, 5.0)] == ["truncated"]
    with pytest.raises(SourceRejected):
        quality.judge_length(SMALL, 0.0)
