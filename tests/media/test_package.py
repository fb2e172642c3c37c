"""Playlists, storyboards, progress and verification."""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media import iframes, package, quality, storyboard
from tasks.media.captions.selection import CaptionTrack, published
from tasks.media.captions.webvtt import Cue
from tasks.media.encode import plan_encode
from tasks.media.ladder import PlannedRung
from tasks.media.mp4 import boxes
from tasks.media.mp4.boxes import Fragment
from tasks.media.mp4.codecs import codec_string
from tasks.media.progress import Progress, ProgressReader
from tasks.media.sound import programmes
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


def box(kind: str, *contents: bytes) -> bytes:
    """A box of ISO/IEC 14496-12."""
    body = b"".join(contents)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body


def init_section(entry: str, name: str, record: bytes, *, edits: tuple[tuple[int, int], ...] = ()) -> bytes:
    """An initialization section of 12 800 ticks a second, in a movie of 1000; edits are duration and media time."""
    described = box("stsd", bytes(8), box(entry, bytes(78), box(name, record)))
    media = box("mdia", box("mdhd", struct.pack(">12xII4x", 12_800, 0)), box("minf", box("stbl", described)))
    entries = b"".join(struct.pack(">IiI", duration, time, 0x10000) for duration, time in edits)
    listed = box("edts", box("elst", struct.pack(">II", 0, len(edits)), entries)) if edits else b""
    return box("ftyp", b"iso6") + box("moov", box("mvhd", struct.pack(">12xI", 1000)), box("trak", listed, media))


RUNG = PlannedRung(name="720p", width=1280, height=720, frame_rate=Fraction(25), crf=23, max_bitrate_bps=2_800_000)
CUES = (Cue(start_s=1, end_s=2, text="Hello"),)
CAPTIONS = published(
    [
        (CaptionTrack(index=2, codec="mov_text", language="vi"), CUES),
        (None, CUES),
        (CaptionTrack(index=3, codec="mov_text", language="en", is_forced=True), CUES),
    ]
)
LOW = RUNG.model_copy(update={"name": "360p", "width": 640, "height": 360})


def test_a_media_playlist_is_read_as_ffmpeg_writes_it() -> None:
    playlist = package.read_media_playlist(PLAYLIST)
    assert playlist.init == "init_0.mp4"
    assert [name for name, _ in playlist.segments] == ["00000.m4s", "00001.m4s", "00002.m4s"]
    assert playlist.duration_s == pytest.approx(8.04)
    assert playlist.is_complete
    assert not package.read_media_playlist(PLAYLIST.replace("#EXT-X-ENDLIST\n", "")).is_complete


def test_a_playlist_is_cut_after_a_segment_and_its_end_is_told_once() -> None:
    begun = package.beginning(PLAYLIST, 2)
    assert PLAYLIST.startswith(begun)
    assert begun.endswith("00001.m4s\n")
    assert package.beginning(PLAYLIST, 3) == package.beginning(PLAYLIST, 9) == PLAYLIST
    assert package.ended(PLAYLIST) == PLAYLIST
    assert package.ended(begun) == begun + "#EXT-X-ENDLIST\n"


def test_the_peak_rate_passes_over_a_last_segment_of_one_frame() -> None:
    track = package.measure_track(package.read_media_playlist(PLAYLIST), [500_000, 1_000_000, 90_000], "avc1.64001f")
    assert track.peak_bps == 2_000_000
    assert track.average_bps == 1_582_090


@pytest.mark.parametrize(
    ("entry", "name", "record", "codecs"),
    [
        ("avc1", "avcC", "0164001fff", "avc1.64001f"),
        ("hvc1", "hvcC", "010160000000900000000000" + "5d", "hvc1.1.6.L93.90"),
        ("hvc1", "hvcC", "01622000000000b00000000000"[:24] + "99", "hvc1.A2.4.H153.0.B0"),
        ("av01", "av1C", "81040c00", "av01.0.04M.08"),
        ("av01", "av1C", "812dcc00", "av01.1.13H.10"),
    ],
)
def test_the_codec_string_comes_from_the_stream_itself(entry: str, name: str, record: str, codecs: str) -> None:
    header = boxes.read_header(init_section(entry, name, bytes.fromhex(record)))
    assert codec_string(header) == codecs


def test_a_stream_without_its_configuration_is_a_damaged_file() -> None:
    with pytest.raises(TemporarilyUnavailable, match="damaged"):
        codec_string(boxes.read_header(init_section("avc1", "free", b"")))
    with pytest.raises(TemporarilyUnavailable, match="damaged"):
        boxes.read_header(b"no box at all")


def test_the_multivariant_playlist_names_all_with_exact_attributes() -> None:
    video = package.Track(peak_bps=2_000_000, average_bps=1_500_000, codecs="avc1.64001f")
    sound = package.Track(peak_bps=130_000, average_bps=128_000, codecs="mp4a.40.2")
    assert package.multivariant_playlist([(RUNG, video), (LOW, video)], sound) == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="main",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",'
        'URI="audio/index.m3u8"\n'
        "#EXT-X-STREAM-INF:BANDWIDTH=2130000,AVERAGE-BANDWIDTH=1628000,RESOLUTION=1280x720,FRAME-RATE=25.000,"
        'CODECS="avc1.64001f,mp4a.40.2",AUDIO="sound",CLOSED-CAPTIONS=NONE\n720p/index.m3u8\n'
        "#EXT-X-STREAM-INF:BANDWIDTH=2130000,AVERAGE-BANDWIDTH=1628000,RESOLUTION=640x360,FRAME-RATE=25.000,"
        'CODECS="avc1.64001f,mp4a.40.2",AUDIO="sound",CLOSED-CAPTIONS=NONE\n360p/index.m3u8\n'
    )


def test_without_sound_no_group_is_named() -> None:
    video = package.Track(peak_bps=2, average_bps=1, codecs="avc1.64001f")
    text = package.multivariant_playlist([(RUNG, video)], None)
    assert "AUDIO" not in text
    assert 'CODECS="avc1.64001f",CLOSED-CAPTIONS=NONE\n' in text


def test_captions_are_a_group_that_every_variant_names_and_count_in_their_rates() -> None:
    video = package.Track(peak_bps=2_000_000, average_bps=1_500_000, codecs="avc1.64001f")
    text = package.multivariant_playlist([(RUNG, video), (LOW, video)], None, captions=CAPTIONS, captions_bps=300)
    assert text.splitlines()[3:6] == [
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="Tiếng Việt",LANGUAGE="vi",DEFAULT=YES,AUTOSELECT=YES,'
        'FORCED=NO,URI="captions/index.m3u8"',
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="Captions",DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,'
        'CHARACTERISTICS="public.accessibility.transcribes-spoken-dialog,'
        'public.accessibility.describes-music-and-sound",URI="captions-2/index.m3u8"',
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="English (forced)",LANGUAGE="en",DEFAULT=NO,'
        'AUTOSELECT=YES,FORCED=YES,URI="captions-3/index.m3u8"',
    ]
    variants = [line for line in text.splitlines() if line.startswith("#EXT-X-STREAM-INF:")]
    assert len(variants) == 2
    for line in variants:
        assert line.startswith("#EXT-X-STREAM-INF:BANDWIDTH=2000300,AVERAGE-BANDWIDTH=1500300,")
        assert line.endswith(',SUBTITLES="captions",CLOSED-CAPTIONS=NONE')


@pytest.mark.parametrize(
    ("edits", "offset"),
    [((), 0), (((0, 1024),), -1024), (((80, -1), (0, 1024)), 0), (((80, -1), (0, 0)), 1024)],
)
def test_the_edit_list_tells_when_a_tracks_first_frame_is_shown(
    edits: tuple[tuple[int, int], ...], offset: int
) -> None:
    assert boxes.read_header(init_section("avc1", "avcC", bytes(8), edits=edits)).edit_offset == offset


FRAGMENT = Fragment(
    decode_time=0, start=0, duration=51_200, samples=100, offset=76, size_bytes=40_000, begins_with_key_frame=True
)


def test_rfc_8216_4_3_3_6_each_entry_of_an_i_frame_playlist_is_a_range_with_one_key_frame() -> None:
    playlist = package.read_media_playlist(PLAYLIST)
    assert iframes.iframe_playlist(playlist, [FRAGMENT] * 3) == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
        '#EXT-X-I-FRAMES-ONLY\n#EXT-X-MAP:URI="init_0.mp4"\n'
        "#EXTINF:4.000000,\n#EXT-X-BYTERANGE:40000@76\n00000.m4s\n"
        "#EXTINF:4.000000,\n#EXT-X-BYTERANGE:40000@76\n00001.m4s\n"
        "#EXTINF:0.040000,\n#EXT-X-BYTERANGE:40000@76\n00002.m4s\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(TemporarilyUnavailable):
        iframes.iframe_playlist(playlist, [FRAGMENT.evolve(begins_with_key_frame=False)] * 3)


def test_rfc_8216_4_3_4_3_i_frame_streams_are_named_without_sound_at_their_own_rate() -> None:
    video = package.Track(peak_bps=2_000_000, average_bps=1_500_000, codecs="avc1.64001f")
    sound = package.Track(peak_bps=130_000, average_bps=128_000, codecs="mp4a.40.2")
    track = iframes.iframe_track(package.read_media_playlist(PLAYLIST), [FRAGMENT] * 3, video.codecs)
    text = package.multivariant_playlist([(RUNG, video)], sound, iframes=[(RUNG, track)])
    assert text.splitlines()[-1] == (
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=119403,AVERAGE-BANDWIDTH=119403,RESOLUTION=1280x720,"
        'CODECS="avc1.64001f",URI="720p/iframes.m3u8"'
    )


def test_a_player_starts_with_a_middle_rendition_of_h264_which_all_can_play() -> None:
    track = package.Track(peak_bps=2, average_bps=1, codecs="x")
    hevc = RUNG.model_copy(update={"name": "720p-hevc", "codec": "hevc"})
    text = package.multivariant_playlist([(hevc, track), (RUNG, track)], None)
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        "720p/index.m3u8",
        "720p-hevc/index.m3u8",
    ]


def test_a_growing_clip_is_played_from_its_beginning_at_the_ladders_caps() -> None:
    plan = plan_encode(SMALL, NEWS, max_pixels=1)
    inits = {rung.name: init_section("avc1", "avcC", bytes.fromhex("0164001f")) for rung in plan.rungs}
    text = package.growing_playlist(plan.rungs, programmes.published(programmes.candidates(SMALL), ()), inits)
    assert text.startswith("#EXTM3U\n#EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n")
    assert ":BANDWIDTH=1984000,AVERAGE-BANDWIDTH=1824000,RESOLUTION=960x540" in text


def test_the_storyboard_covers_the_clip_and_nothing_more() -> None:
    plan = storyboard.plan_storyboard(SMALL, NEWS, key_frame_gap_s=1.0, max_pixels=1)
    assert "-skip_frame" in plan.arguments
    cues = storyboard.storyboard_vtt(plan.board, 1, 9.5).split("\n\n")
    assert len(cues) == 1 + 5
    assert cues[1].startswith("00:00:00.000 --> 00:00:02.000\nsheet-001.jpg#xywh=0,0,160,90")
    assert cues[5].startswith("00:00:08.000 --> 00:00:09.500\nsheet-001.jpg#xywh=640,0,160,90")


def test_a_short_clip_with_few_key_frames_is_decoded_whole_for_its_storyboard() -> None:
    assert "-skip_frame" not in storyboard.plan_storyboard(SMALL, NEWS, key_frame_gap_s=None, max_pixels=1).arguments


def test_a_long_clip_gets_no_more_tiles_than_the_ladder_allows() -> None:
    from dataclasses import replace

    plan = storyboard.plan_storyboard(replace(SMALL, duration_s=7200.0), NEWS, key_frame_gap_s=9.0, max_pixels=1)
    assert plan.board.tiles <= NEWS.storyboard.max_tiles
    assert "-skip_frame" in plan.arguments


def test_progress_is_read_from_ffmpegs_own_lines() -> None:
    reader = ProgressReader()
    lines = "frame=0 out_time_us=N/A speed=N/A progress=continue frame=100 out_time_us=4000000 speed=4.4x progress=end"
    seen = [progress for line in lines.split() if (progress := reader.feed(line))]
    assert seen == [Progress(), Progress(time_s=4.0, frames=100, speed=4.4, ended=True)]


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
        ({"duration_s": 8.0, "frames": 200}, "200 frames instead of 250"),
        ({"duration_s": 8.0}, "250 frames in 8.00 s"),
    ],
)
def test_a_rendition_that_is_not_as_planned_is_never_published(change: dict[str, object], told: str) -> None:
    quality.verify_rendition(RUNG, GOOD, 250)
    with pytest.raises(TemporarilyUnavailable) as damaged:
        quality.verify_rendition(RUNG, GOOD.evolve(**change), 250)
    assert told in damaged.value.detail


def test_a_clip_that_decodes_in_part_is_published_with_a_warning_and_one_that_does_not_is_refused() -> None:
    assert quality.judge_length(SMALL, 9.9) == ()
    assert [notice.code for notice in quality.judge_length(SMALL, 5.0)] == ["truncated"]
    with pytest.raises(SourceRejected):
        quality.judge_length(SMALL, 0.0)


@pytest.mark.parametrize(("encoded_s", "codes", "lasts_s"), [(9.2, [], 9.2), (5.0, ["truncated"], 10.0)])
def test_a_length_that_may_be_the_time_of_the_end_is_doubted_by_as_much(
    encoded_s: float, codes: list[str], lasts_s: float
) -> None:
    late = replace(SMALL, container="matroska", start_s=0.9)
    assert [notice.code for notice in quality.judge_length(late, encoded_s)] == codes
    assert quality.true_length_s(late, encoded_s) == pytest.approx(lasts_s)


@pytest.mark.parametrize(
    ("picture_s", "sounds_s", "codes"),
    [
        (60, [60, 59], []),
        (60, [57.5], []),
        (6, [4.5], []),
        (60, [], []),
        (60, [60, 40], ["sound_ends_early"]),
        (6, [3.5], ["sound_ends_early"]),
        (40, [60], ["picture_ends_early"]),
        (40, [60, 20], ["picture_ends_early", "sound_ends_early"]),
    ],
)
def test_what_ends_long_before_the_other_is_told_of(picture_s: float, sounds_s: list[float], codes: list[str]) -> None:
    assert [notice.code for notice in quality.judge_ends(picture_s, sounds_s)] == codes


@pytest.mark.parametrize(
    ("rates_bps", "kept"),
    [
        ([2_000_000, 1_000_000, 400_000], ["720p", "540p", "360p"]),
        ([500_000, 450_000, 300_000], ["720p", "360p"]),
        ([500_000, 450_000, 440_000], ["720p", "360p"]),
        ([500_000], ["720p"]),
    ],
)
def test_a_rung_that_hardly_saves_bits_is_not_offered(rates_bps: list[int], kept: list[str]) -> None:
    rungs = [RUNG, RUNG.model_copy(update={"name": "540p", "height": 540}), LOW]
    tracks = [package.Track(peak_bps=rate, average_bps=rate, codecs="avc1.64001f") for rate in rates_bps]
    listed = package.worth_listing(list(zip(rungs, tracks, strict=False)))
    assert [rung.name for rung in listed] == kept
