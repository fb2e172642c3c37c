"""What processes cost while they live: processor seconds and memory of some programs and of all that they start.

Sampled, since the cage does not wait for the program in it: the kernel credits nobody with what that used. A program's
last moments, up to one interval, are therefore missed; of a run of a minute that is less than one in a hundred.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_INTERVAL_S: Final = 0.02
# Adding up the pages of a gigabyte takes the kernel some milliseconds.
_MEMORY_EVERY: Final = 10
_CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Wall-clock and processor seconds, and the largest memory at any moment (proportional set size)."""

    wall_s: float
    cpu_s: float
    memory_bytes: int


@dataclass(kw_only=True)
class Process:
    """One process that was seen: whose child it is, what it ran, and its seconds, counted from the meter's start."""

    service: str
    command: str
    first_s: float
    last_s: float
    before_s: float
    used_s: float

    @property
    def cpu_s(self) -> float:
        """Processor seconds since the meter was started."""
        return self.used_s - self.before_s


class Meter:
    """Watches processes by the name of the service that they belong to."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        self._roots = dict(roots)
        self._started_s = time.monotonic()
        self._seen: dict[int, Process] = {}
        self._peaks: dict[str, int] = {}
        self._wall_s = 0.0
        self._done = threading.Event()
        self._count = 0
        self._sample(is_first=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch until the block ends."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()

    def processes(self) -> list[Process]:
        """All that were seen, in the order of their start."""
        return sorted(self._seen.values(), key=lambda process: process.first_s)

    def cost(self, services: frozenset[str], *, memory_of: str) -> Cost:
        """What these services cost together, and the largest memory of one of them."""
        used_s = sum(process.cpu_s for process in self._seen.values() if process.service in services)
        return Cost(wall_s=self._wall_s, cpu_s=used_s, memory_bytes=self._peaks.get(memory_of, 0))

    def _run(self) -> None:
        while not self._done.wait(_INTERVAL_S):
            self._sample()
        self._sample()

    def _sample(self, *, is_first: bool = False) -> None:
        self._count += 1
        self._wall_s = time.monotonic() - self._started_s
        for service, root in self._roots.items():
            pids = list(_tree(root))
            for pid in pids:
                self._note(service, pid, is_first=is_first)
            if self._count % _MEMORY_EVERY == 0:
                self._peaks[service] = max(self._peaks.get(service, 0), sum(_memory_bytes(pid) for pid in pids))

    def _note(self, service: str, pid: int, *, is_first: bool) -> None:
        try:
            # The second field, the program's name, may hold spaces and brackets.
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return  # it has just ended
        used_s = (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS
        known = self._seen.get(pid)
        if known is None:
            before_s = used_s if is_first else 0.0
            known = Process(
                service=service, command="", first_s=self._wall_s, last_s=0.0, before_s=before_s, used_s=used_s
            )
            self._seen[pid] = known
        if self._wall_s - known.first_s < 1:
            known.command = _command(pid) or known.command
        known.used_s, known.last_s = used_s, self._wall_s


def _tree(root: int) -> Iterator[int]:
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        try:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (thread / "children").read_text(encoding="ascii").split())
        except OSError:
            continue


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _memory_bytes(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)
