"""Ladders with several codecs: what is planned, and what each encoder is told."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

import config.ladders
from tasks.errors import ConfigurationError
from tasks.media.encode import plan_encode
from tasks.media.encoders import encoder_options
from tasks.media.ladder import Ladder, climb, read_ladder
from tests.media.test_encode import SMALL
from tests.media.test_ladder import TEXT, VIDEO

SHIPPED = sorted(path.stem for path in Path(config.ladders.__file__).parent.glob("*.toml"))


def shipped(name: str) -> Ladder:
    return read_ladder(config.ladders.find(name).read_text(encoding="utf-8"), f"{name}.toml")


def test_three_ladders_ship() -> None:
    assert {"archive", "news", "news-fast"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_ladder_can_be_read_and_makes_a_progressive_file_of_h264(name: str) -> None:
    for width, height in [(3840, 2160), (1920, 1080), (640, 360), (100, 80)]:
        plan = plan_encode(
            replace(SMALL, video=replace(VIDEO, width=width, height=height)), shipped(name), max_pixels=10**9
        )
        assert plan.mp4_rung.codec == "h264"


def test_news_fast_has_few_rungs_and_short_segments() -> None:
    fast, news = shipped("news-fast"), shipped("news")
    assert [rung.name for rung in climb(fast, VIDEO)] == ["720p", "360p"]
    assert fast.segment_s < news.segment_s


def test_an_archived_clip_has_rungs_of_every_codec_and_its_full_frame_rate() -> None:
    rungs = climb(shipped("archive"), replace(VIDEO, frame_rate=Fraction(50)))
    assert [rung.name for rung in rungs] == [
        "1080p",
        "1080p-hevc",
        "1080p-av1",
        "720p",
        "720p-av1",
        "540p",
        "360p",
    ]
    assert {rung.frame_rate for rung in rungs} == {Fraction(50)}


def test_a_small_source_gets_one_rung_of_its_own_size_in_each_codec() -> None:
    rungs = climb(shipped("archive"), replace(VIDEO, width=320, height=240))
    assert [rung.name for rung in rungs] == ["240p", "240p-hevc", "240p-av1"]


@pytest.mark.parametrize(
    ("line", "wrong", "told"),
    [
        ("height = 1080\n", 'height = 1080\ncodec = "vp9"\n', "rungs.0.codec"),
        ("1080\ncrf = 24", "1080\ncrf = 45", "crf must be at most 40 for h264"),
        ("[[rungs]]\nheight = 1080", '[[rungs]]\nheight = 720\ncodec = "h264"', "a height of its own"),
        ("widths = [320, 640, 1280]", "widths = []", "poster.widths"),
        ("widths = [320, 640, 1280]", "widths = [321]", "multiple of 2"),
    ],
)
def test_a_wrong_codec_or_size_is_refused_with_file_key_and_expected_value(line: str, wrong: str, told: str) -> None:
    assert line in TEXT
    with pytest.raises(ConfigurationError, match=r"^my\.toml: ") as refused:
        read_ladder(TEXT.replace(line, wrong, 1), "my.toml")
    assert told in str(refused.value)


def test_a_ladder_without_h264_is_refused() -> None:
    with pytest.raises(ConfigurationError, match='at least one must have codec = "h264"'):
        read_ladder(TEXT.replace("[[rungs]]\n", '[[rungs]]\ncodec = "hevc"\n'), "my.toml")


def test_each_encoder_is_told_the_same_key_frames_in_its_own_words() -> None:
    rungs = climb(shipped("archive"), replace(VIDEO, width=320, height=240))
    options = encoder_options(rungs, preset="medium", gop=50)
    assert options == {
        "pix_fmt": "yuv420p",
        "g": 50,
        "keyint_min": 50,
        "flags:v": "+cgop",
        "fps_mode": "cfr",
        "c:v:0": "libx264",
        "preset:v:0": "medium",
        "profile:v:0": "high",
        "sc_threshold:v:0": 0,
        "a53cc:v:0": 0,
        "crf:v:0": "22",
        "maxrate:v:0": 1_200_000,
        "bufsize:v:0": 2_400_000,
        "c:v:1": "libx265",
        "preset:v:1": "medium",
        "profile:v:1": "main",
        "tag:v:1": "hvc1",
        "x265-params:v:1": "scenecut=0:open-gop=0:log-level=error",
        "crf:v:1": "22",
        "maxrate:v:1": 6_000_000,
        "bufsize:v:1": 12_000_000,
        "c:v:2": "libsvtav1",
        "preset:v:2": 6,
        "svtav1-params:v:2": "scd=0",
        "crf:v:2": "33",
        "maxrate:v:2": 2_800_000,
        "bufsize:v:2": 5_600_000,
    }
