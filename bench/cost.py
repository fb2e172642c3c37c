"""What processes cost while they live: processor seconds and memory of some programs and of all that they start.

Sampled, since the cage does not wait for the program in it: the kernel credits nobody with what that used. A program's
last moments, up to one interval, are therefore missed; of a run of a minute that is less than one in a hundred.

What watches must not take from what it watches: new processes are found by their numbers in one listing, services that
ran before are looked at ten times less often than what they start, and memory is added up for one service only.
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
# Adding up the pages of a gigabyte takes the kernel some milliseconds, and what runs for long is not missed.
_SELDOM: Final = 10
_STAT_BYTES: Final = 1024
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
    """Watches processes by the name of the service that they belong to; the memory of one of them counts."""

    def __init__(self, roots: Mapping[str, int], *, memory_of: str) -> None:
        self._roots = {pid: service for service, pid in roots.items()}
        self._memory_of = memory_of
        self._started_s = time.monotonic()
        self._seen: dict[int, Process] = {}
        self._open: dict[int, int] = {}
        self._foreign: set[int] = set()
        self._peak_bytes = 0
        self._wall_s = 0.0
        self._done = threading.Event()
        self._count = 0
        self._sample(of_all=True)
        self._services = frozenset(self._open)

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

    def cost(self, services: frozenset[str]) -> Cost:
        """What these services cost together, and the largest memory of the one whose memory counts."""
        used_s = sum(process.cpu_s for process in self._seen.values() if process.service in services)
        return Cost(wall_s=self._wall_s, cpu_s=used_s, memory_bytes=self._peak_bytes)

    def _run(self) -> None:
        while not self._done.wait(_INTERVAL_S):
            self._count += 1
            self._sample(of_all=self._count % _SELDOM == 0)
        self._sample(of_all=True)
        for file in self._open.values():
            os.close(file)

    def _sample(self, *, of_all: bool) -> None:
        is_first = not self._wall_s
        self._wall_s = time.monotonic() - self._started_s
        self._find()
        for pid in list(self._open):
            if of_all or pid not in self._services:
                self._note(pid, is_first=is_first)
        if of_all:
            ours = (pid for pid in self._open if self._seen[pid].service == self._memory_of)
            self._peak_bytes = max(self._peak_bytes, sum(map(_memory_bytes, ours)))

    def _find(self) -> None:
        # Fifty times a second: a path object for each entry would cost more than all the rest.
        there = {int(name) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208
        self._foreign &= there
        fresh = {
            pid: parent for pid in there - self._foreign - self._open.keys() if (parent := _parent(pid)) is not None
        }
        # A child may be new together with its parent, and have the lower number.
        while ours := [pid for pid, parent in fresh.items() if pid in self._roots or parent in self._open]:
            for pid in ours:
                parent = fresh.pop(pid)
                self._watch(pid, self._roots[pid] if pid in self._roots else self._seen[parent].service)
        self._foreign |= fresh.keys()

    def _watch(self, pid: int, service: str) -> None:
        try:
            self._open[pid] = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        except OSError:
            return  # it has just ended
        self._seen[pid] = Process(
            service=service, command="", first_s=self._wall_s, last_s=0.0, before_s=0.0, used_s=0.0
        )

    def _note(self, pid: int, *, is_first: bool) -> None:
        process = self._seen[pid]
        try:
            fields = _fields(os.pread(self._open[pid], _STAT_BYTES, 0))
        except OSError:  # it has ended
            os.close(self._open.pop(pid))
            return
        process.used_s, process.last_s = (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS, self._wall_s
        if is_first:
            process.before_s = process.used_s
        if self._wall_s - process.first_s < 1:
            process.command = _command(pid) or process.command


def _fields(stat: bytes) -> list[bytes]:
    # The second field, the program's name, may hold spaces and brackets.
    return stat.rpartition(b")")[2].split()


def _parent(pid: int) -> int | None:
    try:
        return int(_fields(Path(f"/proc/{pid}/stat").read_bytes())[1])
    except OSError:
        return None  # it has just ended


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
