"""The user's terminal: colours and characters as far as it supports them, sizes and times in words."""

from __future__ import annotations

import io
import sys
from datetime import datetime
from typing import Final

from rich.console import Console

# A pipe has no width: lines must not be cut there.
_PIPE_WIDTH: Final = 220
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def console(*, stderr: bool = False) -> Console:
    """A console that never fails over a letter: clip names are Vietnamese, and some terminals know ASCII only."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def size(size_bytes: float) -> str:
    """``24.9 MB``; a thousand, not 1,024, as file managers and ffmpeg count."""
    for unit in _UNITS[:-1]:
        if size_bytes < 999.5:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} {_UNITS[-1]}"


def span(duration_s: float) -> str:
    """A span of time in its two largest units: ``4.2 s``, ``3 min 5 s``, ``2 h 10 min``, ``5 d 3 h``."""
    if duration_s < 59.95:
        return f"{max(0.0, duration_s):.1f} s"
    seconds = round(duration_s)
    for unit_s, unit, next_s, next_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit_s:
            return f"{seconds // unit_s} {unit} {seconds % unit_s // next_s} {next_unit}"
    raise AssertionError(duration_s)


def between(start: datetime | None, end: datetime | None) -> str:
    """The span between two moments; ``-`` when one of them is not known."""
    return "-" if start is None or end is None else span((end - start).total_seconds())
