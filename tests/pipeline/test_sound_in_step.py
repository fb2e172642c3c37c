"""Sound and picture stay within 20 ms of each other, whatever offsets and containers the source has."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import clips
from tests.pipeline.published import H264, Published, messages

FLASH = (
    "color=black:size=160x90:rate=25:duration=4,drawbox=color=white:t=fill:enable='between(n,50,59)',format=yuv420p,"
    "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
)

BEEP = "aevalsrc='0.3*sin(2*PI*1000*t)*between(t,2,2.4)':sample_rate=48000:duration=4"


@pytest.mark.parametrize(
    ("file", "codec", "picture_s", "sound_s", "start_s"),
    [
        ("a.mp4", "aac", 0, 0, 0),
        ("a.mp4", "aac", 0, 0.6, 0),
        ("a.mp4", "aac", 0.6, 0, 0),
        ("a.mkv", "pcm_s16le", 0, 0.6, 0),
        ("a.mkv", "pcm_s16le", 0.6, 0, 0),
        ("a.flv", "aac", 0, 0.6, 0),
        ("a.ts", "mp2", 0, 0.6, 95_000),
        ("a.ts", "aac", 0.6, 0, 3600),
    ],
)
def test_sound_and_picture_stay_in_step(
    publish: Callable[[Path], Published],
    tmp_path: Path,
    file: str,
    codec: str,
    picture_s: float,
    sound_s: float,
    start_s: int,
) -> None:
    source = clips.make(
        tmp_path / file,
        *("-itsoffset", str(picture_s), "-f", "lavfi", "-i", FLASH, "-itsoffset", str(sound_s)),
        *("-f", "lavfi", "-i", BEEP, *H264, "-c:a", codec),
        *(("-output_ts_offset", str(start_s)) if start_s else ()),
    )
    wanted_s = _beep_s(source) - _flash_s(source)
    clip = publish(source)
    rung = clip.record.renditions[0].name
    assert _beep_s(clip.mp4) - _flash_s(clip.mp4) == pytest.approx(wanted_s, abs=0.02)
    assert _beep_s(clip.track("audio")) - _flash_s(clip.track(rung)) == pytest.approx(wanted_s, abs=0.02)
    assert not clip.codes() & {"truncated"}


@pytest.mark.parametrize("flags", [("-movflags", "frag_keyframe+empty_moov"), ("-use_editlist", "0")])
def test_sound_stays_in_step_over_a_gap_that_is_hardly_heard(
    publish: Callable[[Path], Published], tmp_path: Path, flags: tuple[str, str]
) -> None:
    # Without an edit list the pictures begin two frames late, and so does the sound, behind its first block.
    inputs = ("-f", "lavfi", "-i", FLASH, "-f", "lavfi", "-i", BEEP)
    source = clips.make(tmp_path / "a.mp4", *inputs, *H264, "-c:a", "aac", *flags)
    wanted_s = _beep_s(source) - _flash_s(source)
    clip = publish(source)
    assert _beep_s(clip.mp4) - _flash_s(clip.mp4) == pytest.approx(wanted_s, abs=0.02)


def test_beside_a_track_that_can_not_be_opened_too(publish: Callable[[Path], Published], tmp_path: Path) -> None:
    inputs = ("-itsoffset", "0.6", "-f", "lavfi", "-i", FLASH, "-itsoffset", "0.6", "-f", "lavfi", "-i", BEEP)
    tracks = ("-map", "0", "-map", "1", "-map", "1", *H264, "-c:a:0", "aac", "-c:a:1", "alac")
    source = clips.make(tmp_path / "a.mov", *inputs, *tracks)
    wanted_s = _beep_s(source) - _flash_s(source)
    data = bytearray(source.read_bytes())
    # The second one's head: how many samples a packet may have.
    place = data.rindex(b"alac") + 8
    data[place : place + 4] = bytes(4)
    source.write_bytes(data)
    clip = publish(source)
    assert "sound_unreadable" in clip.codes()
    assert _beep_s(clip.mp4) - _flash_s(clip.mp4) == pytest.approx(wanted_s, abs=0.02)


def _flash_s(path: Path) -> float:
    return _first(r"black_end:([\d.]+)", messages(path, "-map", "0:v:0", "-vf", "blackdetect=d=0.3:pix_th=0.2"))


def _beep_s(path: Path) -> float:
    return _first(r"silence_end: ([\d.]+)", messages(path, "-map", "0:a:0", "-af", "silencedetect=n=-30dB:d=0.3"))


def _first(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found, text
    return float(found.group(1))
