"""Colours, judged on decoded pixels: whatever patch goes in comes out as BT.709."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import ffmpeg
import pytest

from tasks.media.colour import Colour, as_jpeg, colour_notice, read_colour, scaled
from tests import clips
from tests.media.test_picture import probed

RED = (0xC0, 0x30, 0x30)
GREEN = (0x30, 0xC0, 0x50)
WHITE = (255, 255, 255)
GREY = (0x80, 0x80, 0x80)
HD, SD = "1280x720", "320x240"
BT709 = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709"
FROM_RGB = "zscale=matrixin=gbr:primariesin=bt709:transferin=bt709"
TO_2020 = "matrix=bt2020nc:primaries=bt2020:range=limited:npl=203"
H264 = ("-c:v", "libx264", "-qp", "1")
HEVC = ("-c:v", "libx265", "-x265-params", "log-level=none:qp=4")
FFV1 = ("-c:v", "ffv1")

# What one patch of RGB is turned into: size, filters, codec.
SOURCES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "bt709.mkv": (HD, f"scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,{BT709}:range=tv", H264),
    "untagged_hd.mp4": (HD, "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p", H264),
    "bt601.mkv": (
        SD,
        "scale=out_color_matrix=bt601:out_range=tv,format=yuv420p,setparams=colorspace=smpte170m:range=tv",
        H264,
    ),
    "untagged_sd.mkv": (SD, "scale=out_color_matrix=bt601:out_range=tv,format=yuv420p", FFV1),
    "full.mkv": (HD, f"scale=out_color_matrix=bt709:out_range=pc,format=yuv420p,{BT709}:range=pc", H264),
    "full_sd.mov": (SD, "scale=out_color_matrix=bt601:out_range=pc,format=yuvj422p", ("-c:v", "mjpeg", "-q:v", "1")),
    "rgb.mkv": (HD, "format=gbrp", ("-c:v", "libx264rgb", "-qp", "0")),
    # The bundled ffprobe doesn't tell its format.
    "png.mov": (HD, "format=rgba", ("-c:v", "png")),
    "prores422.mov": (
        HD,
        f"scale=out_color_matrix=bt709:out_range=tv,format=yuv422p10le,{BT709}:range=tv",
        ("-c:v", "prores_ks"),
    ),
    "yuv444.mkv": (HD, f"scale=out_color_matrix=bt709:out_range=tv,format=yuv444p,{BT709}:range=tv", H264),
    "bt2020.mkv": (HD, f"{FROM_RGB}:transfer=bt709:{TO_2020},format=yuv420p10le", HEVC),
}
HDR: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "pq.mkv": (HD, f"{FROM_RGB}:transfer=smpte2084:{TO_2020},format=yuv420p10le", HEVC),
    "hlg.mkv": (HD, f"{FROM_RGB}:transfer=arib-std-b67:{TO_2020},format=yuv420p10le", HEVC),
}


def patch(path: Path, rgb: tuple[int, int, int], source: tuple[str, str, tuple[str, ...]]) -> Path:
    size, filters, codec = source
    colour = "0x{:02x}{:02x}{:02x}".format(*rgb)
    picture = f"color=c={colour}:size={size}:rate=25:duration=0.2,format=gbrp,{filters}"
    return clips.make(path, "-f", "lavfi", "-i", picture, *codec)


def shown_rgb(path: Path) -> tuple[float, ...]:
    """The middle of the first frame, as a player of BT.709 shows it."""
    video = probed(path).video
    picture = scaled(ffmpeg.input(str(path))[str(video.index)], video.colour, 64, 64)
    y, u, v = middle(picture, "yuv420p")
    luma, blue, red = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    r, b = luma + 1.5748 * red, luma + 1.8556 * blue
    g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152
    return tuple(255 * channel for channel in (r, g, b))


def middle(picture: Any, pixel_format: str) -> tuple[int, int, int]:
    output = picture.output("-", **{"f": "rawvideo", "pix_fmt": pixel_format, "frames:v": 1})
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", *output.get_args()]
    raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    return raw[32 * 64 + 32], raw[64 * 64 + 16 * 32 + 16], raw[64 * 64 + 32 * 32 + 16 * 32 + 16]


@pytest.mark.parametrize("name", SOURCES)
def test_sdr_of_every_kind_keeps_its_colours(tmp_path: Path, name: str) -> None:
    for rgb in (RED, GREEN, WHITE):
        assert shown_rgb(patch(tmp_path / name, rgb, SOURCES[name])) == pytest.approx(rgb, abs=6), rgb


@pytest.mark.parametrize("coarse", ["yuv411p", "yuv410p"])
def test_colour_that_four_pixels_share_comes_in_every_even_size(tmp_path: Path, coarse: str) -> None:
    made = ("320x240", f"scale=out_color_matrix=bt601:out_range=tv,format={coarse}", FFV1)
    video = probed(patch(tmp_path / "a.mkv", RED, made)).video
    picture = scaled(ffmpeg.input(str(tmp_path / "a.mkv"))[str(video.index)], video.colour, 66, 62)
    output = picture.output("-", **{"f": "rawvideo", "pix_fmt": "yuv420p", "frames:v": 1})
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", *output.get_args()]
    raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    assert len(raw) == 66 * 62 * 3 // 2


@pytest.mark.parametrize("name", HDR)
def test_hdr_keeps_its_middle_tones_and_bends_its_white(tmp_path: Path, name: str) -> None:
    for rgb in (GREY, (0x90, 0x30, 0x30)):
        assert shown_rgb(patch(tmp_path / name, rgb, HDR[name])) == pytest.approx(rgb, abs=8), rgb
    # Reference white: bright, with room above it for highlights.
    assert shown_rgb(patch(tmp_path / name, WHITE, HDR[name])) == pytest.approx((217,) * 3, abs=8)


def test_highlights_stay_below_the_top(tmp_path: Path) -> None:
    bright = FROM_RGB + ":transfer=smpte2084:" + TO_2020.replace("npl=203", "npl=1000") + ",format=yuv420p10le"
    assert shown_rgb(patch(tmp_path / "sun.mkv", WHITE, (HD, bright, HEVC))) == pytest.approx(WHITE, abs=6)


@pytest.mark.parametrize(
    ("name", "filters", "codec"),
    [
        ("animation.mov", "format=rgba,colorchannelmixer=aa=0.5", ("-c:v", "qtrle")),
        (
            "prores4444.mov",
            "format=rgba,colorchannelmixer=aa=0.5,scale=out_color_matrix=bt709:out_range=tv,format=yuva444p10le,"
            f"{BT709}:range=tv",
            ("-c:v", "prores_ks", "-profile:v", "4444"),
        ),
    ],
)
def test_what_can_be_seen_through_lies_over_black(
    tmp_path: Path, name: str, filters: str, codec: tuple[str, ...]
) -> None:
    half = tuple(channel / 2 for channel in RED)
    assert shown_rgb(patch(tmp_path / name, RED, (HD, filters, codec))) == pytest.approx(half, abs=6)


def test_a_jpeg_is_in_the_colours_of_jpeg(tmp_path: Path) -> None:
    made = patch(tmp_path / "a.mkv", RED, SOURCES["bt709.mkv"])
    video = probed(made).video
    y, u, v = middle(as_jpeg(scaled(ffmpeg.input(str(made))["0"], video.colour, 64, 64)), "yuvj420p")
    r, g, b = y + 1.402 * (v - 128), y - 0.344136 * (u - 128) - 0.714136 * (v - 128), y + 1.772 * (u - 128)
    assert (r, g, b) == pytest.approx(RED, abs=5)


def test_what_comes_out_is_tagged(tmp_path: Path) -> None:
    made = patch(tmp_path / "pq.mkv", RED, HDR["pq.mkv"])
    picture = scaled(ffmpeg.input(str(made))["0"], probed(made).video.colour, 64, 64)
    out = tmp_path / "out.mp4"
    arguments = picture.output(str(out), **{"c:v": "libx264"}).get_args()
    subprocess.run([str(clips.FFMPEG), "-nostdin", "-v", "error", *arguments], check=True, timeout=60)
    command = [str(clips.FFPROBE), "-v", "error", "-of", "csv=p=0", "-show_entries"]
    entries = "stream=pix_fmt,color_range,color_space,color_transfer,color_primaries"
    told = subprocess.run([*command, entries, str(out)], capture_output=True, check=True, text=True, timeout=30).stdout
    assert told.strip() == "yuv420p,tv,bt709,bt709,bt709"


@pytest.mark.parametrize(
    ("stream", "size", "colour"),
    [
        ({}, (1920, 1080), Colour()),
        ({}, (720, 576), Colour(matrix="smpte170m")),
        ({"color_space": "bt470bg"}, (720, 576), Colour(matrix="smpte170m")),
        ({"color_space": "bt709", "color_range": "pc"}, (640, 360), Colour(full_range=True)),
        ({"pix_fmt": "yuvj420p", "color_range": "tv"}, (1280, 720), Colour(full_range=True)),
        ({"color_space": "reserved", "color_transfer": "gamma28"}, (1920, 1080), Colour()),
        (
            {"color_transfer": "smpte2084"},
            (3840, 2160),
            Colour(matrix="bt2020nc", primaries="bt2020", transfer="smpte2084"),
        ),
        (
            {
                "color_transfer": "arib-std-b67",
                "side_data_list": [{"max_luminance": "40000000/10000"}, {"max_content": 600}],
            },
            (3840, 2160),
            Colour(matrix="bt2020nc", primaries="bt2020", transfer="arib-std-b67", peak_nits=600),
        ),
        ({"pix_fmt": "gray10le"}, (320, 240), Colour()),
        ({"pix_fmt": "yuva444p12le"}, (1920, 1080), Colour(has_alpha=True)),
        ({"pix_fmt": "bgra"}, (1920, 1080), Colour(is_rgb=True, has_alpha=True)),
    ],
)
def test_tags_are_read_and_their_lack_is_filled_as_players_do(
    stream: dict[str, Any], size: tuple[int, int], colour: Colour
) -> None:
    assert read_colour(stream, width=size[0], height=size[1]) == colour


def test_a_dolby_vision_file_without_an_ordinary_picture_is_told_of() -> None:
    def codes(profile: int) -> list[str]:
        stream = {"side_data_list": [{"side_data_type": "DOVI configuration record", "dv_profile": profile}]}
        return [notice.code for notice in colour_notice(read_colour(stream, width=3840, height=2160))]

    assert codes(5) == ["dolby_vision_only"]
    assert codes(8) == []
