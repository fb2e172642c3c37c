"""Opening: what spares a run the look at the file's pictures changes nothing of what it sees and hears."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.media import encode, looks, opening, sampling
from tasks.media.scan import read_fields
from tasks.media.sound import loudness
from tasks.media.sound.programmes import Programme
from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE
from tests import clips
from tests.media.sound.test_programmes import track
from tests.media.test_encode import NEWS, SMALL
from tests.media.test_looks import counting, taken

SPARING = "-nofind_stream_info"
FILM = replace(
    SMALL, start_s=0.0, duration_s=8.0, video=replace(SMALL.video, codec="h264", width=64, height=64, index=0)
)
SPOKEN = Programme(tracks=(track(1, 2),))


def printed(arguments: tuple[str, ...], folder: Path) -> bytes:
    return subprocess.run(
        [str(clips.FFMPEG), *arguments], cwd=folder, check=True, timeout=60, capture_output=True
    ).stdout


@pytest.mark.parametrize("kind", ["mp4", "mov"])
def test_looks_and_fields_are_those_of_the_usual_opening(tmp_path: Path, kind: str) -> None:
    clip = counting(tmp_path / f"clip.{kind}", length_s=8, keys_s=1)
    usual = replace(FILM, start_s=None)
    plans = [looks.plan_looks(source, max_pixels=64 * 64) for source in (FILM, usual)]
    assert [SPARING in plan.arguments for plan in plans] == [True, False]
    spared, probed = (taken(plan, clip, tmp_path / str(number)) for number, plan in enumerate(plans))
    assert spared == probed
    assert len(spared[0]) > 5
    # The same number of fields is told of, with fewer words about the file.
    fields = [
        read_fields(printed(sampling.plan_fields(source, max_pixels=64 * 64), tmp_path / "0"))
        for source in (FILM, usual)
    ]
    assert fields[0] == fields[1]
    assert fields[0].frames > 10


def test_the_sound_is_the_same(tmp_path: Path) -> None:
    sound = ["-f", "lavfi", "-i", "aevalsrc='sin(2*PI*t*(300+100*t))':s=44100:d=4,pan=stereo|c0=c0|c1=0.5*c0"]
    picture = ["-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=4"]
    clips.make(tmp_path / "source.mp4", *picture, *sound, "-c:v", "libx264", "-c:a", "aac", "-shortest")
    (tmp_path / "source.mp4").rename(tmp_path / SOURCE_FILE)
    made = []
    for source in (FILM, replace(FILM, start_s=None)):
        run = encode.plan_sound(source, NEWS, [SPOKEN], max_pixels=64 * 64)
        (tmp_path / "out" / "hls" / SPOKEN.name).mkdir(parents=True, exist_ok=True)
        printed(run.arguments, tmp_path)
        files = sorted((tmp_path / "out" / "hls" / SPOKEN.name).iterdir())
        made.append([(each.name, each.read_bytes()) for each in files])
        heard = loudness.plan_measure(source, [SPOKEN], NEWS.audio, max_pixels=64 * 64)
        assert (SPARING in heard) == (SPARING in run.arguments) == (source is FILM)
    assert len(made[0]) > 2
    assert made[0] == made[1]


@pytest.mark.parametrize(
    "source",
    [
        replace(FILM, start_s=0.08),
        replace(FILM, container="mxf"),
        replace(FILM, video=replace(FILM.video, codec="mpeg2video")),
    ],
)
def test_what_is_not_an_index_alone_is_opened_as_usual(source: Source) -> None:
    assert opening.unprobed(FILM)
    assert not opening.unprobed(source)
