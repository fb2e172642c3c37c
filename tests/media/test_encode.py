"""The encode plan, to the letter."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction

import pytest

import config.ladders
from tasks.media.decoders import DECODERS, DECODERS_WITH_CAPTIONS
from tasks.media.encode import plan_encode, plan_mp4, plan_sound
from tasks.media.ladder import PlannedRung, read_ladder
from tasks.media.sound.programmes import candidates, published
from tasks.media.source import AudioStream, Source
from tasks.media.source_input import DEMUXERS, piped
from tasks.records.keys import ORIGINAL
from tests import clips
from tests.media.test_ladder import VIDEO

NEWS = read_ladder(config.ladders.find("news").read_text(encoding="utf-8"), "news.toml")
SOUND = AudioStream(index=1, codec="aac", channels=2, sample_rate=48000, language=None)
SMALL = Source(container="mov", duration_s=10.0, video=replace(VIDEO, width=960, height=540), audio=(SOUND,))


UNTRUSTED = (
    *("-codec_whitelist", DECODERS, "-dn", "-format_whitelist", DEMUXERS, "-max_pixels", "35389440"),
    *("-protocol_whitelist", "file", "-sn", "-i", "source"),
)
OF_A_PICTURE = (
    *("-codec_whitelist", DECODERS, "-dn", "-format_whitelist", DEMUXERS, "-max_pixels", "35389440", "-noautorotate"),
    *("-protocol_whitelist", "file", "-reinit_filter", "0", "-sn", "-i", "source"),
)
PICTURE = (
    "[0:0]fps=25[s0];[s0]scale=960:540:flags=lanczos[s1];[s1]setsar=1[s2];[s2]format=yuv420p[s3];"
    "[s3]setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:field_mode=prog:range=limited[s4];"
    "[s4]split=2[s5][s6];[s6]zscale=640:360:filter=lanczos[s7];[s7]setsar=1[s8];"
    r"[s8]split=2[s9][s10];[s10]select=not(mod(n\,5))[s11];"
    "[s11]blackdetect=d=2:pix_th=0.08[s12];[s12]freezedetect=d=5:n=0.003[s13];"
    r"[s13]cropdetect=enable=not(mod(n\,3)):limit=24:reset=0:round=2:skip=0[s14];[s14]metadata=print:file=found.txt[s15]"
)


def test_one_decode_feeds_every_rendition_in_one_command() -> None:
    plan = plan_encode(SMALL, NEWS, max_pixels=35389440)
    (run,) = plan.runs
    assert run.tracks == ("540p", "360p")
    assert list(run.arguments) == [
        *("-nostdin", "-hide_banner", "-loglevel", "repeat+warning", "-progress", "pipe:1"),
        *OF_A_PICTURE,
        *("-filter_complex", PICTURE, "-map", "[s5]", "-map", "[s9]"),
        *("-f", "hls", "-a53cc:v", "0", "-avoid_negative_ts", "disabled"),
        *("-bufsize:v:0", "3200000", "-bufsize:v:1", "1600000", "-c:v", "libx264"),
        *("-crf:v:0", "23", "-crf:v:1", "24"),
        *("-flags:v", "+cgop", "-fps_mode", "cfr", "-g", "50", "-hls_flags", "independent_segments+temp_file"),
        *("-hls_fmp4_init_filename", "init.mp4", "-hls_playlist_type", "event"),
        *("-hls_segment_filename", "out/hls/%v/%05d.m4s", "-hls_segment_options", "movflags=+cmaf"),
        *("-hls_segment_type", "fmp4", "-hls_time", "2"),
        *("-keyint_min", "50", "-map_chapters", "-1", "-map_metadata", "-1"),
        *("-maxrate:v:0", "1600000", "-maxrate:v:1", "800000", "-pix_fmt", "yuv420p", "-preset:v", "veryfast"),
        *("-profile:v", "high", "-sc_threshold:v", "0", "-var_stream_map", "v:0,name:540p v:1,name:360p"),
        "out/hls/%v/index.m3u8",
        *("-map", "[s15]", "-f", "null", "-fps_mode", "passthrough", "-"),
    ]


def test_the_sound_is_mixed_and_encoded_in_a_run_of_its_own() -> None:
    programmes = published(candidates(SMALL), ())
    run = plan_sound(SMALL, NEWS, [programmes[0].evolve(gain_db=-3.5)], max_pixels=35389440)
    assert run.tracks == ("audio",)
    assert list(run.arguments) == [
        *("-nostdin", "-hide_banner", "-loglevel", "repeat+warning", "-progress", "pipe:1"),
        *UNTRUSTED,
        "-filter_complex",
        "[0:1]aresample=async=1:first_pts=0:min_hard_comp=0.02[s0];[s0]aformat=sample_fmts=fltp:sample_rates=48000[s1];"
        "[s1]aformat=channel_layouts=stereo[s2];[s2]volume=-3.50dB:precision=float[s3]",
        *("-map", "[s3]", "-f", "hls", "-avoid_negative_ts", "disabled", "-b:a", "128000", "-c:a", "aac"),
        *("-hls_flags", "independent_segments+temp_file", "-hls_fmp4_init_filename", "init.mp4"),
        *("-hls_playlist_type", "event", "-hls_segment_filename", "out/hls/%v/%05d.m4s"),
        *("-hls_segment_options", "movflags=+cmaf", "-hls_segment_type", "fmp4", "-hls_time", "2"),
        *("-map_chapters", "-1", "-map_metadata", "-1", "-var_stream_map", "a:0,name:audio", "out/hls/%v/index.m3u8"),
    ]


@pytest.mark.parametrize(
    ("facts", "filtered"),
    [
        ({}, "fps=25["),
        ({"rate_is_sure": False}, "fps=25:eof_action=pass["),
        ({"is_alone": True}, "fps=25:eof_action=pass:start_time=0["),
    ],
)
def test_a_last_picture_that_is_not_said_to_last_is_shown(facts: dict[str, bool], filtered: str) -> None:
    source = replace(SMALL, video=replace(SMALL.video, **facts))
    (run,) = plan_encode(source, NEWS, max_pixels=1).runs
    assert filtered in run.arguments[run.arguments.index("-filter_complex") + 1]


def test_sound_that_is_made_at_a_pace_catches_up_at_any_speed() -> None:
    words = list(plan_sound(SMALL, NEWS, published(candidates(SMALL), ()), max_pixels=1, pace=20.0).arguments)
    # ffmpeg thinks itself behind after a pause of a packet's length, and would fall to twice the speed of sound.
    for option, value in (("-readrate", "20.0"), ("-readrate_initial_burst", "6"), ("-readrate_catchup", "1000000")):
        assert words[words.index(option) + 1] == value
        assert words.index(option) < words.index("-i")


def test_where_clocks_may_jump_sound_and_picture_are_counted_from_the_same_moment() -> None:
    stream = replace(SMALL, container="mpegts")
    kept = ("-c", "copy", "-f", "null", "-")
    (run,) = plan_encode(stream, NEWS, max_pixels=1).runs
    assert run.arguments[-7:] == ("-map", "0:1", *kept)
    sound = plan_sound(stream, NEWS, published(candidates(stream), ()), max_pixels=1)
    assert sound.arguments[-7:] == ("-map", "0:0", *kept)


def test_a_ladder_may_put_its_smallest_rung_first() -> None:
    fast = NEWS.model_copy(update={"start": NEWS.start.model_copy(update={"smallest_first": True})})
    first, rest = plan_encode(SMALL, fast, max_pixels=1).runs
    assert (first.tracks, rest.tracks) == (("360p",), ("540p",))
    assert "found.txt" in " ".join(first.arguments)
    assert "found.txt" not in " ".join(rest.arguments)


def test_beside_a_copied_rung_the_others_put_their_key_frames_where_it_has_them() -> None:
    copied = PlannedRung(name=ORIGINAL, width=960, height=540, frame_rate=Fraction(25), crf=0, max_bitrate_bps=1)
    plan = plan_encode(SMALL, NEWS, max_pixels=1, copied=copied)
    assert [rung.name for rung in plan.rungs] == ["original", "360p"]
    (run,) = plan.runs
    assert run.tracks == ("360p",)
    assert run.arguments[run.arguments.index("-force_key_frames") + 1] == "source"


def test_of_a_clip_that_is_all_copied_the_pictures_are_looked_at_and_counted() -> None:
    tiny = replace(SMALL, video=replace(VIDEO, width=640, height=360))
    copied = PlannedRung(name=ORIGINAL, width=640, height=360, frame_rate=Fraction(25), crf=0, max_bitrate_bps=1)
    (run,) = plan_encode(tiny, NEWS, max_pixels=1, copied=copied).runs
    assert run.tracks == ()
    # All of them to be counted, some to be looked at.
    assert run.arguments[-12:] == (
        *("-map", "[s5]", "-f", "null", "-"),
        *("-map", "[s11]", "-f", "null", "-fps_mode", "passthrough", "-"),
    )


def test_every_decoder_on_the_list_is_one_of_ffmpegs() -> None:
    # Some go by another name than their codec, and one that is misspelt is missed by nobody.
    shown = subprocess.run([clips.FFMPEG, "-v", "error", "-decoders"], check=True, capture_output=True, text=True)
    known = {words[1] for line in shown.stdout.splitlines() if len(words := line.split()) > 1}
    assert set(DECODERS_WITH_CAPTIONS.split(",")) <= known


def test_no_demuxer_that_opens_further_files_is_allowed() -> None:
    opens_others = {
        "hls",
        "dash",
        "concat",
        "sdp",
        "rtsp",
        "imf",
        "image2",
        "webvtt",
        "tedcaptions",
        "lavfi",
        "applehttp",
    }
    assert not opens_others & set(DEMUXERS.split(","))


def test_fields_are_separated_before_anything_else() -> None:
    source = replace(SMALL, video=replace(SMALL.video, scan="interlaced_bff"))
    graph = plan_encode(source, NEWS, max_pixels=1).runs[0].arguments
    filters = graph[graph.index("-filter_complex") + 1]
    steady = "[0:0]scale=1920:1080:flags=lanczos:interl=1[s0]"
    assert f"{steady};[s0]bwdif=mode=send_frame:parity=bff[s1];[s1]fps=25[s2]" in filters


def test_key_frames_stand_at_whole_frames_for_broken_rates_too() -> None:
    source = replace(SMALL, video=replace(SMALL.video, frame_rate=Fraction(30000, 1001)))
    arguments = plan_encode(source, NEWS, max_pixels=1).runs[0].arguments
    assert arguments[arguments.index("-g") + 1] == "60"
    assert "[0:0]fps=30000/1001[s0]" in arguments[arguments.index("-filter_complex") + 1]


def test_the_progressive_file_copies_the_tallest_rung_up_to_the_ladders_choice() -> None:
    plan = plan_encode(replace(SMALL, video=VIDEO), NEWS, max_pixels=1)
    assert plan.mp4_rung.name == "720p"
    assert plan_mp4(plan.mp4_rung, published(candidates(SMALL), ())[0]) == (
        *("-nostdin", "-hide_banner", "-loglevel", "warning"),
        *("-i", "out/hls/720p/index.m3u8", "-i", "out/hls/audio/index.m3u8"),
        *("-map", "0:v", "-map", "1:a", "-c", "copy", "-copyts", "-movflags", "+faststart", "out/mp4/720p.mp4"),
    )


def test_a_plan_can_have_its_upload_from_a_pipe_and_from_nowhere_else() -> None:
    (run,) = plan_encode(SMALL, NEWS, max_pixels=35389440).runs
    at = run.arguments.index("-i")
    changed = piped(run.arguments)
    assert changed is not None
    assert changed[:at] == tuple("pipe" if word == "file" else word for word in run.arguments[:at])
    assert changed[at : at + 2] == ("-i", "pipe:0")
    assert changed[at + 2 :] == run.arguments[at + 2 :]


def test_what_is_read_beside_the_upload_stays_a_file() -> None:
    other = ("-protocol_whitelist", "file", "-i", "captions.bin")
    upload = ("-sn", "-protocol_whitelist", "file", "-i", "source")
    through = ("-sn", "-protocol_whitelist", "pipe", "-i", "pipe:0")
    assert piped((*other, *upload, "-ss", "1", "-")) == (*other, *through, "-ss", "1", "-")
    assert piped((*upload, *other, "-")) == (*through, *other, "-")


def test_a_run_that_goes_back_or_ahead_in_the_upload_has_no_use_for_a_pipe() -> None:
    upload = ("-protocol_whitelist", "file", "-i", "source")
    for arguments in (
        (*upload, *upload, "-"),
        ("-ss", "1", *upload, "-"),
        ("-sseof", "-1", *upload, "-"),
        ("-i", "source", "-"),
        ("-protocol_whitelist", "file", "-i", "another", "-"),
    ):
        assert piped(arguments) is None
