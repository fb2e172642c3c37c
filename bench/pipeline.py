"""The whole pipeline on the local stack: from the first upload to the last clip ready, all its processes counted."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Final

from bench.report import Cost
from tasks.records import keys
from tasks.records.clip_record import ClipState
from workers.client import Client, connect
from workers.local import running_stack
from workers.upload import pack, send_one

_PATIENCE_S: Final = 900.0
_SAMPLE_S: Final = 0.05
_CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")


def run_pipeline(clips: list[Path], data_dir: Path) -> Cost:
    """Upload the clips at once and wait for all of them.

    Raises:
        RuntimeError: a clip failed, or was not ready in a quarter of an hour.
    """
    with running_stack(data_dir, on_event=lambda _: None) as stack:
        client = connect(env=stack.env)
        meter, done, started_s = _Meter(list(stack.pids().values())), threading.Event(), time.monotonic()
        sampler = threading.Thread(target=meter.run_until, args=(done,), daemon=True)
        sampler.start()
        for parcel in pack(clips):
            send_one(client, parcel)
        _await_ready(client, [keys.stem(clip.name) for clip in clips])
        wall_s = time.monotonic() - started_s
        done.set()
        sampler.join()
        return Cost(wall_s=wall_s, cpu_s=meter.used_s)


def _await_ready(client: Client, names: list[str]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    left = set(names)
    while left:
        for name in sorted(left):
            record = client.clips.get(name)
            if record is not None and record.state is ClipState.READY:
                left.discard(name)
            elif record is not None and record.state.is_final:
                raise RuntimeError(f"{name} failed: {record.failure}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"not ready in {_PATIENCE_S:g} s: {', '.join(sorted(left))}")
        time.sleep(0.1)


class _Meter:
    """Processor seconds of some processes and all below them, sampled while they live.

    Sampled, since the cage does not wait for the program in it: the kernel credits nobody with what that used.
    """

    def __init__(self, roots: list[int]) -> None:
        self._roots = roots
        self._first_s: dict[int, float] = {}
        self._last_s: dict[int, float] = {}
        self._sample()
        self._first_s = dict(self._last_s)

    def run_until(self, done: threading.Event) -> None:
        while not done.wait(_SAMPLE_S):
            self._sample()

    @property
    def used_s(self) -> float:
        return sum(self._last_s.values()) - sum(self._first_s.values())

    def _sample(self) -> None:
        children: dict[int, list[int]] = {}
        used_s: dict[int, float] = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                # The second field, the program's name, may hold spaces and brackets.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            children.setdefault(int(fields[1]), []).append(int(folder.name))
            used_s[int(folder.name)] = (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS
        waiting = list(self._roots)
        while waiting:
            pid = waiting.pop()
            if pid in used_s:
                self._last_s[pid] = used_s[pid]
            waiting += children.get(pid, [])
