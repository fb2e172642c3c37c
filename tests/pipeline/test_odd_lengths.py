"""Sources that last otherwise than their containers tell: late clocks, dropped pictures, damaged ends."""

from __future__ import annotations

import re
import struct
from fractions import Fraction
from pathlib import Path

import pytest

from tasks.pipeline.services import Services
from tests import clips
from tests.pipeline.published import Published, Put, codes, messages, publish
from tests.pipeline.test_odd_sources import H264, PICTURE, SOUND


@pytest.mark.parametrize(
    ("ending", "coded", "rate"),
    [
        ("h264", ("-c:v", "libx264", "-bf", "3"), "25"),
        ("h264", ("-c:v", "libx264", "-bf", "0"), "25"),
        ("h264", ("-c:v", "libx264", "-bf", "3"), "25/2"),
        ("h264", ("-c:v", "libx264", "-bf", "3"), "30000/1001"),
        ("h264", ("-c:v", "libx264", "-bf", "3"), "50"),
        ("h265", ("-c:v", "libx265", "-preset", "ultrafast"), "50"),
        ("m2v", ("-c:v", "mpeg2video"), "30000/1001"),
        # Nobody is misled by an extension.
        ("mpg", ("-c:v", "libx264", "-f", "h264"), "25"),
    ],
)
def test_a_stream_without_container_is_published_with_its_true_rate_and_length(
    services: Services, put: Put, tmp_path: Path, ending: str, coded: tuple[str, ...], rate: str
) -> None:
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=320x180:rate={rate}:duration=3")
    source = clips.make(tmp_path / f"raw.{ending}", *picture, "-pix_fmt", "yuv420p", *coded)
    record = publish(services, put, source, "raw")
    assert record.source.duration_s == pytest.approx(3, abs=0.1)
    assert record.source.video is not None
    assert record.source.video.frame_rate == pytest.approx(float(Fraction(rate)), abs=0.001)
    assert record.mp4[0].size_bytes
    assert record.storyboard is not None


def test_what_was_sent_live_and_tells_no_length_is_published_with_it(
    services: Services, put: Put, tmp_path: Path
) -> None:
    live = ("-c:a", "libopus", "-live", "1")
    source = clips.make(tmp_path / "live.mkv", *PICTURE, *SOUND, *H264, *live)
    record = publish(services, put, source, "live")
    assert record.source.duration_s == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("ending", ["mkv", "flv"])
@pytest.mark.parametrize("late_s", [0.9, 80_000])
def test_what_begins_after_its_clock_did_is_published_with_its_true_length(
    services: Services, put: Put, tmp_path: Path, ending: str, late_s: float
) -> None:
    coded = (*H264, "-c:a", "aac", "-output_ts_offset", str(late_s))
    untold = ("-flvflags", "no_duration_filesize") if ending == "flv" else ()
    source = clips.make(tmp_path / f"late.{ending}", *PICTURE, *SOUND, *coded, *untold)
    record = publish(services, put, source, f"late {late_s} {ending}")
    assert record.source.duration_s == pytest.approx(3, abs=0.1)
    assert "truncated" not in {each.code for each in record.warnings}


def test_a_last_picture_is_not_held_for_as_long_as_the_one_before_it_stood_still(
    services: Services, put: Put, tmp_path: Path
) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=9")
    sound = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=8.5")
    coded = ("-vf", "select='lt(t,2)+eq(n,80)'", "-fps_mode", "vfr", "-c:v", "flv1", "-c:a", "libmp3lame")
    source = clips.make(tmp_path / "a.flv", *picture, *sound, *coded)
    record = publish(services, put, source, "stood still")
    assert record.source.duration_s == pytest.approx(8.5, abs=0.2)
    assert "sound_ends_early" not in codes(record)


def test_a_picture_that_begins_long_after_the_sound_is_published_in_step(
    services: Services, put: Put, tmp_path: Path
) -> None:
    late = ("-itsoffset", "8", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=3")
    sound = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=11")
    source = clips.make(tmp_path / "a.ts", *late, *sound, *H264, "-c:a", "mp2")
    made = Published(services, put, source, tmp_path)
    assert made.record.source.video is not None
    assert made.record.source.video.width == 320
    assert made.record.poster is not None
    assert made.record.source.duration_s == pytest.approx(11, abs=0.2)
    seen = messages(made.mp4, "-map", "0:v", "-vf", "freezedetect=n=0.003:d=5")
    ended_s = re.search(r"freeze_end: ([\d.]+)", seen)
    assert ended_s is not None
    assert float(ended_s[1]) == pytest.approx(8, abs=0.1)


def on_its_own_clock(path: Path, start_s: int, length_s: int) -> bytes:
    """A transport stream whose clock begins there."""
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=160x90:rate=25:duration={length_s}")
    sound = ("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={length_s}")
    return clips.make(path, *picture, *sound, *H264, "-c:a", "mp2", "-output_ts_offset", str(start_s)).read_bytes()


@pytest.mark.parametrize(
    ("starts_s", "length_s"),
    # A step of less than ten seconds ffmpeg takes for a gap, and fills it.
    [((0, 0), 11), ((0, 20_000), 3), ((20_000, 0), 3), ((30, 0), 3)],
)
def test_recordings_that_were_joined_are_one_clip_of_their_length(
    services: Services, put: Put, tmp_path: Path, starts_s: tuple[int, int], length_s: int
) -> None:
    source = tmp_path / "joined.ts"
    parts = [on_its_own_clock(tmp_path / f"{number}.ts", at_s, length_s) for number, at_s in enumerate(starts_s)]
    source.write_bytes(b"".join(parts))
    record = publish(services, put, source, f"joined {starts_s}")
    assert record.source.duration_s == pytest.approx(2 * length_s, abs=0.2)
    assert "truncated" not in {warning.code for warning in record.warnings}
    assert record.poster is not None
    assert record.poster.time_s < 2 * length_s
    assert record.storyboard is not None
    assert record.storyboard.interval_s <= 2


def with_pictures_dropped(path: Path, count: int) -> None:
    """Empty the last chunks of pictures of an AVI; what was in them becomes unused."""
    data = bytearray(path.read_bytes())
    index = data.rindex(b"idx1")
    entries = range(index + 8, index + 8 + struct.unpack_from("<I", data, index + 4)[0], 16)
    pictures = [place for place in entries if data[place : place + 4] == b"00dc"]
    movie = data.index(b"movi")
    for entry in pictures[-count:]:
        place, size = struct.unpack_from("<II", data, entry + 8)
        struct.pack_into("<I4sI", data, movie + place + 4, 0, b"JUNK", size - 8)
        struct.pack_into("<I", data, entry + 12, 0)
    path.write_bytes(data)


@pytest.mark.parametrize("codec", ["mjpeg", "mpeg4"])
def test_the_last_picture_is_shown_as_long_as_pictures_were_dropped(
    services: Services, put: Put, tmp_path: Path, codec: str
) -> None:
    source = clips.make(tmp_path / "a.avi", *PICTURE, *SOUND, "-c:v", codec, "-c:a", "pcm_s16le")
    with_pictures_dropped(source, 40)
    made = Published(services, put, source, tmp_path)
    assert not {"truncated", "picture_ends_early"} & made.codes()
    assert len(re.findall(r" n: *\d+ ", messages(made.mp4, "-map", "0:v", "-vf", "showinfo"))) == 75
    # One that is cut off is not made longer.
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    assert "truncated" in codes(publish(services, put, source, f"dropped and cut {codec}"))


def with_packets_emptied(path: Path, count: int) -> None:
    """Empty the last packets of Theora in an Ogg file of which each page has one packet (RFC 3533)."""
    data = path.read_bytes()
    pages: list[bytes] = []
    while data:
        laces = data[27 : 27 + data[26]]
        size = 27 + len(laces) + sum(laces)
        pages.append(data[:size])
        data = data[size:]
    serial = next(page[14:18] for page in pages if b"theora" in page[:64])
    pictures = [number for number, page in enumerate(pages) if page[14:18] == serial]
    for number in pictures[-count:]:
        page = bytearray(pages[number][:26]) + bytes((1, 0))
        page[22:26] = bytes(4)
        remainder = 0
        for byte in page:
            remainder ^= byte << 24
            for _ in range(8):
                remainder = (remainder << 1 ^ (0x04C11DB7 if remainder >> 31 else 0)) & 0xFFFFFFFF
        page[22:26] = remainder.to_bytes(4, "little")
        pages[number] = bytes(page)
    path.write_bytes(b"".join(pages))


def test_the_last_picture_is_shown_as_long_as_it_is_repeated(services: Services, put: Put, tmp_path: Path) -> None:
    coded = ("-c:v", "libtheora", "-c:a", "libvorbis", "-ar", "44100", "-page_duration", "1")
    source = clips.make(tmp_path / "a.ogv", *PICTURE, *SOUND, *coded)
    with_packets_emptied(source, 30)
    made = Published(services, put, source, tmp_path)
    assert not {"truncated", "picture_ends_early"} & made.codes()
    assert len(re.findall(r" n: *\d+ ", messages(made.mp4, "-map", "0:v", "-vf", "showinfo"))) == 75


def test_an_index_that_is_damaged_so_that_the_sound_ends_early_is_told_of(
    services: Services, put: Put, tmp_path: Path
) -> None:
    source = clips.make(tmp_path / "a.mp4", *PICTURE, *SOUND, *H264, "-c:a", "aac")
    assert "sound_ends_early" not in codes(publish(services, put, source, "sound to its end"))
    # Of the sound's samples, whose table is the last one, all but the first ones lose their sizes.
    content = bytearray(source.read_bytes())
    count = content.rindex(b"stsz") + 12
    struct.pack_into(">I", content, count, struct.unpack_from(">I", content, count)[0] // 6)
    source.write_bytes(content)
    record = publish(services, put, source, "sound ends early")
    (message,) = (each.message for each in record.warnings if each.code == "sound_ends_early")
    assert re.match(r"The sound ends at 0:0[01], while the picture goes on to 0:03\.", message)


def test_sound_that_goes_on_behind_the_picture_counts_in_a_stream(services: Services, put: Put, tmp_path: Path) -> None:
    longer = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=12")
    source = clips.make(tmp_path / "a.ts", *PICTURE, *longer, *H264, "-c:a", "mp2")
    record = publish(services, put, source, "sound goes on")
    assert record.source.duration_s == pytest.approx(12, abs=0.2)
    (message,) = (each.message for each in record.warnings if each.code == "picture_ends_early")
    assert "The picture ends at 0:03, while the sound goes on to 0:12." in message


@pytest.mark.parametrize(("file", "codec"), [("a.mp4", "aac"), ("a.mov", "pcm_s16le")])
def test_the_whole_part_of_a_file_that_was_laid_out_beforehand_is_published(
    services: Services, put: Put, tmp_path: Path, file: str, codec: str
) -> None:
    # A transfer that broke off at a quarter: the index is there, and the rest is zeros.
    source = clips.make(tmp_path / file, *PICTURE, *SOUND, *H264, "-c:a", codec, "-movflags", "+faststart")
    data = source.read_bytes()
    media = data.index(b"mdat") + 8
    kept = media + (len(data) - media) // 4
    source.write_bytes(data[:kept] + bytes(len(data) - kept))
    record = publish(services, put, source, f"laid out {file[-3:]}")
    assert "truncated" in {warning.code for warning in record.warnings}
    assert record.poster is not None


def test_captions_that_go_on_behind_the_clip_do_not_count_in_its_length(
    services: Services, put: Put, tmp_path: Path
) -> None:
    captions = tmp_path / "c.srt"
    captions.write_text("1\n00:00:01,000 --> 00:00:30,000\nXin chào\n", encoding="utf-8")
    source = clips.make(tmp_path / "a.mkv", *PICTURE, *SOUND, "-i", str(captions), *H264, "-c:a", "aac")
    record = publish(services, put, source, "long captions")
    assert record.source.duration_s == pytest.approx(3, abs=0.1)
    assert len(record.captions) == 1


@pytest.mark.parametrize("rate", ["60000/1001", "50"])
def test_a_single_picture_is_published_however_short_it_is_shown(
    services: Services, put: Put, tmp_path: Path, rate: str
) -> None:
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=320x180:rate={rate}", "-frames:v", "1")
    source = clips.make(tmp_path / "one.webm", *picture, "-pix_fmt", "yuv420p", "-c:v", "libvpx-vp9")
    made = Published(services, put, source, tmp_path)
    assert len(re.findall(r" n: *\d+ ", messages(made.mp4, "-map", "0:v", "-vf", "showinfo"))) == 1


def shown(path: Path) -> int:
    return len(re.findall(r" n: *\d+ ", messages(path, "-map", "0:v", "-vf", "showinfo")))


# As nothing tells, for a thousandth, for less than a frame.
@pytest.mark.parametrize(
    ("ending", "coded"),
    [
        ("wma", ("-c:v", "mjpeg", "-c:a", "mp3", "-f", "asf")),
        ("webm", ("-c:v", "libvpx-vp9", "-c:a", "libopus")),
        ("mp4", ("-c:v", "mjpeg", "-c:a", "aac")),
    ],
)
@pytest.mark.parametrize("begins_s", [0.021, 1.5])
def test_the_only_picture_is_shown_as_long_as_sound_is_heard(
    services: Services, put: Put, tmp_path: Path, ending: str, coded: tuple[str, ...], begins_s: float
) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=100:duration=0.01")
    late = ("-vf", f"setpts=PTS+{begins_s}/TB", "-fps_mode", "passthrough")
    source = clips.make(tmp_path / f"slide.{ending}", *SOUND, *picture, "-pix_fmt", "yuvj420p", *late, *coded)
    made = Published(services, put, source, tmp_path)
    assert not {"truncated", "picture_ends_early", "sound_ends_early"} & made.codes()
    rate = made.record.renditions[0].frame_rate
    assert shown(made.mp4) / rate == pytest.approx(3, abs=0.12)


def test_a_picture_that_another_follows_late_is_not_held(services: Services, put: Put, tmp_path: Path) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=1/22:duration=44")
    sound = ("-f", "lavfi", "-i", "sine=duration=30")
    coded = ("-fps_mode", "passthrough", "-c:v", "mjpeg", "-c:a", "mp3", "-f", "asf")
    source = clips.make(tmp_path / "slides.wma", *sound, *picture, "-pix_fmt", "yuvj420p", *coded)
    made = Published(services, put, source, tmp_path)
    assert shown(made.mp4) / made.record.renditions[0].frame_rate < 45


def test_a_picture_is_held_as_long_as_sound_is_heard_and_not_as_long_as_is_claimed(
    services: Services, put: Put, tmp_path: Path
) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=1000:duration=0.001")
    coded = ("-c:v", "mjpeg", "-c:a", "mp3", "-f", "asf")
    source = clips.make(tmp_path / "slide.wma", *SOUND, *picture, "-pix_fmt", "yuvj420p", *coded)
    data = bytearray(source.read_bytes())
    # The file properties object's play duration, in tenths of a microsecond (ASF specification, 3.2).
    place = data.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    struct.pack_into("<Q", data, place + 64, 10_000_000 * 1200)
    source.write_bytes(data)
    made = Published(services, put, source, tmp_path)
    assert shown(made.mp4) / made.record.renditions[0].frame_rate == pytest.approx(3, abs=0.12)


def test_pictures_of_which_nothing_comes_are_told(services: Services, put: Put, tmp_path: Path) -> None:
    coded = ("-pix_fmt", "yuv420p", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-g", "25")
    source = clips.make(tmp_path / "a.ivf", *PICTURE, *coded)
    data = bytearray(source.read_bytes())
    # The first key frame, behind the file's and its own header: what refers to it has nothing to refer to.
    data[32 + 12] = 0
    source.write_bytes(data)
    record = publish(services, put, source, "unreferenced")
    (message,) = (each.message for each in record.warnings if each.code == "damaged")
    counted = re.match(r"At least (\d+) of this clip's \d+ pictures are damaged", message)
    assert counted is not None
    assert int(counted[1]) >= 20
