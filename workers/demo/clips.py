"""The demo's five clips, made with ffmpeg: moving picture, the clip's name drawn in, a melody with pauses.

They are kept, and made again only when a recipe or ffmpeg has changed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks.errors import ConfigurationError
from workers.demo.lettering import draw

_DOT: Final = 8
_NOTE_S: Final = 0.4
_PAUSE: Final = None
_TIMEOUT_S: Final = 300
_H264: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "24", "-g", "50", "-pix_fmt", "yuv420p")
# As cameras deliver it: both fields coded as fields, top field first; the filter graph has woven them.
_MPEG2_INTERLACED: Final = (
    *("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-b:v", "20M", "-maxrate", "25M", "-bufsize", "10M"),
    *("-g", "12", "-pix_fmt", "yuv420p"),
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one clip is made: ``picture`` is a lavfi source, ``notes`` are semitones above A3 (None is a pause)."""

    name: str
    duration_s: float
    picture: str
    notes: tuple[int | None, ...]
    size: tuple[int, int] = (1920, 1080)
    is_interlaced: bool = False
    name_drifts: bool = False


RECIPES: Final = (
    Recipe(
        name="120320_OTHANH3",
        duration_s=12,
        picture="testsrc2=s=1920x1080:r=25",
        notes=(0, 4, 7, 12, 7, 4, 0, _PAUSE, _PAUSE),
    ),
    Recipe(
        name="120320_OHAI1",
        duration_s=10,
        # Fifty pictures a second, of which two are woven into each interlaced frame: true fields, moving between them.
        picture="testsrc2=s=1920x1080:r=50",
        notes=(0, 3, 7, _PAUSE, 10, 7, 3, _PAUSE),
        is_interlaced=True,
        name_drifts=True,
    ),
    Recipe(
        name="120320_OHAI2",
        duration_s=9,
        picture="mandelbrot=s=640x360:r=25:end_scale=0.002",
        notes=(12, 11, 9, 7, 5, 4, 2, 0, _PAUSE, _PAUSE),
    ),
    Recipe(
        name="120320_OHAI3",
        duration_s=8,
        picture="life=s=320x180:r=25:seed=3:mold=10:ratio=0.12:life_color=#40C060:death_color=#204080",
        notes=(0, _PAUSE, 0, _PAUSE, 5, 7, 5, _PAUSE),
        size=(1280, 720),
    ),
    Recipe(
        name="120320_OHAI4",
        duration_s=14,
        picture="gradients=s=960x540:r=25:seed=4:nb_colors=4:speed=0.03",
        notes=(7, 9, 7, 4, _PAUSE, 2, 4, 0, _PAUSE, _PAUSE),
        name_drifts=True,
    ),
)


def make_clips(ffmpeg: Path, folder: Path, *, on_clip: Callable[[str], None]) -> tuple[Path, ...]:
    """The five clips, in the order of the story; those that the folder holds already are not made again.

    ``on_clip`` is told the name of each clip that is about to be made.

    Raises:
        ConfigurationError: ffmpeg can't make one; the message has the end of what it said.
        OSError: the folder can't be written.
    """
    # Two at a time: the sources draw with one thread, so one alone would leave a core idle.
    with ThreadPoolExecutor(max_workers=2) as pool:
        return tuple(pool.map(lambda recipe: _make(recipe, ffmpeg, folder, on_clip), RECIPES))


def arguments(recipe: Recipe, label: str, target: str) -> list[str]:
    """ffmpeg's arguments for the clip; ``label`` is the picture of its name, ``target`` the file to write."""
    return [
        *("-hide_banner", "-loglevel", "error", "-nostdin", "-y"),
        *("-f", "lavfi", "-i", recipe.picture),
        *("-f", "lavfi", "-i", f"aevalsrc=exprs='{melody(recipe.notes)}':s=48000"),
        *("-i", label),
        *("-filter_complex", _graph(recipe), "-map", "[out]", "-map", "1:a"),
        *("-t", f"{recipe.duration_s:g}", "-r", "25"),
        *(_MPEG2_INTERLACED if recipe.is_interlaced else _H264),
        *("-c:a", "aac", "-b:a", "128k", "-ac", "2"),
        # The same bytes each time, so a second demo on the same data uploads nothing new.
        *("-fflags", "+bitexact", "-flags:v", "+bitexact" + ("+ildct+ilme" if recipe.is_interlaced else "")),
        *("-movflags", "+faststart", "-f", "mp4", target),
    ]


def melody(notes: Sequence[int | None]) -> str:
    """An expression of t: one note after the other, each struck and dying away, again and again."""
    at = f"mod(floor(t/{_NOTE_S}),{len(notes)})"
    pitches = [f"eq({at},{i})*{220 * 2 ** (note / 12):.2f}" for i, note in enumerate(notes) if note is not None]
    return f"0.3*exp(-4*mod(t,{_NOTE_S}))*sin(2*PI*mod(t,{_NOTE_S})*({'+'.join(pitches)}))"


def _graph(recipe: Recipe) -> str:
    width, height = recipe.size
    # The coarse sources are enlarged as they are; smoothing would hide that they move.
    picture = f"[0:v]scale={width}:{height}:flags=neighbor,format=yuv420p[picture]"
    # To and fro, so that the whole name is in every picture.
    across = "abs(mod(t*160,2*(W-w))-(W-w))" if recipe.name_drifts else "(W-w)/2"
    steps = f"[picture][2:v]overlay=x='{across}':y=H-h-H/12:format=yuv420"
    if recipe.is_interlaced:
        steps += ",tinterlace=mode=interleave_top,setfield=tff"
    return f"{picture};{steps}[out]"


def _make(recipe: Recipe, ffmpeg: Path, folder: Path, on_clip: Callable[[str], None]) -> Path:
    clip = folder / _stamp(recipe, ffmpeg) / f"{recipe.name}.mp4"
    if clip.is_file():
        return clip
    on_clip(recipe.name)
    clip.parent.mkdir(parents=True, exist_ok=True)
    label = clip.with_suffix(f".{os.getpid()}.pgm")
    unfinished = clip.with_suffix(f".{os.getpid()}.part")
    try:
        label.write_bytes(draw(recipe.name, dot=_DOT))
        _run(ffmpeg, arguments(recipe, str(label), str(unfinished)), recipe.name)
        # Under its name only when it is whole: an interrupted demo must not leave half a clip.
        unfinished.replace(clip)
    finally:
        label.unlink(missing_ok=True)
        unfinished.unlink(missing_ok=True)
    return clip


def _run(ffmpeg: Path, argv: list[str], name: str) -> None:
    try:
        done = subprocess.run([str(ffmpeg), *argv], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"{ffmpeg} could not make the clip {name}: {error}") from error
    if done.returncode:
        said = done.stderr.strip()[-500:] or f"exit code {done.returncode}"
        raise ConfigurationError(f"{ffmpeg} could not make the clip {name}: {said}. newsreel doctor checks it.")


def _stamp(recipe: Recipe, ffmpeg: Path) -> str:
    made_by = "\n".join([ffmpeg.name, *arguments(recipe, "", "")])
    return hashlib.sha256(made_by.encode()).hexdigest()[:12]
