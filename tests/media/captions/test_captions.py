"""Which captions an upload has, and the ffmpeg runs for them, to the letter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.media.captions import runs, selection
from tasks.media.captions.selection import CaptionTrack
from tasks.media.captions.webvtt import Cue
from tasks.media.decoders import DECODERS_WITH_CAPTIONS
from tasks.media.source import Source
from tasks.media.source_input import DEMUXERS
from tests.media.test_encode import SMALL

HI = (Cue(start_s=0, end_s=1, text="Hi"),)
HO = (Cue(start_s=0, end_s=1, text="Ho"),)


def stream(index: int, codec: str, kind: str = "subtitle", *, language: str = "", **marks: int) -> dict[str, object]:
    """A stream as ffprobe shows it."""
    tags = {"language": language} if language else {}
    return {"index": index, "codec_name": codec, "codec_type": kind, "tags": tags, "disposition": marks}


def probed(*streams: dict[str, object], start_time: str = "0.000000") -> dict[str, object]:
    picture = {"index": 0, "codec_name": "h264", "codec_type": "video", "start_time": "3.000000"}
    sound = {"index": 1, "codec_name": "aac", "codec_type": "audio", "start_time": "2.500000"}
    return {"streams": [picture, sound, *streams], "format": {"start_time": start_time}}


def of(source: Source, codec: str, **changes: object) -> Source:
    return replace(source, video=replace(source.video, codec=codec), **changes)


def test_one_run_writes_every_text_track_and_copies_out_the_pictures_caption_units() -> None:
    probe = probed(stream(2, "mov_text"), stream(3, "dvb_teletext"), stream(4, "dvb_subtitle"))
    found = selection.find_captions(probe, of(SMALL, "h264"))
    plain = ("-map_metadata", "-1", "-map_chapters", "-1", "-avoid_negative_ts", "disabled")
    units = (*("-map", "0:0", "-c", "copy", "-copyinkf"), *plain)
    assert runs.plan_extract(found, SMALL, max_pixels=1000) == (
        *("-nostdin", "-hide_banner", "-loglevel", "error", "-copyts"),
        *("-txt_format:3", "text", "-txt_page:3", "subtitle", "-fix_sub_duration:3"),
        *("-codec_whitelist", DECODERS_WITH_CAPTIONS, "-dn", "-format_whitelist", DEMUXERS, "-max_pixels", "1000"),
        *("-protocol_whitelist", "file", "-i", "source"),
        *("-map", "0:2", "-c:s", "webvtt", *plain, "-fs", "8388608", "-f", "webvtt", "captions/2.vtt"),
        *("-map", "0:3", "-c:s", "webvtt", *plain, "-fs", "8388608", "-f", "webvtt", "captions/3.vtt"),
        *(*units, "-bsf:v", "h264_mp4toannexb,filter_units=pass_types=6"),
        *("-fs", "268435456", "-f", "data", "captions/units"),
        *(*units, "-bsf:v", "h264_mp4toannexb,filter_units=pass_types=6", "-f", "framecrc", "captions/packets"),
    )
    assert found.unreadable == ("dvb_subtitle",)


def test_ancillary_data_is_read_as_raw_captions_with_data_streams_allowed() -> None:
    found = selection.find_captions(probed(stream(2, "smpte_436m_anc", "data")), of(SMALL, "prores"))
    arguments = runs.plan_extract(found, SMALL, max_pixels=1000)
    assert "-dn" not in arguments
    assert arguments[arguments.index("source") + 1 :] == (
        *("-map", "0:2", "-c", "copy", "-map_metadata", "-1", "-map_chapters", "-1"),
        *("-avoid_negative_ts", "disabled", "-bsf:d", "smpte436m_to_eia608", "-fs", "67108864"),
        *("-f", "rcwt", "captions/ancillary.rcwt"),
    )


def test_raw_captions_are_decoded_field_by_field_from_nothing_but_our_own_file() -> None:
    arguments, files = runs.plan_line21(selection.INSIDE_FILE)
    opened = ("-f", "rcwt", "-protocol_whitelist", "file", "-data_field")
    written = ("-c:s", "webvtt", "-fs", "8388608", "-f", "webvtt")
    assert arguments == (
        *("-nostdin", "-hide_banner", "-loglevel", "error", "-copyts"),
        *(*opened, "first", "-i", "captions/inside.rcwt"),
        *(*opened, "second", "-i", "captions/inside.rcwt"),
        *("-map", "0:0", *written, files[0]),
        *("-map", "1:0", *written, files[1]),
    )


def test_a_source_with_no_place_for_captions_takes_no_run() -> None:
    found = selection.find_captions(probed(stream(2, "tmcd", "data")), of(SMALL, "prores"))
    assert runs.plan_extract(found, SMALL, max_pixels=1) == ()


@pytest.mark.parametrize(("container", "zero_s"), [("mov", 1.5), ("matroska", 1.5), ("mpegts", 2.5), ("mpeg", 2.5)])
def test_the_clips_zero_is_the_encodes(container: str, zero_s: float) -> None:
    # Captions that begin before the picture and the sound don't move it, where clocks may start anew.
    probe = probed({**stream(2, "dvb_teletext"), "start_time": "1.500000"}, start_time="1.500000")
    source = replace(SMALL, container=container)
    assert selection.find_captions(probe, source).zero_s == zero_s


def test_of_several_services_the_pictures_own_captions_are_taken() -> None:
    source = of(SMALL, "h264")
    source = replace(source, video=replace(source.video, companions=frozenset({0, 1, 3})))
    probe = probed(stream(2, "dvb_teletext"), stream(3, "dvb_teletext"))
    assert [track.index for track in selection.find_captions(probe, source).tracks] == [3]


def test_languages_and_marks_are_read_and_named() -> None:
    probe = probed(
        stream(2, "mov_text", language="vie"),
        stream(3, "mov_text", language="eng", default=1),
        stream(4, "subrip", language="eng", hearing_impaired=1),
        stream(5, "ass", language="eng", forced=1, default=1),
        stream(6, "mov_text", language="eng"),
        stream(7, "webvtt", language='"><script>'),
        stream(8, "dvb_teletext", language="fre,ger"),
    )
    tracks = selection.find_captions(probe, SMALL).tracks
    cues = [(Cue(start_s=0, end_s=1, text=str(track.index)),) for track in tracks]
    made = selection.published(list(zip(tracks, cues, strict=True)))
    assert [(each.name, each.language, each.label, each.kind) for each in made] == [
        ("captions", "vi", "Tiếng Việt", "subtitles"),
        ("captions-2", "en", "English", "subtitles"),
        ("captions-3", "en", "English (CC)", "captions"),
        ("captions-4", "en", "English (forced)", "subtitles"),
        ("captions-5", "en", "English 2", "subtitles"),
        ("captions-6", None, "Captions", "subtitles"),
        ("captions-7", "fr", "Français", "subtitles"),
    ]
    assert [each.is_default for each in made] == [False, True, False, False, False, False, False]
    assert [each.is_forced for each in made] == [False, False, False, True, False, False, False]


def test_without_a_mark_the_first_that_is_not_forced_is_the_default_and_there_is_but_one() -> None:
    forced = CaptionTrack(index=2, codec="mov_text", language="en", is_forced=True)
    plain = CaptionTrack(index=3, codec="mov_text", language="en")
    made = selection.published([(forced, HI), (None, HO), (plain, HO), (plain, HI)])
    assert [each.is_default for each in made] == [False, True, False]
    assert not any(each.is_default for each in selection.published([(forced, HI)]))


def test_empty_programmes_and_what_is_said_twice_in_one_language_are_left_out() -> None:
    track = CaptionTrack(index=2, codec="mov_text")
    made = selection.published([(track, HI), (None, ()), (None, HI), (track.evolve(index=3, language="en"), HI)])
    assert [(each.name, each.language) for each in made] == [("captions", None), ("captions-2", "en")]


def test_an_editor_is_told_once_of_what_is_left_out() -> None:
    (notice,) = selection.unreadable_notice(["dvb_subtitle", "hdmv_pgs_subtitle", "dvb_subtitle"])
    assert notice.code == "captions_unreadable"
    assert notice.message.endswith("left out: dvb_subtitle, hdmv_pgs_subtitle.")
    assert selection.unreadable_notice([]) == ()
