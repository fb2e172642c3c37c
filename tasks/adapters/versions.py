"""Which release of ffmpeg this is, and whether it may open untrusted files."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Final, Literal

from tasks.adapters import binaries
from tasks.errors import ConfigurationError

# Older releases have a hole that lets a media file run code (CVE-2026-8461).
OLDEST_SAFE: Final = (8, 1, 2)
# One that was killed, as a machine short of memory does, says nothing of the program.
_TRIES: Final = 4
_PAUSE_S: Final = 0.5


def read_version(program: Path) -> tuple[int, ...]:
    """The release number that ffmpeg or ffprobe states of itself, such as (9, 0, 2).

    Raises:
        ConfigurationError: it can't be run, or states none (a build from its developers' tree).
    """
    try:
        answer = _ask(program)
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError(f"{program} can't be run: {error}. Remedy: set NEWSREEL_FFMPEG=bundled") from error
    match = re.match(r"ff\w+ version n?(\d+(?:\.\d+)+)", answer.stdout)
    if match is None:
        raise ConfigurationError(
            f"{program} states no release number ({answer.stdout[:60]!r}). Remedy: use a release of 8.1.2 or newer"
        )
    return tuple(int(part) for part in match.group(1).split("."))


def _ask(program: Path, *, tries: int = _TRIES) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run([str(program), "-version"], capture_output=True, text=True, timeout=20, check=True)
    except subprocess.CalledProcessError as error:
        if error.returncode >= 0 or tries <= 1:
            raise
    time.sleep(_PAUSE_S)
    return _ask(program, tries=tries - 1)


def verify_ffmpeg(choice: Literal["bundled", "path"]) -> None:
    """Check both programs.

    Raises:
        ConfigurationError: one is older than 8.1.2; the message names the remedy.
    """
    found = binaries.locate(choice)
    for program in (found.ffmpeg, found.ffprobe):
        version = read_version(program)
        if version < OLDEST_SAFE:
            raise ConfigurationError(
                f"{program} is version {'.'.join(map(str, version))}; releases before 8.1.2 let a media file run code "
                "(CVE-2026-8461). Remedy: set NEWSREEL_FFMPEG=bundled, or install a newer one"
            )
