"""Which sources are packaged as they are, and when such a copy stands for a rung."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from tasks.media.colour import Colour
from tasks.media.direct import complies, is_idr, plan_direct, tells_the_same
from tasks.media.ladder import PlannedRung
from tasks.media.mp4.boxes import Fragment, Header
from tasks.media.package import MediaPlaylist, Track
from tasks.media.parameter_sets import Told
from tests.media.test_encode import NEWS, SMALL, SOUND, UNTRUSTED

PLAIN = replace(
    SMALL,
    duration_s=10.0,
    video=replace(SMALL.video, coded_width=960, coded_height=540, profile="High"),
    audio=(replace(SOUND, profile="LC"),),
)
SIZE_BYTES = 1_500_000  # 1.2 Mb/s


def test_pictures_and_sound_that_players_take_are_copied() -> None:
    planned = plan_direct(PLAIN, NEWS, size_bytes=SIZE_BYTES, max_pixels=35389440)
    assert planned is not None
    assert planned.stands_for is not None
    assert planned.stands_for.name == "540p"
    assert planned.run.tracks == ("original", "original-audio")
    assert list(planned.run.arguments) == [
        *("-nostdin", "-hide_banner", "-loglevel", "repeat+warning", "-progress", "pipe:1"),
        *UNTRUSTED,
        *("-map", "0:0", "-map", "0:1", "-f", "hls", "-avoid_negative_ts", "disabled", "-c:a", "copy", "-c:v", "copy"),
        *("-hls_flags", "independent_segments+temp_file", "-hls_fmp4_init_filename", "init.mp4"),
        *("-hls_playlist_type", "event", "-hls_segment_filename", "out/hls/%v/%05d.m4s"),
        *("-hls_segment_options", "movflags=+cmaf", "-hls_segment_type", "fmp4", "-hls_time", "2"),
        *("-map_chapters", "-1", "-map_metadata", "-1", "-var_stream_map"),
        *("v:0,name:original a:0,name:original-audio", "out/hls/%v/index.m3u8"),
    ]


def test_sound_that_players_do_not_take_is_encoded_beside_the_copied_picture() -> None:
    source = replace(PLAIN, audio=(replace(SOUND, codec="pcm_s16le"),))
    planned = plan_direct(source, NEWS, size_bytes=SIZE_BYTES, max_pixels=1)
    assert planned is not None
    assert planned.run.arguments[planned.run.arguments.index("-c:a") + 1] == "aac"
    assert planned.run.arguments[planned.run.arguments.index("-c:v") + 1] == "copy"


def test_a_transport_stream_is_copied_until_the_ladder_is_there_and_read_like_by_all_other_runs() -> None:
    # A commentary on a clock that may start anew as that of the picture.
    others = (replace(SOUND, profile="LC", may_change=True), replace(SOUND, index=2, language="eng"))
    source = replace(PLAIN, container="mpegts", audio=others)
    planned = plan_direct(source, NEWS, size_bytes=SIZE_BYTES, max_pixels=1)
    assert planned is not None
    assert planned.stands_for is None
    assert planned.run.arguments[planned.run.arguments.index("-readrate") + 1] == "8.0"
    # Left to itself, ffmpeg would fall to the speed of the clip once it is 0.3 seconds late.
    assert planned.run.arguments[planned.run.arguments.index("-readrate_catchup") + 1] == "1000000"
    assert planned.run.arguments[-7:] == ("-map", "0:2", "-c", "copy", "-f", "null", "-")
    # Frames of AAC in a transport stream may change their channels, which MP4 can't tell.
    assert [after for word, after in pairwise(planned.run.arguments) if word == "-c:a"] == ["pcm_f32le", "aac"]


@pytest.mark.parametrize("container", ["mpegts", "matroska"])
def test_a_recording_that_begins_between_key_frames_is_not_copied(container: str) -> None:
    source = replace(PLAIN, container=container, video=replace(PLAIN.video, begins_with_key_frame=False))
    assert plan_direct(source, NEWS, size_bytes=SIZE_BYTES, max_pixels=1) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"codec": "hevc"},
        {"profile": "High 4:2:2"},
        {"pixel_format": "yuv422p"},
        {"scan": "interlaced_tff"},
        {"is_as_coded": False},
        {"coded_width": 720},
        {"width": 961, "coded_width": 961},
        {"rate_is_sure": False},
        {"frame_rate": Fraction(120)},
        {"colour": Colour(matrix="bt2020nc")},
        {"colour": Colour(transfer="arib-std-b67")},
        {"colour": Colour(full_range=True)},
    ],
)
def test_what_players_would_show_wrong_is_not_copied(changes: dict[str, Any]) -> None:
    source = replace(PLAIN, video=replace(PLAIN.video, **changes))
    assert plan_direct(source, NEWS, size_bytes=SIZE_BYTES, max_pixels=1) is None


def test_the_ladder_says_how_many_bits_may_be_copied() -> None:
    too_many = NEWS.start.copy_max_bitrate_bps * 10 // 8 + 1000
    assert plan_direct(PLAIN, NEWS, size_bytes=too_many, max_pixels=1) is None
    never = NEWS.model_copy(update={"start": NEWS.start.model_copy(update={"copy_max_bitrate_bps": 0})})
    assert plan_direct(PLAIN, never, size_bytes=SIZE_BYTES, max_pixels=1) is None


def test_a_source_of_another_size_than_every_rung_stands_for_none() -> None:
    large = replace(PLAIN.video, width=2560, height=1440, coded_width=2560, coded_height=1440)
    planned = plan_direct(replace(PLAIN, video=large), NEWS, size_bytes=SIZE_BYTES, max_pixels=1)
    assert planned is not None
    assert planned.stands_for is None


def test_what_has_far_too_many_bits_to_stand_for_its_rung_is_copied_at_a_pace_beside_the_encode() -> None:
    planned = plan_direct(PLAIN, NEWS, size_bytes=4_000_000, max_pixels=1)  # 3.2 Mb/s; the rung has 1.6 at most
    assert planned is not None
    assert planned.stands_for is not None
    assert "-readrate" not in planned.run.arguments
    planned = plan_direct(PLAIN, NEWS, size_bytes=4_100_000, max_pixels=1)
    assert planned is not None
    assert planned.stands_for is None
    assert planned.run.arguments.index("-readrate") < planned.run.arguments.index("-i")


HEADER = Header(timescale=25, edit_offset=0, entry="avc1", configuration=b"")
FRAGMENT = Fragment(decode_time=0, start=0, duration=50, samples=50, offset=0, size_bytes=9, begins_with_key_frame=True)


def judged(
    *, average_bps: int = 1_200_000, peak_bps: int = 2_000_000, segment_s: float = 2.0, fragment: Fragment = FRAGMENT
) -> bool:
    planned = plan_direct(PLAIN, NEWS, size_bytes=SIZE_BYTES, max_pixels=1)
    assert planned is not None
    assert isinstance(planned.stands_for, PlannedRung)
    playlist = MediaPlaylist(init="init.mp4", segments=(("0.m4s", segment_s),), is_complete=True)
    track = Track(peak_bps=peak_bps, average_bps=average_bps, codecs="avc1.64001f")
    return complies(planned, NEWS, track, HEADER, playlist, [fragment])


def test_a_copy_stands_for_its_rung_within_the_rungs_rates_and_times() -> None:
    assert judged()
    assert not judged(average_bps=1_700_000)
    assert not judged(peak_bps=3_300_000)
    assert not judged(segment_s=4.5)
    assert not judged(fragment=FRAGMENT.evolve(start=1))
    assert not judged(fragment=FRAGMENT.evolve(samples=48))


def test_an_access_unit_is_a_refresh_if_one_of_its_nal_units_says_so() -> None:
    header = HEADER.evolve(configuration=b"\x00\x00\x00\x0davcC\x01\x64\x00\x1f\xff")
    units = [b"\x09\x10", b"\x06\x05\x01", b"\x65\x88"]
    assert is_idr(b"".join(len(unit).to_bytes(4) + unit for unit in units), header)
    # An I picture of an open GOP, which a file may mark as a key frame too.
    assert not is_idr(b"".join(len(unit).to_bytes(4) + unit for unit in [*units[:2], b"\x41\x88"]), header)
    assert not is_idr(b"\x00\x00", header)


def test_a_copy_in_other_colours_than_the_rungs_stands_for_none() -> None:
    untold = replace(PLAIN, video=replace(PLAIN.video, colour=Colour(matrix="smpte170m")))
    planned = plan_direct(untold, NEWS, size_bytes=SIZE_BYTES, max_pixels=1)
    assert planned is not None
    assert planned.stands_for is None


@pytest.mark.parametrize(
    ("told", "is_the_same"),
    [
        ([Told()], True),
        ([Told(pixel_aspect=Fraction(1), is_full_range=False, primaries=1, transfer=1, matrix=1)], True),
        ([Told(matrix=1)], False),
        ([Told(primaries=1, transfer=13, matrix=1)], True),
        ([Told(primaries=9, transfer=1, matrix=1)], False),
        ([Told(primaries=1, transfer=16, matrix=1)], False),
        ([Told(pixel_aspect=Fraction(4, 3))], False),
        ([Told(is_full_range=True)], False),
        ([Told(), Told(matrix=6)], False),
        ([], False),
    ],
)
def test_pictures_that_contradict_their_container_are_told_of_anew(told: list[Told], is_the_same: bool) -> None:
    assert tells_the_same(told, PLAIN) is is_the_same
    planned = plan_direct(PLAIN, NEWS, size_bytes=SIZE_BYTES, max_pixels=1, tells_the_same=is_the_same)
    assert planned is not None
    anew = "h264_metadata=sample_aspect_ratio=1/1:colour_primaries=1:transfer_characteristics=1:matrix_coefficients=1"
    assert (f"{anew}:video_full_range_flag=0" in planned.run.arguments) is not is_the_same


@pytest.mark.parametrize(
    ("told", "is_the_same"), [(Told(), False), (Told(matrix=6), False), (Told(primaries=1, transfer=1, matrix=6), True)]
)
def test_the_colours_of_sd_are_told_by_the_pictures_themselves(told: Told, is_the_same: bool) -> None:
    untagged = replace(PLAIN, video=replace(PLAIN.video, colour=Colour(matrix="smpte170m")))
    assert tells_the_same([told], untagged) is is_the_same
