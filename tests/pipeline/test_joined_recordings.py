"""Transport streams that were joined: the second recording follows the first, picture and sound in step."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.adapters import mending
from tasks.media.transport import left_out
from tasks.pipeline.services import Services
from tests import clips
from tests.pipeline.published import H264, Published, Put, codes
from tests.pipeline.published import publish as publish_whole

LENGTH_S = 3
OTHER_STREAMS = ("-mpegts_start_pid", "0x200", "-mpegts_pmt_start_pid", "0x1100")
MPEG2 = ("-c:v", "mpeg2video", "-pix_fmt", "yuv420p")


def recording(
    path: Path, colour: str, hertz: int, *, at_s: float = 0, codec: tuple[str, ...] = H264, mux: tuple[str, ...] = ()
) -> bytes:
    """Three seconds in that colour with that tone, whose clock begins there."""
    picture = ("-f", "lavfi", "-i", f"color={colour}:size=160x90:rate=25:duration={LENGTH_S}")
    sound = ("-f", "lavfi", "-i", f"sine=frequency={hertz}:sample_rate=48000:duration={LENGTH_S}")
    # Noise, since what doesn't change at all takes no bytes, and streams are not that empty.
    coded = ("-vf", "noise=alls=8:allf=t", *codec, "-g", "25", "-c:a", "mp2")
    return clips.make(path, *picture, *sound, *coded, *mux, "-output_ts_offset", str(at_s)).read_bytes()


def is_blue(path: Path) -> list[bool]:
    """Of each picture."""
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", "-i", str(path), "-map", "0:v", "-vf", "scale=1:1"]
    raw = subprocess.run(
        [*command, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"], capture_output=True, check=True, timeout=60
    ).stdout
    return [raw[place + 2] > raw[place] for place in range(0, len(raw), 3)]


def pitches(path: Path) -> list[float]:
    """The loudest frequency in each twentieth of a second."""
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", "-i", str(path), "-map", "0:a", "-ac", "1", "-ar", "48000"]
    raw = subprocess.run([*command, "-f", "f32le", "-"], capture_output=True, check=True, timeout=60).stdout
    samples = np.frombuffer(raw, "<f4")
    parts = samples[: len(samples) // 2400 * 2400].reshape(-1, 2400)
    return [float(each) for each in np.abs(np.fft.rfft(parts)).argmax(axis=1) * 20.0]


@pytest.mark.parametrize(
    ("ending", "at_s", "first", "second"),
    [
        pytest.param("ts", 1, (), (), id="the clock goes back by two seconds"),
        # So the last sound of the first part comes out before the second part's picture, and ffmpeg moves both.
        pytest.param("ts", 1, ("-bf", "0"), ("-bf", "0"), id="the clock goes back, without B-frames"),
        pytest.param("ts", 0, (), OTHER_STREAMS, id="other streams, and the same clock again"),
        pytest.param("ts", 3, (), OTHER_STREAMS, id="other streams, and the clock goes on"),
        pytest.param("ts", 0, (), ("-mpegts_start_pid", "0x101"), id="the picture has the sound's number"),
        pytest.param("m2ts", 1.5, ("-mpegts_m2ts_mode", "1"), ("-mpegts_m2ts_mode", "1"), id="packets of 192 bytes"),
    ],
)
def test_what_was_joined_is_one_clip_with_all_pictures_and_sound_in_step(
    publish: Callable[[Path], Published],
    tmp_path: Path,
    ending: str,
    at_s: float,
    first: tuple[str, ...],
    second: tuple[str, ...],
) -> None:
    source = tmp_path / f"joined.{ending}"
    begun = recording(tmp_path / f"1.{ending}", "red", 440, mux=first)
    source.write_bytes(begun + recording(tmp_path / f"2.{ending}", "blue", 1000, at_s=at_s, mux=second))
    made = publish(source)
    pictures = is_blue(made.mp4)
    assert len(pictures) == pytest.approx(150, abs=2)
    changed_s = pictures.index(True) / 25
    assert changed_s == pytest.approx(3, abs=0.1)
    assert all(pictures[pictures.index(True) :])
    heard = pitches(made.mp4)
    assert heard.index(1000) / 20 == pytest.approx(changed_s, abs=0.1)
    assert len(heard) / 20 == pytest.approx(6, abs=0.2)
    assert made.record.source.duration_s == pytest.approx(6, abs=0.2)
    told = {"frozen_stretch", "truncated", "picture_ends_early", "sound_ends_early", "recording_left_out"}
    assert not told & made.codes()


def test_two_recorders_that_take_turns_are_one_clip(publish: Callable[[Path], Published], tmp_path: Path) -> None:
    source = tmp_path / "joined.ts"
    other = recording(tmp_path / "2.ts", "blue", 1000, mux=OTHER_STREAMS)
    source.write_bytes(recording(tmp_path / "1.ts", "red", 440) + other + recording(tmp_path / "3.ts", "red", 700))
    made = publish(source)
    pictures = is_blue(made.mp4)
    assert len(pictures) == pytest.approx(225, abs=2)
    assert [pictures[place] for place in (20, 60, 90, 140, 160, 220)] == [False, False, True, True, False, False]
    heard = pitches(made.mp4)
    assert [heard[place] for place in (20, 90, 150)] == [440, 1000, 700]


def test_a_picture_of_another_codec_cannot_follow_and_is_told_of(
    publish: Callable[[Path], Published], tmp_path: Path
) -> None:
    source = tmp_path / "joined.ts"
    other = recording(tmp_path / "2.ts", "blue", 1000, codec=MPEG2, mux=OTHER_STREAMS)
    source.write_bytes(recording(tmp_path / "1.ts", "red", 440) + other)
    made = publish(source)
    assert "picture_ends_early" in made.codes()
    assert pitches(made.mp4)[-5] == 1000


@pytest.mark.parametrize("begins", ["picture", "sound"])
def test_a_recording_of_which_neither_picture_nor_sound_can_follow_is_told_of(
    services: Services, put: Put, tmp_path: Path, begins: str
) -> None:
    source = tmp_path / "joined.ts"
    if begins == "picture":
        begun = recording(tmp_path / "1.ts", "red", 440)
    else:
        tone = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=12", "-c:a", "mp2")
        begun = clips.make(tmp_path / "1.ts", *tone).read_bytes()
    other = recording(tmp_path / "2.ts", "blue", 1000, codec=MPEG2, mux=(*OTHER_STREAMS, "-c:a", "aac"))
    source.write_bytes(begun + other)
    record = publish_whole(services, put, source, f"joined-{begins}")
    (told,) = (notice.message for notice in record.warnings if notice.code == "recording_left_out")
    assert "0:03 of its picture" in told


@pytest.mark.parametrize(("first", "second"), [(H264, MPEG2), (MPEG2, H264)], ids=["H.264 first", "MPEG-2 first"])
def test_a_recording_of_another_codec_under_the_same_number_spoils_nothing(
    publish: Callable[[Path], Published], tmp_path: Path, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    source = tmp_path / "joined.ts"
    begun = recording(tmp_path / "1.ts", "red", 440, codec=first)
    source.write_bytes(begun + recording(tmp_path / "2.ts", "blue", 1000, at_s=3, codec=second))
    made = publish(source)
    pictures = is_blue(made.mp4)
    assert len(pictures) >= 74
    assert not any(pictures)
    assert "recording_left_out" in made.codes()
    assert "damaged" not in made.codes()


@pytest.mark.parametrize(
    ("coded", "main"),
    [
        pytest.param(("-c:a", "ac3"), (), id="the same number"),
        pytest.param(("-c:a", "ac3", *OTHER_STREAMS), (), id="another number"),
        pytest.param(("-c:a", "aac"), ("-c:a", "ac3", "-mpegts_flags", "system_b"), id="AC-3 as in Europe, then AAC"),
    ],
)
def test_an_advert_whose_sound_is_coded_in_another_way_is_told_of_and_spoils_nothing(
    services: Services, put: Put, tmp_path: Path, coded: tuple[str, ...], main: tuple[str, ...]
) -> None:
    source = tmp_path / "joined.ts"
    advert = recording(tmp_path / "2.ts", "blue", 1000, at_s=3, mux=coded)
    rest = recording(tmp_path / "3.ts", "red", 700, at_s=6, mux=main)
    source.write_bytes(recording(tmp_path / "1.ts", "red", 440, mux=main) + advert + rest)
    record = publish_whole(services, put, source, "advert")
    (told,) = (notice.message for notice in record.warnings if notice.code == "recording_left_out")
    assert "0:03 of its sound may be missing" in told
    assert "damaged" not in {notice.code for notice in record.warnings}


def test_a_second_track_that_some_of_it_has_is_not_missed_where_it_is_away(
    services: Services, put: Put, tmp_path: Path
) -> None:
    source = tmp_path / "film.ts"
    both = ("-map", "0:v", "-map", "1:a", "-map", "1:a", "-c:a:0", "mp2", "-c:a:1", "ac3")
    film, news = (recording(tmp_path / f"{at_s}.ts", "red", 440, at_s=at_s, mux=both * (at_s == 0)) for at_s in (0, 3))
    source.write_bytes(film + news)
    assert "recording_left_out" not in codes(publish_whole(services, put, source, "film"))


def test_programmes_that_run_beside_each_other_are_no_recordings_that_are_left_out(tmp_path: Path) -> None:
    pictures = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=5")
    shorter = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=4")
    coded = ("-map", "0", "-map", "1", *H264, "-program", "st=0", "-program", "st=1")
    path = clips.make(tmp_path / "a.ts", *pictures, *shorter, *coded)
    pictures = left_out.pictures()
    assert mending.watch(path, pictures)
    assert [pictures.missed_s({shown}) for shown in (0x100, 0x101)] == [0, 0]


def test_sound_of_another_codec_that_has_the_pictures_number_does_not_get_into_the_picture(
    publish: Callable[[Path], Published], tmp_path: Path
) -> None:
    source = tmp_path / "joined.ts"
    swapped = ("-streamid", "0:258", "-streamid", "1:256", "-c:a", "aac")
    other = recording(tmp_path / "2.ts", "blue", 1000, mux=swapped)
    source.write_bytes(recording(tmp_path / "1.ts", "red", 440) + other)
    made = publish(source)
    assert len(is_blue(made.mp4)) == pytest.approx(150, abs=2)
    assert "damaged" not in made.codes()
    assert {"sound_ends_early", "recording_left_out"} <= made.codes()
