"""Keeps child processes running: starts them in order, reports and restarts dead ones, leaves none behind.

Knows nothing of newsreel. One thread does all of it, since the kernel ties a child's life to the thread that started it
(`workers.guard`): whatever ends this process, SIGKILL too, ends its children. What a killed child leaves behind becomes
this process's own child (`workers.orphans`). Since all children end with that thread, no side duty may end it: not a
full disk, a listener that is gone, or a machine out of threads or files.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from workers.child_log import ChildLog
from workers.child_process import Child, describe_exit, end_group, has_exited, spawn
from workers.orphans import Orphans

_LOOK_S: Final = 0.05
_TRIM_LOGS_S: Final = 5.0
_ORPHANS_S: Final = 0.5
_FIRST_DELAY_S: Final = 0.5
_LONGEST_DELAY_S: Final = 15.0
_STEADY_S: Final = 30.0
# A child that dies this often before it was ready once was given something wrong: waiting longer changes nothing.
_HOPELESS_DEATHS: Final = 3


class ChildrenNotReady(Exception):  # noqa: N818 # as in tasks.errors, the outcome's name reads better
    """The children did not all become ready; the message says which, and why."""


@dataclass(kw_only=True, eq=False)
class _Run:
    """The state of one child."""

    child: Child
    log: ChildLog
    process: subprocess.Popen[bytes] | None = None
    # The process whose readiness is being asked for.
    watched: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_not_before: float = 0.0
    delay_s: float = 0.0
    deaths_before_ready: int = 0
    was_ready: bool = False


def next_delay_s(previous_s: float, lived_s: float) -> float:
    """The pause before a dead child is started again: 0.5 s, doubled up to 15 s; from the start after 30 s of life."""
    if previous_s == 0 or lived_s >= _STEADY_S:
        return _FIRST_DELAY_S
    return min(previous_s * 2, _LONGEST_DELAY_S)


class Supervisor:
    """Supervises a set of children.

    Parameters:
        log_dir: each child's output goes to ``<name>.log`` there.
        on_event: told, in words, of deaths, restarts, forced ends, and of what this machine can't do just now; called
            from the supervisor's threads. What it raises is passed over.
    """

    def __init__(self, children: Sequence[Child], *, log_dir: Path, on_event: Callable[[str], None]) -> None:
        log_dir.mkdir(parents=True, exist_ok=True)
        self._runs = {child.name: _Run(child=child, log=ChildLog(log_dir / f"{child.name}.log")) for child in children}
        self._on_event = on_event
        # Plain flags, no events: signal handlers set them, and an event's lock may be held by what they interrupt.
        self._stopping = False
        self._killing = False
        self._settled = threading.Event()
        self._hopeless: _Run | None = None
        # What was told last of each duty that fails; all of it is the supervising thread's.
        self._troubles: dict[str, str] = {}
        # Should this process end without `stop`, nothing waits for the thread, and with it go the children.
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begin; the children start in the background."""
        self._thread.start()

    def wait_ready(self, timeout_s: float) -> None:
        """Return when every child has been ready once.

        Raises:
            ChildrenNotReady: the time is over, a child keeps dying, or `stop` was called meanwhile.
        """
        self._settled.wait(timeout_s)
        if self._hopeless:
            raise ChildrenNotReady(f"{self._hopeless.child.name} does not start. {self._hopeless.log.ending()}")
        late = [run for run in self._runs.values() if not run.was_ready]
        if self._stopping:
            raise ChildrenNotReady("Stopped before all of it was ready.")
        if late:
            names = ", ".join(run.child.name for run in late)
            raise ChildrenNotReady(f"Not ready after {timeout_s:.0f} s: {names}. {late[0].log.ending()}")

    def pids(self) -> dict[str, int]:
        """The process id of each child that runs now."""
        return {name: run.process.pid for name, run in self._runs.items() if run.process}

    def log_path(self, name: str) -> Path:
        """Where that child's output goes."""
        return self._runs[name].log.path

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of supervision; True if it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Ask for an orderly end, rank by rank; returns at once and may be called from a signal handler."""
        self._stopping = True

    def kill(self) -> None:
        """Ask for the end of all children at once, by SIGKILL; returns at once."""
        self._killing = True
        self._stopping = True

    def _supervise(self) -> None:
        trim_at = orphans_at = time.monotonic()
        orphans = Orphans()
        try:
            while not self._stopping:
                now = time.monotonic()
                for run in self._runs.values():
                    if run.process is None:
                        if now >= run.start_not_before and all(self._runs[name].was_ready for name in run.child.needs):
                            self._start(run)
                    elif has_exited(run.process):
                        self._bury(run, run.process)
                    elif run.watched is not run.process:
                        self._attempt(f"ask whether {run.child.name} is ready", partial(self._watch, run, run.process))
                if all(run.was_ready for run in self._runs.values()):
                    self._settled.set()
                if now >= orphans_at:
                    orphans_at = now + _ORPHANS_S
                    self._attempt("end orphans", orphans.settle)
                if now >= trim_at:
                    trim_at = now + _TRIM_LOGS_S
                    for run in self._runs.values():
                        self._attempt(f"keep the old log of {run.child.name}", run.log.trim)
                time.sleep(_LOOK_S)
        finally:
            self._stopping = True
            self._stop_all()
            self._attempt("end orphans", orphans.settle)
            self._settled.set()

    def _attempt(self, duty: str, step: Callable[[], object]) -> None:
        """Do a duty that can be repeated later. A failure is reported, but not at each attempt."""
        try:
            step()
        except Exception as error:
            words = f"could not {duty}: {error!r}"
            if self._troubles.get(duty) != words:
                self._tell(words)
            self._troubles[duty] = words
        else:
            self._troubles.pop(duty, None)

    def _tell(self, words: str) -> None:
        # Whoever listens may be gone, as a terminal or a pipe can be, and nobody else is left to be told.
        with contextlib.suppress(Exception):
            self._on_event(words)

    def _start(self, run: _Run) -> None:
        run.started_at = time.monotonic()
        try:
            with run.log.open() as output:
                run.process = spawn(run.child, output)
        except OSError as error:
            self._plan_restart(run, f"could not be started: {error}")

    def _watch(self, run: _Run, process: subprocess.Popen[bytes]) -> None:
        threading.Thread(
            target=self._await_ready, args=(run, process), name=f"readiness of {run.child.name}", daemon=True
        ).start()
        run.watched = process

    def _await_ready(self, run: _Run, process: subprocess.Popen[bytes]) -> None:
        """Ask the child until it is ready, dead or unwanted."""
        while run.process is process and not self._stopping:
            if run.child.is_ready() and run.process is process:
                if run.was_ready:
                    self._tell(f"{run.child.name} is back after {time.monotonic() - run.started_at:.1f} s")
                run.was_ready = True
                return
            time.sleep(_LOOK_S)

    def _bury(self, run: _Run, process: subprocess.Popen[bytes]) -> None:
        """Name a child that died by itself, and plan its next start."""
        run.process = None
        self._plan_restart(run, f"died: {describe_exit(end_group(process))}")

    def _plan_restart(self, run: _Run, what_happened: str) -> None:
        now = time.monotonic()
        lived_s = now - run.started_at
        run.delay_s = next_delay_s(run.delay_s, lived_s)
        run.start_not_before = now + run.delay_s
        self._tell(
            f"{run.child.name} {what_happened} after {lived_s:.1f} s; "
            f"it is started again in {run.delay_s:g} s. {run.log.ending()}"
        )
        if not run.was_ready:
            run.deaths_before_ready += 1
            if run.deaths_before_ready >= _HOPELESS_DEATHS:
                self._hopeless = run
                self._settled.set()

    def _stop_all(self) -> None:
        runs = self._runs.values()
        for rank in sorted({run.child.stop_rank for run in runs}):
            alive = [(run.child, run.process) for run in runs if run.process and run.child.stop_rank == rank]
            for _, process in alive:
                # To the leader alone: it knows how to end its own children well. (terminate() might reap it unseen.)
                os.kill(process.pid, signal.SIGTERM)
            told_at = time.monotonic()
            while alive:
                for child, process in list(alive):
                    too_late = time.monotonic() > told_at + child.stop_wait_s
                    if too_late and not self._killing:
                        self._tell(f"{child.name} did not end in {child.stop_wait_s:g} s: killed")
                    if too_late or self._killing or has_exited(process):
                        end_group(process)
                        alive.remove((child, process))
                if alive:
                    time.sleep(_LOOK_S)
