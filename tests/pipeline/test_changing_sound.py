"""Recordings whose sound changes its channels in the middle: what follows is heard in its place, and at its level."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tasks.pipeline.services import Services
from tests import clips
from tests.described import joined_sound
from tests.pipeline.published import H264, Published, Put, levels, loudness, messages

CHANGE_S = 3.0
NEWS = "sine=frequency=440:sample_rate=48000:duration=3,volume=0.8"
"""Heard over the first part, at -20 dBFS or so in the channels that `LAYOUTS` gives it."""
FILM = "aevalsrc='0.3*sin(2*PI*1000*t)*between(t,1,2.2)|0.3*sin(2*PI*1000*t)*between(t,1,2.2)':sample_rate=48000:d=3"
"""Heard in the second part: a second after its beginning, as long as it is white."""
CENTRE = ",pan=5.1(side)|FL=0*c0|FR=0*c0|FC=c0|LFE=0*c0|SL=0*c0|SR=0*c0"


def part(path: Path, sound: str, codecs: tuple[str, ...], *, white: bool, start_s: float) -> bytes:
    shown = "drawbox=color=white:t=fill:enable='between(t,1,2.19)'" if white else "null"
    return clips.make(
        path,
        *("-f", "lavfi", "-i", f"color=black:size=160x90:rate=25:duration={CHANGE_S},{shown}", "-f", "lavfi"),
        *("-i", sound, *codecs, "-g", "25", "-bf", "0", "-pix_fmt", "yuv420p", "-output_ts_offset", str(start_s)),
    ).read_bytes()


@pytest.mark.parametrize(
    ("file", "codecs", "first", "then"),
    [
        ("a.ts", ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "ac3"), NEWS + CENTRE, FILM),
        ("b.mpg", ("-c:v", "mpeg2video", "-c:a", "mp2"), NEWS, FILM),
    ],
)
def test_what_follows_a_change_of_channels_is_heard_in_its_place(
    services: Services, put: Put, tmp_path: Path, file: str, codecs: tuple[str, ...], first: str, then: str
) -> None:
    source = tmp_path / file
    source.write_bytes(
        part(tmp_path / f"1{file}", first, codecs, white=False, start_s=0)
        + part(tmp_path / f"2{file}", then, codecs, white=True, start_s=CHANGE_S)
    )
    clip = Published(services, put, source, tmp_path)
    heard, seen = _beep_s(clip.mp4), _flash_s(clip.mp4)
    assert heard == pytest.approx(seen, abs=0.02)
    assert heard == pytest.approx(CHANGE_S + 1, abs=0.1)
    # What was measured, and made as loud as the ladder wants it, is all of it.
    assert loudness(clip.mp4)[0] == pytest.approx(-16, abs=0.7)
    ((left, right),) = levels(clip.mp4, 440)
    assert left == pytest.approx(right, rel=0.05)
    assert left > 0.01


def test_it_is_in_a_film_whose_index_describes_each_part_by_itself_too(
    services: Services, put: Put, tmp_path: Path
) -> None:
    parts = [
        clips.make(tmp_path / f"{channels}.m4a", "-f", "lavfi", "-i", sound, "-ac", channels, "-c:a", "aac")
        for channels, sound in (("1", NEWS), ("2", FILM))
    ]
    white = f"drawbox=color=white:t=fill:enable='between(t,{CHANGE_S + 1},{CHANGE_S + 2.19})'"
    pictures = ("-f", "lavfi", "-i", f"color=black:size=160x90:rate=25:duration={2 * CHANGE_S},{white}")
    sounds = ("-i", str(joined_sound(tmp_path / "joined.m4a", parts)), "-c:a", "copy")
    clip = Published(services, put, clips.make(tmp_path / "a.mov", *pictures, *sounds, *H264), tmp_path)
    heard = _beep_s(clip.mp4)
    assert heard == pytest.approx(_flash_s(clip.mp4), abs=0.06)
    assert heard == pytest.approx(CHANGE_S + 1, abs=0.1)
    # Blocks squeezed into less than their own time would still begin in step.
    assert _blocks(clip.mp4) * 1024 / 48000 == pytest.approx(2 * CHANGE_S, abs=0.2)


def _blocks(path: Path) -> int:
    command = [str(clips.FFPROBE), "-v", "error", "-select_streams", "a", "-count_packets"]
    command += ["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", str(path)]
    return int(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def _beep_s(path: Path) -> float:
    graph = f"highpass=f=800:p=2,highpass=f=800:p=2,atrim=start={CHANGE_S + 0.3},silencedetect=n=-25dB:d=0.3"
    found = re.search(r"silence_end: ([\d.]+)", messages(path, "-map", "0:a:0", "-af", graph))
    assert found
    return float(found.group(1))


def _flash_s(path: Path) -> float:
    found = re.search(r"black_end:([\d.]+)", messages(path, "-map", "0:v:0", "-vf", "blackdetect=d=0.3:pix_th=0.2"))
    assert found
    return float(found.group(1))
