"""Reading ffprobe's answer."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import SourceRejected
from tasks.media.source import Recording
from tasks.media.source_reading import SourceLimits, read_recording

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
    return read_recording(probe(**video), LIMITS).video


def test_the_plain_case_is_read_as_it_stands() -> None:
    source = read_recording(probe(), LIMITS)
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


def test_dv_is_interlaced_unless_it_says_otherwise() -> None:
    silent = video_of(codec_name="dvvideo", height=576, width=720)
    assert (silent.scan, silent.scan_is_told) == ("interlaced_bff", False)
    assert video_of(codec_name="dvvideo", field_order="progressive").scan == "progressive"


@pytest.mark.parametrize(
    ("average", "nominal", "rate", "sure"),
    [
        ("25/1", "25/1", Fraction(25), True),
        ("25/2", "25/1", Fraction(25, 2), False),
        ("0/0", "0/0", Fraction(25), False),
    ],
)
def test_the_frame_rate_is_sure_where_the_container_agrees_with_itself(
    average: str, nominal: str, rate: Fraction, sure: bool
) -> None:
    video = video_of(avg_frame_rate=average, r_frame_rate=nominal)
    assert (video.frame_rate, video.rate_is_sure) == (rate, sure)


def test_what_the_container_crops_does_not_count() -> None:
    # A clean aperture as QuickTime writes it of DV: 703 of 720 columns are 4:3.
    crop = {"side_data_type": "Frame Cropping", "crop_top": 0, "crop_bottom": 0, "crop_left": 8, "crop_right": 9}
    video = video_of(width=720, height=576, sample_aspect_ratio="59:54", side_data_list=[crop])
    assert (video.width, video.height, video.coded_width) == (768, 576, 720)
    absurd = crop | {"crop_left": 9999}
    assert video_of(side_data_list=[absurd]).width == 1920


def test_blanking_lines_are_cut_off_imx_only() -> None:
    imx = video_of(codec_name="mpeg2video", width=720, height=608, sample_aspect_ratio="152:135")
    assert (imx.width, imx.height, imx.blanking_lines) == (768, 576, 32)
    assert video_of(width=720, height=608).blanking_lines == 0


def picture(index: int, **stream: Any) -> dict[str, Any]:
    return {"index": index, "codec_type": "video", "codec_name": "h264", "width": 640, "height": 360} | stream


@pytest.mark.parametrize(
    ("streams", "chosen"),
    [
        ([picture(0), picture(1, width=1280, height=720)], 1),
        ([picture(0), picture(1)], 0),
        ([picture(0, disposition={"default": 1}), picture(1, width=1280, height=720)], 0),
        ([picture(0, width=3000, height=3000, disposition={"attached_pic": 1, "default": 1}), picture(1)], 1),
        ([picture(0, width=3000, height=3000, disposition={"timed_thumbnails": 1}), picture(1)], 1),
        ([picture(0, width=0), picture(1)], 1),
    ],
)
def test_of_several_pictures_the_default_or_largest_real_one_is_taken(
    streams: list[dict[str, Any]], chosen: int
) -> None:
    video = read_recording({"format": {"format_name": "mpegts"}, "streams": streams}, LIMITS).video
    assert video.index == chosen


def test_the_streams_of_the_pictures_programme_are_its_companions() -> None:
    programmes = [{"streams": [{"index": 0}, {"index": 2}]}, {"streams": [{"index": 1}, {"index": 3}]}]
    streams = [picture(0), picture(1, width=1280, height=720)]
    answer = {"format": {"format_name": "mpegts"}, "streams": streams, "programs": programmes}
    assert read_recording(answer, LIMITS).video.companions == {1, 3}
    assert read_recording(probe(), LIMITS).video.companions == frozenset()


@pytest.mark.parametrize(
    ("tag", "duration_s"),
    [
        ("00:01:04.500000000", 64.5),
        ("01:00:00.000000000", 3600),
        ("", None),
        ("4.5", None),
        ("a:b:c", None),
        ("nan:0:0", None),
        ("9" * 400 + ":0:0", None),
        ("0:0:-1", None),
    ],
)
def test_a_matroska_tracks_length_is_read_from_its_tag(tag: str, duration_s: float | None) -> None:
    assert video_of(tags={"DURATION": tag}, duration=None).duration_s == duration_s


def test_a_cover_picture_is_not_the_video() -> None:
    answer = probe(disposition={"attached_pic": 1})
    with pytest.raises(SourceRejected) as rejected:
        read_recording(answer, LIMITS)
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
        read_recording(answer, LIMITS)
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
    audio = read_recording(answer, LIMITS).audio
    assert [(track.index, track.language) for track in audio] == [(3, "vie")]


FIELDS = st.sampled_from(
    "streams format index codec_type codec_name width height duration format_name avg_frame_rate "
    "sample_aspect_ratio side_data_list rotation tags disposition attached_pic channels "
    "programs pix_fmt max_content crop_top".split()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=20,
)


@given(st.dictionaries(FIELDS, JSON, max_size=4))
def test_any_answer_is_read_or_refused_by_name(answer: dict[str, object]) -> None:
    with contextlib.suppress(SourceRejected):
        assert isinstance(read_recording(answer, LIMITS), Recording)
