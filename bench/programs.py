"""The programs that are measured with: the bundled ffmpeg and ffprobe, run in plain processes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tasks.adapters import binaries

_FOUND: Final = binaries.locate("bundled")
FFMPEG: Final = _FOUND.ffmpeg
FFPROBE: Final = _FOUND.ffprobe


def run_quietly(command: Sequence[object], *, folder: Path | None = None) -> str:
    """Run to the end, and return what was written to both outputs.

    Raises:
        RuntimeError: it failed; the message ends with the program's last words.
    """
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)[:300]} … failed: {done.stdout.strip()[-3000:]}")
    return done.stdout


def ask(path: Path, entries: str, *options: str) -> dict[str, Any]:
    """What ffprobe tells of a file, as JSON."""
    command = [str(FFPROBE), "-v", "error", *options, "-show_entries", entries, "-of", "json", str(path)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found
