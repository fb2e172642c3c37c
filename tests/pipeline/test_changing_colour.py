"""Colours whose matrix or range changes in mid-stream, as where recordings were joined: every part comes out right."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import clips
from tests.pipeline.published import H264, Published

RED = (0xC0, 0x30, 0x20)
MPEG2 = ("-c:v", "mpeg2video", "-pix_fmt", "yuv420p", "-q:v", "2")
# Matrix as it is tagged and as `scale` calls it, and range.
HD = ("bt709", "bt709", "tv")
SD = ("smpte170m", "bt601", "tv")
FULL = ("bt709", "bt709", "pc")
FULL_SD = ("smpte170m", "bt601", "pc")


def part(path: Path, colours: tuple[str, str, str], codec: tuple[str, ...], *, at_s: int = 0) -> bytes:
    """Two seconds of red in such colours."""
    tag, matrix, full = colours
    red = "0x{:02x}{:02x}{:02x}".format(*RED)
    filters = f"scale=out_color_matrix={matrix}:out_range={full},format=yuv420p,noise=alls=4:allf=t"
    filters += f",setparams=colorspace={tag}:range={full}:color_primaries=bt709:color_trc=bt709"
    picture = ("-f", "lavfi", "-i", f"color={red}:size=320x180:rate=25:duration=2", "-vf", filters)
    return clips.make(path, *picture, *codec, "-g", "25", "-output_ts_offset", str(at_s)).read_bytes()


def test_what_was_seen_before_colours_change_is_told_too(publish: Callable[[Path], Published], tmp_path: Path) -> None:
    source = tmp_path / "joined.ts"
    for number, (picture, matrix) in enumerate((("color=black:", "bt709"), ("testsrc2=", "smpte170m"))):
        tagged = f"setparams=colorspace={matrix}:range=tv:color_primaries=bt709:color_trc=bt709,format=yuv420p"
        clips.make(
            tmp_path / f"{number}.ts",
            *("-f", "lavfi", "-i", f"{picture}size=320x180:rate=25:duration=4", "-vf", tagged),
            *(*H264, "-g", "25", "-output_ts_offset", str(4 * number)),
        )
        source.write_bytes((source.read_bytes() if number else b"") + (tmp_path / f"{number}.ts").read_bytes())
    assert "black_stretch" in publish(source).codes()


def test_what_was_seen_before_the_size_of_interlaced_pictures_changes_is_told_too(
    publish: Callable[[Path], Published], tmp_path: Path
) -> None:
    source = tmp_path / "joined.ts"
    fields = ("-vf", "tinterlace=mode=interleave_top,fieldorder=tff,format=yuv420p", *MPEG2, "-flags", "+ildct+ilme")
    for number, picture in enumerate(("color=black:size=640x576", "testsrc2=size=720x576")):
        length = ("-f", "lavfi", "-i", f"{picture}:rate=50:duration=4", "-output_ts_offset", str(4 * number))
        made = clips.make(tmp_path / f"{number}.ts", *length, *fields)
        source.write_bytes((source.read_bytes() if number else b"") + made.read_bytes())
    made_of_both = publish(source)
    assert made_of_both.record.source.video is not None
    assert made_of_both.record.source.video.scan == "interlaced_tff"
    assert "black_stretch" in made_of_both.codes()


def shown(path: Path) -> list[tuple[float, ...]]:
    """Of each picture, its colour as a player of BT.709 shows it."""
    command = [
        str(clips.FFMPEG),
        "-nostdin",
        "-v",
        "error",
        "-i",
        str(path),
        "-map",
        "0:v",
        "-vf",
        "scale=1:1:flags=area",
    ]
    command += ["-pix_fmt", "yuv444p", "-f", "rawvideo", "-"]
    raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    made = []
    for place in range(0, len(raw), 3):
        luma, blue, red = (raw[place] - 16) / 219, (raw[place + 1] - 128) / 224, (raw[place + 2] - 128) / 224
        r, b = luma + 1.5748 * red, luma + 1.8556 * blue
        made.append((255 * r, 255 * (luma - 0.2126 * r - 0.0722 * b) / 0.7152, 255 * b))
    return made


@pytest.mark.parametrize(
    ("first", "second", "codec"),
    [
        pytest.param(HD, SD, H264, id="HD then SD"),
        pytest.param(SD, HD, H264, id="SD then HD"),
        pytest.param(HD, FULL, H264, id="limited then full"),
        pytest.param(FULL, HD, H264, id="full then limited"),
        pytest.param(HD, SD, MPEG2, id="MPEG-2"),
        pytest.param(FULL_SD, SD, H264, id="full SD then SD"),
        pytest.param(HD, HD, H264, id="no change"),
    ],
)
def test_colours_that_change_come_out_as_they_were_taken(
    publish: Callable[[Path], Published],
    tmp_path: Path,
    first: tuple[str, str, str],
    second: tuple[str, str, str],
    codec: tuple[str, ...],
) -> None:
    source = tmp_path / "joined.ts"
    source.write_bytes(part(tmp_path / "1.ts", first, codec) + part(tmp_path / "2.ts", second, codec, at_s=2))
    pictures = shown(publish(source).mp4)
    assert len(pictures) == pytest.approx(100, abs=2)
    assert pictures[20] == pytest.approx(RED, abs=6)
    assert pictures[80] == pytest.approx(RED, abs=6)
