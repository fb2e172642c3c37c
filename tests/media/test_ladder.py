"""Ladders."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import config.ladders
from tasks.errors import ConfigurationError
from tasks.media.ladder import Ladder, climb, read_ladder
from tasks.media.source import VideoStream

TEXT = config.ladders.find("news").read_text(encoding="utf-8")
VIDEO = VideoStream(
    index=0,
    codec="h264",
    width=1920,
    height=1080,
    coded_width=1920,
    coded_height=1080,
    frame_rate=Fraction(25),
    scan="progressive",
    pixel_format="yuv420p",
    rotation=0,
    duration_s=10.0,
)


@pytest.fixture(scope="module")
def news() -> Ladder:
    return read_ladder(TEXT, "news.toml")


@pytest.mark.parametrize(
    ("size", "rungs"),
    [
        ((1920, 1080), ["1920x1080", "1280x720", "960x540", "640x360"]),
        ((1280, 720), ["1280x720", "960x540", "640x360"]),
        ((1080, 1920), ["1080x1920", "720x1280", "540x960", "360x640"]),
        ((1024, 576), ["960x540", "640x360"]),
        ((1600, 900), ["1600x900", "1280x720", "960x540", "640x360"]),
        ((320, 240), ["320x240"]),
        ((161, 121), ["160x120"]),
        ((2, 2), ["2x2"]),
        ((3840, 2160), ["1920x1080", "1280x720", "960x540", "640x360"]),
        ((2560, 1080), ["2560x1080", "1706x720", "1280x540", "852x360"]),
    ],
)
def test_a_picture_climbs_the_rungs_that_are_not_above_it(
    news: Ladder, size: tuple[int, int], rungs: list[str]
) -> None:
    planned = climb(news, replace(VIDEO, width=size[0], height=size[1]))
    assert [f"{rung.width}x{rung.height}" for rung in planned] == rungs


@given(st.integers(2, 8192), st.integers(2, 8192))
def test_no_rung_is_larger_than_the_source_or_odd(width: int, height: int) -> None:
    rungs = climb(read_ladder(TEXT, "news.toml"), replace(VIDEO, width=width, height=height))
    assert rungs
    assert all(rung.width <= max(2, width) and rung.height <= max(2, height) for rung in rungs)
    assert all(rung.width % 2 == 0 and rung.height % 2 == 0 for rung in rungs)
    assert len({rung.name for rung in rungs}) == len(rungs)


@pytest.mark.parametrize(("rate", "shown"), [(25, 25), (50, 25), (60, 30), (120, 30), (24, 24)])
def test_a_fast_source_is_shown_at_a_fraction_of_its_rate(news: Ladder, rate: int, shown: int) -> None:
    assert climb(news, replace(VIDEO, frame_rate=Fraction(rate)))[0].frame_rate == shown


@pytest.mark.parametrize(
    ("line", "wrong", "told"),
    [
        ("1080\ncrf = 24", "1080\ncrf = 99", "rungs.0.crf"),
        ("1080\ncrf = 24", '1080\ncrf = "good"', "rungs.0.crf"),
        ("height = 1080", "height = 721", "multiple of 2"),
        ("height = 1080", "height = 720", "a height of its own"),
        ("gop_s = 2.0", "gop_s = 3.0", "multiple of gop_s"),
        ('preset = "veryfast"', 'preset = "warp"', "preset"),
        ("tile_width = 160", "tile_widht = 160", "tile_widht"),
        ("copy_max_bitrate_bps = 20_000_000", "copy_max_bitrate_bps = -1", "start.copy_max_bitrate_bps"),
        ("copy_max_bitrate_bps = 20_000_000", 'copy_max_bitrate_bps = "all"', "start.copy_max_bitrate_bps"),
        ("smallest_first = false", 'smallest_first = "soon"', "start.smallest_first"),
        ("smallest_first = false", "smallest_frist = true", "start.smallest_frist"),
        ("loudness_lufs = -16.0", "loudness_lufs = 16.0", "audio.loudness_lufs"),
        ("loudness_lufs = -16.0", "loudness_lufs = nan", "audio.loudness_lufs"),
        ('languages = ["vie"]', 'languages = ["vie\\nDEFAULT=NO"]', "audio.languages.0"),
        ("bitrates_bps = [64_000, 128_000]", "bitrates_bps = []", "sound_only.bitrates_bps"),
        ("bitrates_bps = [64_000, 128_000]", "bitrates_bps = [64_000, 64_000]", "once"),
        ("bitrates_bps = [64_000, 128_000]", "bitrates_bps = [64_001]", "multiple of 1000"),
        ("segment_s = 2.0", "segment_s = inf", "segment_s"),
        ("gop_s = 2.0", "gop_s = nan", "gop_s"),
        ("widths = [320, 640, 1280]", "widths = [320, 100_000]", "poster.widths.1"),
        ("height = 1080", 'height = 1080\ncodec = "vp9"', "rungs.0.codec"),
        ("[audio]", "[audio", "not TOML"),
    ],
)
def test_a_wrong_ladder_is_refused_with_file_key_and_expected_value(line: str, wrong: str, told: str) -> None:
    assert line in TEXT
    with pytest.raises(ConfigurationError, match=r"^my\.toml: ") as refused:
        read_ladder(TEXT.replace(line, wrong, 1), "my.toml")
    assert told in str(refused.value)


def test_the_revision_changes_with_any_value(news: Ladder) -> None:
    assert read_ladder(TEXT.replace("crf = 24", "crf = 25"), "x").revision != news.revision
    assert read_ladder(TEXT + "\n# a comment\n", "x").revision == news.revision


def test_an_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(FileNotFoundError, match="news"):
        config.ladders.find("nosuch")
