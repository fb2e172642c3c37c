"""Reading ffprobe's answer."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import SourceRejected
from tasks.media.source import Source, SourceLimits, read_source

LIMITS = SourceLimits(duration_s=3600, pixels=1920 * 1088, streams=8)


def probe(*, duration: str = "10.0", **video: Any) -> dict[str, object]:
    stream = {
        "index": 0,
        "codec_type": "video",
        "codec_name": "h264",
        "width": 1920,
        "height": 1080,
        "avg_frame_rate": "25/1",
        "pix_fmt": "yuv420p",
    }
    return {"format": {"format_name": "mov,mp4", "duration": duration}, "streams": [stream | video]}


def video_of(**video: Any) -> Any:
    return read_source(probe(**video), LIMITS).video


def test_the_plain_case_is_read_as_it_stands() -> None:
    source = read_source(probe(), LIMITS)
    assert (source.container, source.duration_s) == ("mov", 10.0)
    assert (source.video.width, source.video.height, source.video.frame_rate) == (1920, 1080, 25)
    assert not source.video.is_interlaced
    assert source.audio == ()


@pytest.mark.parametrize(
    ("stream", "shown"),
    [
        ({"width": 1440, "height": 1080, "sample_aspect_ratio": "4:3"}, (1920, 1080)),
        ({"width": 720, "height": 576, "sample_aspect_ratio": "16:15"}, (768, 576)),
        ({"width": 160, "height": 240, "sample_aspect_ratio": "1:2"}, (160, 480)),
        ({"sample_aspect_ratio": "0:1"}, (1920, 1080)),
        ({"sample_aspect_ratio": "1000:1"}, (1920, 1080)),
        ({"side_data_list": [{"rotation": -90}]}, (1080, 1920)),
        ({"side_data_list": [{"rotation": 180}]}, (1920, 1080)),
        ({"side_data_list": [{"rotation": -9223372036854775808}]}, (1920, 1080)),
    ],
)
def test_the_shown_size_is_upright_with_square_pixels(stream: dict[str, Any], shown: tuple[int, int]) -> None:
    video = video_of(**stream)
    assert (video.width, video.height) == shown


@pytest.mark.parametrize(
    ("average", "nominal", "rate"),
    [
        ("25/1", "25/1", Fraction(25)),
        ("30000/1001", "30000/1001", Fraction(30000, 1001)),
        ("12600/1703", "600/1", Fraction(12600, 1703).limit_denominator(1001)),
        ("0/0", "50/1", Fraction(50)),
        ("0/0", "0/0", Fraction(25)),
        ("90000/1", "25/1", Fraction(25)),
        ("547500/19019", "30000/1001", Fraction(547500, 19019).limit_denominator(1001)),
        ("2490/100", "25/1", Fraction(25)),
    ],
)
def test_the_frame_rate_is_the_average_or_the_standard_rate_beside_it(
    average: str, nominal: str, rate: Fraction
) -> None:
    assert video_of(avg_frame_rate=average, r_frame_rate=nominal).frame_rate == rate


@pytest.mark.parametrize(
    ("order", "scan"),
    [
        ("tt", "interlaced_tff"),
        ("tb", "interlaced_tff"),
        ("bb", "interlaced_bff"),
        ("bt", "interlaced_bff"),
        ("progressive", "progressive"),
        ("unknown", "progressive"),
    ],
)
def test_the_field_order_decides_the_scan(order: str, scan: str) -> None:
    assert video_of(field_order=order).scan == scan


def test_a_cover_picture_is_not_the_video() -> None:
    answer = probe(disposition={"attached_pic": 1})
    with pytest.raises(SourceRejected) as rejected:
        read_source(answer, LIMITS)
    assert rejected.value.code == "no_video"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({}, "not_media"),
        ({"streams": [], "format": {"format_name": "mov"}}, "not_media"),
        (probe(codec_type="audio"), "no_video"),
        (probe(width=16384, height=8640), "too_large_picture"),
        (probe(duration="200000"), "too_long"),
        ({"format": {"format_name": "mov"}, "streams": [{}] * 9}, "too_many_streams"),
    ],
)
def test_what_is_refused_is_named(answer: dict[str, object], code: str) -> None:
    with pytest.raises(SourceRejected) as rejected:
        read_source(answer, LIMITS)
    assert rejected.value.code == code


def test_tracks_without_a_codec_or_channels_are_no_sound() -> None:
    answer = probe()
    streams: Any = answer["streams"]
    streams.append({"index": 1, "codec_type": "audio", "codec_name": "aac", "channels": 0})
    streams.append({"index": 2, "codec_type": "audio", "channels": 2})
    streams.append(
        {
            "index": 3,
            "codec_type": "audio",
            "codec_name": "aac",
            "channels": 2,
            "sample_rate": "48000",
            "tags": {"language": "vie"},
        }
    )
    audio = read_source(answer, LIMITS).audio
    assert [(track.index, track.language) for track in audio] == [(3, "vie")]


FIELDS = st.sampled_from(
    "streams format index codec_type codec_name width height duration format_name avg_frame_rate "
    "sample_aspect_ratio side_data_list rotation tags disposition attached_pic channels".split()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=20,
)


@given(st.dictionaries(FIELDS, JSON, max_size=4))
def test_any_answer_is_read_or_refused_by_name(answer: dict[str, object]) -> None:
    with contextlib.suppress(SourceRejected):
        assert isinstance(read_source(answer, LIMITS), Source)
