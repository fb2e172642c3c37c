"""Frames, duration and sync: a clip with flashes and beeps goes through, and what comes out is held against it.

A white frame stands at one second and at every second one after it, and a tone of 1 kHz begins with it.
"""

from __future__ import annotations

import array
import itertools
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import material
from bench.pipeline import newsroom
from bench.programs import FFMPEG, FFPROBE, ask, run_quietly
from bench.report import Figure, figure
from tasks.media import encode

SECTION: Final = "Frames, duration and sync"
_SYNC_BAR_MS: Final = 20.0
_FRAME_S: Final = 1 / 25
_RATE: Final = 48_000
_WHITE: Final = 160.0
# Of the loudest sample: the gain of both sides differs, and AAC rings a little before a tone begins.
_LOUD: Final = 0.3
_QUIET_S: Final = 0.5


def measure(cache: Path, scratch: Path, *, quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """All figures of this section; ``quick`` looks at the largest and the smallest rung only."""
    figures = []
    with newsroom("news") as room:
        for kind in material.KINDS:
            clip = material.marked(cache, kind)
            say(f"{kind}, marked: through the pipeline")
            record = room.make(clip.path).record
            folder = room.fetch(record, scratch / f"sync-{kind}")
            marks = offsets_s(clip.path)
            names = [each.name for each in record.renditions]
            for name in names[:: max(1, len(names) - 1)] if quick else names:
                playlist = folder / name / encode.MEDIA_PLAYLIST
                sound = folder / "audio" / encode.MEDIA_PLAYLIST
                figures += _judge(f"{kind} {name}", clip, marks, playlist, sound)
            mp4 = room.fetch_mp4(record, scratch / "made.mp4")
            figures += _judge(f"{kind} MP4", clip, marks, mp4, None)
    return figures


def _judge(what: str, clip: material.Clip, marks: list[float], made: Path, sound: Path | None) -> list[Figure]:
    frames = [frame_count(made) - frame_count(clip.path)]
    longer_s = abs(duration_s(made) - duration_s(clip.path))
    ours = offsets_s(made, sound)
    if len(ours) != len(marks):
        raise RuntimeError(f"{what}: {len(ours)} of {len(marks)} flashes and beeps were found again")
    moved_ms = max(abs(our - mark) for our, mark in zip(ours, marks, strict=True)) * 1000
    return [
        figure(SECTION, what, "frames more or fewer", [abs(count) for count in frames], bar=0),
        figure(SECTION, what, "longer or shorter, frames", [longer_s / _FRAME_S], bar=1),
        figure(SECTION, what, "sound against picture moved by, ms", [moved_ms], bar=_SYNC_BAR_MS),
    ]


def frame_count(path: Path) -> int:
    """The pictures in a file or playlist, counted."""
    found = ask(path, "stream=nb_read_packets", "-select_streams", "v:0", "-count_packets")
    return int(found["streams"][0]["nb_read_packets"])


def duration_s(path: Path) -> float:
    """The seconds from the first picture to the end of the last one."""
    command = [FFPROBE, "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time", "-of", "csv=p=0"]
    printed = run_quietly([*command, path])
    times = [float(line.strip(",")) for line in printed.split() if re.fullmatch(r"-?[\d.]+,?", line)]
    return max(times) - min(times) + _FRAME_S


def offsets_s(picture: Path, sound: Path | None = None) -> list[float]:
    """Of each flash, the seconds from it to its beep; ``sound`` is where that is not in the same file."""
    flashes, beeps = _flashes_s(picture), _beeps_s(sound or picture)
    return [beep - flash for flash, beep in zip(flashes, beeps, strict=False)]


def _flashes_s(path: Path) -> list[float]:
    graph = "scale=64:36:flags=area,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-"
    printed = run_quietly([FFMPEG, "-v", "error", "-copyts", "-i", path, "-an", "-vf", graph, "-f", "null", "-"])
    found = re.findall(r"pts_time:(-?[\d.]+)\s+lavfi\.signalstats\.YAVG=([\d.]+)", printed)
    white = [float(time_s) for time_s, level in found if float(level) > _WHITE]
    return [time_s for before, time_s in itertools.pairwise([-1.0, *white]) if time_s - before > _QUIET_S]


def _beeps_s(path: Path) -> list[float]:
    """Where it gets loud after half a second of quiet, to the sample; silence is put in for what comes late."""
    command = [str(FFMPEG), "-v", "error", "-copyts", "-i", str(path), "-vn", "-af", "aresample=async=1:first_pts=0"]
    command += ["-f", "s16le", "-ac", "1", "-ar", str(_RATE), "-"]
    samples = array.array("h", subprocess.run(command, check=True, capture_output=True).stdout)
    least = _LOUD * max(max(samples), -min(samples))
    loud = [place / _RATE for place, sample in enumerate(samples) if abs(sample) > least]
    return [time_s for before, time_s in itertools.pairwise([-1.0, *loud]) if time_s - before > _QUIET_S]
