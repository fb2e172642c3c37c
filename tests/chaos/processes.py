"""The processes below one of ours, read from /proc: who they are, what they use, and who outlived the stack."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process at one moment; ``started`` tells it from a later one with the same id."""

    pid: int
    parent: int
    session: int
    name: str
    state: str
    started: int

    @property
    def is_media_tool(self) -> bool:
        """ffmpeg, ffprobe or the cage around them; inside the cage the program is called ``program``."""
        return self.name.startswith(("ffmpeg", "ffprobe", "bwrap", "program"))


def adopt_orphans() -> None:
    """From now on whoever loses its parent below us becomes our child, so nobody can slip away (prctl(2))."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def below(roots: Iterable[int]) -> list[Process]:
    """All that live below these, themselves left out, parents before children; the dead that wait are left out."""
    everybody = list(_all())
    children: dict[int, list[Process]] = {}
    for each in everybody:
        children.setdefault(each.parent, []).append(each)
    found: list[Process] = []
    open_ends = list(roots)
    while open_ends:
        for each in children.get(open_ends.pop(0), []):
            found.append(each)
            open_ends.append(each.pid)
    return [each for each in found if each.state not in "ZX"]


def bury_adopted() -> None:
    """Let go of the dead whom we were given as orphans; whoever leads a session was started by one who waits for it.

    Not so the cage's inner process, which leads one and dies a moment after the outer: thousands come in a run.
    """
    for each in _all():
        is_awaited = each.session == each.pid and not each.name.startswith("bwrap")
        if each.parent == os.getpid() and each.state == "Z" and not is_awaited:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(each.pid, os.WNOHANG)


def memory_bytes(pid: int) -> int:
    """What that process and its pool hold in memory, without the media tools; what they share counts once (PSS)."""
    pids = [pid, *(each.pid for each in below([pid]) if not each.is_media_tool)]
    return sum(_proportional_bytes(each) for each in pids)


def _proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _all() -> Iterable[Process]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            # The name stands in brackets and may hold any character.
            name = text[text.index("(") + 1 : text.rindex(")")]
            fields = text[text.rindex(")") + 2 :].split()
            yield Process(
                pid=int(folder.name),
                parent=int(fields[1]),
                session=int(fields[3]),
                name=name,
                state=fields[0],
                started=int(fields[19]),
            )
