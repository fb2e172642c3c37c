"""What newsrooms have in: each codec in the container it comes in goes the whole way, upright, in time, with its sound.

The picture is black but for its upper left quarter; the sound is a tone. Both last a second.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tasks.pipeline.services import Services
from tasks.records.clip_record import ClipRecord
from tests import clips
from tests.pipeline.published import Put, publish

SIZE = (320, 180)
MARK = "drawbox=w=iw/2:h=ih/2:color=white:t=fill"
BT709 = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
QUARTERS = ("upper left", "upper right", "lower left", "lower right")
PCM = ("-c:a", "pcm_s16le")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
# White all over, and transparent but for its upper left quarter.
SHOWN: Final = "lt(X\\,W/2)*lt(Y\\,H/2)"
CLEAR: Final = ("-vf", f"format=yuva420p,geq=lum=235:cb=128:cr=128:a=255*{SHOWN}", "-pix_fmt", "yuva420p")
FORMATS: Final = {
    "dnxhr.mov": (("-c:v", "dnxhd", "-profile:v", "dnxhr_lb", "-pix_fmt", "yuv422p", *PCM), "dnxhd"),
    "dnxhr.mxf": (("-c:v", "dnxhd", "-profile:v", "dnxhr_lb", "-pix_fmt", "yuv422p", *PCM), "dnxhd"),
    "jpeg2000.mxf": (("-c:v", "jpeg2000", "-pix_fmt", "yuv422p10le", *PCM), "jpeg2000"),
    "prores.mov": (("-c:v", "prores_ks", "-timecode", "10:00:00:00", *PCM), "prores"),
    "motion.avi": (("-c:v", "mjpeg", "-pix_fmt", "yuvj422p", *PCM), "mjpeg"),
    "old.wmv": (("-c:v", "wmv2", "-c:a", "wmav2"), "wmv2"),
    "web.flv": (("-c:v", "flv", "-c:a", "libmp3lame", "-ar", "44100"), "flv1"),
    "tape.mpg": (("-c:v", "mpeg2video", "-c:a", "mp2"), "mpeg2video"),
    "archive.rm": (("-c:v", "rv20", "-c:a", "ac3"), "rv20"),
    "palette.avi": (("-c:v", "msrle", "-pix_fmt", "pal8", *PCM), "msrle"),
    # Alpha is laid over black.
    "alpha.mov": (("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le", *PCM), "prores"),
    "animation.mov": (("-c:v", "qtrle", "-pix_fmt", "argb", *PCM), "qtrle"),
    "alpha.webm": (("-c:v", "libvpx-vp9", "-deadline", "realtime", "-pix_fmt", "yuva420p", "-c:a", "libopus"), "vp9"),
    "clear 8.webm": ((*CLEAR, "-c:v", "libvpx", "-auto-alt-ref", "0", "-c:a", "libopus"), "vp8"),
    "clear 9.webm": ((*CLEAR, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libopus"), "vp9"),
    "deep.mp4": (("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p10le", "-c:a", "aac"), "h264"),
}


def picture(size: str = "320x180", *, seconds: float = 1, mark: str = MARK) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"color=black:size={size}:rate=25:duration={seconds},{mark},{BT709}")


def tone(hertz: int = 440, *, seconds: float = 1) -> tuple[str, ...]:
    graph = f"sine=frequency={hertz}:sample_rate=48000:duration={seconds},aformat=channel_layouts=stereo"
    return ("-f", "lavfi", "-i", graph)


def decoded(services: Services, record: ClipRecord, folder: Path, *arguments: str, url: str = "") -> bytes:
    """What ffmpeg makes of a published file, by default of the progressive one."""
    key = f"clips/{record.name}/{url or record.mp4[0].url}"
    path = folder / "published"
    path.write_bytes(services.store.get(services.settings.media_bucket, key).body)
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", "-i", str(path), *arguments, "-"]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def bright(services: Services, record: ClipRecord, folder: Path, url: str = "") -> set[str]:
    """The quarters of a published picture, by default the clip's first, that are white; the others are black."""
    small = ("-frames:v", "1", "-vf", "scale=2:2:flags=area", "-pix_fmt", "gray", "-f", "rawvideo")
    values = decoded(services, record, folder, *small, url=url)
    assert len(values) == 4
    assert all(value > 210 or value < 40 for value in values), list(values)
    return {quarter for quarter, value in zip(QUARTERS, values, strict=True) if value > 128}


def is_heard(services: Services, record: ClipRecord, folder: Path) -> bool:
    raw = decoded(services, record, folder, "-map", "0:a", "-ac", "1", "-f", "s8")
    assert len(raw) > 40_000
    return max(each if each < 128 else 256 - each for each in raw) > 10


@pytest.mark.parametrize("file", FORMATS)
def test_a_format_of_newsrooms_is_published_as_it_was(services: Services, put: Put, tmp_path: Path, file: str) -> None:
    coded, codec = FORMATS[file]
    record = publish(services, put, clips.make(tmp_path / file, *picture(), *tone(), *coded), file)
    assert record.source.video is not None
    assert (record.source.video.codec, record.source.video.frame_rate) == (codec, 25)
    assert record.source.duration_s == pytest.approx(1, abs=0.1)
    assert [(each.width, each.height) for each in record.renditions] == [SIZE]
    assert bright(services, record, tmp_path) == {"upper left"}
    assert is_heard(services, record, tmp_path)
    assert {each.code for each in record.warnings} <= {"name_unconventional", "loudness_missed"}
    assert record.poster is not None
    assert record.storyboard is not None


@pytest.mark.parametrize(
    ("file", "coded", "timecode"),
    [
        ("a.mov", (*X264, "-timecode", "10:00:00:00"), "10:00:00:00"),
        ("a.mp4", (*X264, "-r", "30000/1001", "-timecode", "10:00:00;02"), "10:00:00;02"),
        ("a.mxf", ("-c:v", "mpeg2video", "-timecode", "23:59:59:24", *PCM), "23:59:59:24"),
        ("a.mkv", (*X264, "-timecode", "01:02:03:04"), "01:02:03:04"),
        ("a.mp4", X264, None),
    ],
)
def test_the_time_code_of_the_first_frame_is_told(
    services: Services, put: Put, tmp_path: Path, file: str, coded: tuple[str, ...], timecode: str | None
) -> None:
    record = publish(services, put, clips.make(tmp_path / file, *picture(), *tone(), *coded), "a")
    assert record.source.timecode == timecode


def test_dv_of_a_tape_is_published_with_its_fields_parted(services: Services, put: Put, tmp_path: Path) -> None:
    made = clips.make(tmp_path / "a.avi", *picture("720x576"), *tone(), "-c:v", "dvvideo", "-pix_fmt", "yuv420p", *PCM)
    record = publish(services, put, made, "dv")
    assert record.source.video is not None
    assert record.source.video.codec == "dvvideo"
    assert bright(services, record, tmp_path) == {"upper left"}
    assert is_heard(services, record, tmp_path)


@pytest.mark.parametrize(
    ("turned", "shown", "quarter"),
    [
        (("-display_rotation", "90"), (180, 320), "lower left"),
        (("-display_rotation", "180"), (320, 180), "lower right"),
        (("-display_rotation", "270"), (180, 320), "upper right"),
        (("-display_hflip",), (320, 180), "upper right"),
    ],
)
def test_a_picture_that_is_to_be_turned_or_mirrored_comes_out_upright_in_all_that_is_made(
    services: Services, put: Put, tmp_path: Path, turned: tuple[str, ...], shown: tuple[int, int], quarter: str
) -> None:
    plain = clips.make(tmp_path / "plain.mp4", *picture(), *X264)
    source = clips.make(tmp_path / "turned.mp4", *turned, "-i", str(plain), "-c", "copy")
    record = publish(services, put, source, "turned" + "".join(turned).replace("-", " "))
    assert [(each.width, each.height) for each in record.renditions] == [shown]
    assert record.poster is not None
    assert (record.poster.width, record.poster.height) == shown
    assert bright(services, record, tmp_path) == {quarter}
    assert bright(services, record, tmp_path, record.poster.url) == {quarter}


def test_of_several_programmes_the_largest_picture_is_shown_with_its_own_sound(
    services: Services, put: Put, tmp_path: Path
) -> None:
    every = ("-map", "0", "-map", "1", "-map", "2", "-map", "3")
    programmes = ("-program", "title=radio:st=0:st=1", "-program", "title=news:st=2:st=3")
    source = clips.make(
        tmp_path / "a.ts",
        *(*picture("160x90", mark="null"), *tone(880)),
        *(*picture(), *tone(), *every, *X264, "-c:a", "mp2", *programmes),
    )
    record = publish(services, put, source, "programmes")
    assert [(each.width, each.height) for each in record.renditions] == [SIZE]
    assert bright(services, record, tmp_path) == {"upper left"}
    assert [each.tracks for each in record.sound] == [(2,)]
    assert is_heard(services, record, tmp_path)


def test_hlg_is_told_and_toned_down(services: Services, put: Put, tmp_path: Path) -> None:
    graph = (
        "color=c=0x808080:size=320x180:rate=25:duration=1,format=gbrp,zscale=matrixin=gbr:primariesin=bt709"
        ":transferin=bt709:transfer=arib-std-b67:matrix=bt2020nc:primaries=bt2020:range=limited:npl=203"
    )
    codec = ("-vf", "format=yuv420p10le", "-c:v", "libx265", "-x265-params", "log-level=none:qp=4")
    record = publish(services, put, clips.make(tmp_path / "a.mp4", "-f", "lavfi", "-i", graph, *codec), "hlg")
    assert record.source.video is not None
    assert record.source.video.dynamic_range == "hlg"
    values = decoded(services, record, tmp_path, "-frames:v", "1", "-pix_fmt", "gray", "-f", "rawvideo")
    # Untouched, HLG would show this grey at 114 instead of its 16 + 219 × 0.5.
    assert sum(values) / len(values) == pytest.approx(126, abs=6)


def test_what_an_edit_list_cuts_off_is_neither_shown_nor_heard(services: Services, put: Put, tmp_path: Path) -> None:
    # White for a second and a half, then the mark; the cut falls between two key frames, where only an edit list can.
    late = "drawbox=color=white:t=fill:enable='lt(t,1.5)',drawbox=w=iw/2:h=ih/2:color=white:t=fill"
    loud = "aevalsrc='0.3*sin(2000*t)*lt(t,1.5)|0.3*sin(2000*t)*lt(t,1.5)':sample_rate=48000:duration=3"
    whole = clips.make(
        tmp_path / "whole.mp4",
        *picture(seconds=3, mark=late),
        "-f",
        "lavfi",
        "-i",
        loud,
        *X264,
        "-g",
        "50",
        "-c:a",
        "aac",
    )
    cut = clips.make(tmp_path / "cut.mp4", "-ss", "1.8", "-i", str(whole), "-c", "copy")
    record = publish(services, put, cut, "cut")
    assert record.source.duration_s == pytest.approx(1.2, abs=0.05)
    assert bright(services, record, tmp_path) == {"upper left"}
    assert not is_heard(services, record, tmp_path)


def test_odd_numbers_of_pixels_are_published(services: Services, put: Put, tmp_path: Path) -> None:
    made = clips.make(tmp_path / "a.mkv", *picture("321x181"), "-c:v", "ffv1", "-pix_fmt", "yuv444p")
    record = publish(services, put, made, "odd")
    assert [(each.width, each.height) for each in record.renditions] == [(320, 180)]
    assert bright(services, record, tmp_path) == {"upper left"}
