"""The encode plan, to the letter."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import config.ladders
from tasks.media.encode import DEMUXERS, plan_encode, plan_mp4
from tasks.media.ladder import read_ladder
from tasks.media.source import AudioStream, Source
from tests.media.test_ladder import VIDEO

NEWS = read_ladder(config.ladders.find("news").read_text(encoding="utf-8"), "news.toml")
SOUND = AudioStream(index=1, codec="aac", channels=2, sample_rate=48000, language=None)
SMALL = Source(container="mov", duration_s=10.0, video=replace(VIDEO, width=960, height=540), audio=(SOUND,))


def test_one_decode_feeds_every_rendition_in_one_command() -> None:
    plan = plan_encode(SMALL, NEWS, max_pixels=35389440)
    assert list(plan.arguments) == [
        *("-nostdin", "-hide_banner", "-loglevel", "warning", "-progress", "pipe:1"),
        *("-format_whitelist", DEMUXERS, "-max_pixels", "35389440", "-protocol_whitelist", "file", "-i", "source"),
        "-filter_complex",
        "[0:0]fps=25[s0];[s0]scale=960:540:flags=lanczos[s1];[s1]setsar=1[s2];[s2]format=yuv420p[s3];"
        "[s3]setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:field_mode=prog:range=limited[s4];"
        "[s4]split=2[s5][s6];[s6]scale=640:360:flags=lanczos[s7];[s7]setsar=1[s8]",
        *("-map", "[s5]", "-map", "[s8]"),
        *("-f", "hls", "-avoid_negative_ts", "disabled"),
        *("-bufsize:v:0", "3200000", "-bufsize:v:1", "1600000", "-c:v", "libx264"),
        *("-crf:v:0", "23", "-crf:v:1", "24"),
        *("-flags:v", "+cgop", "-fps_mode", "cfr", "-g", "50", "-hls_flags", "independent_segments+temp_file"),
        *("-hls_fmp4_init_filename", "init.mp4", "-hls_playlist_type", "event"),
        *("-hls_segment_filename", "out/hls/%v/%05d.m4s", "-hls_segment_options", "movflags=+cmaf"),
        *("-hls_segment_type", "fmp4", "-hls_time", "2"),
        *("-keyint_min", "50", "-map_chapters", "-1", "-map_metadata", "-1"),
        *("-maxrate:v:0", "1600000", "-maxrate:v:1", "800000", "-pix_fmt", "yuv420p", "-preset:v", "veryfast"),
        *("-profile:v", "high", "-sc_threshold:v", "0", "-var_stream_map"),
        "v:0,agroup:audio,name:540p v:1,agroup:audio,name:360p a:0,agroup:audio,name:audio",
        "-filter_complex",
        "[0:1]aresample=async=1:first_pts=0[a0];[a0]aformat=sample_fmts=fltp:sample_rates=48000[a1];"
        "[a1]aformat=channel_layouts=stereo[a2]",
        *("-map", "[a2]", "-c:a", "aac", "-b:a", "128000"),
        "out/hls/%v/index.m3u8",
    ]


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
    graph = plan_encode(source, NEWS, max_pixels=1).arguments
    filters = graph[graph.index("-filter_complex") + 1]
    assert "[0:0]bwdif=mode=send_frame:parity=bff[s0];[s0]fps=25[s1]" in filters


def test_a_clip_without_sound_has_no_audio_options() -> None:
    plan = plan_encode(replace(SMALL, audio=()), NEWS, max_pixels=1)
    assert not plan.has_audio
    assert not {"-c:a", "-b:a"} & set(plan.arguments)
    assert "v:0,name:540p v:1,name:360p" in plan.arguments


def test_key_frames_stand_at_whole_frames_for_broken_rates_too() -> None:
    source = replace(SMALL, video=replace(SMALL.video, frame_rate=Fraction(30000, 1001)))
    arguments = plan_encode(source, NEWS, max_pixels=1).arguments
    assert arguments[arguments.index("-g") + 1] == "60"
    assert "[0:0]fps=30000/1001[s0]" in arguments[arguments.index("-filter_complex") + 1]


def test_the_progressive_file_copies_the_tallest_rung_up_to_the_ladders_choice() -> None:
    plan = plan_encode(replace(SMALL, video=VIDEO), NEWS, max_pixels=1)
    assert plan.mp4_rung.name == "720p"
    assert plan_mp4(plan.mp4_rung, has_audio=True) == (
        *("-nostdin", "-hide_banner", "-loglevel", "warning"),
        *("-i", "out/hls/720p/index.m3u8", "-i", "out/hls/audio/index.m3u8"),
        *("-map", "0:v", "-map", "1:a", "-c", "copy", "-copyts", "-movflags", "+faststart", "out/mp4/720p.mp4"),
    )
