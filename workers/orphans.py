"""Orphans: descendants whose parents were killed become children of this process, which kills and reaps them.

The kernel ends a cage with its worker (`tasks.adapters.cage`), but for one moment: at its very beginning its inner
process waits for the outer one, and for ever if that is killed just then. Nobody else would end it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

log: Final = structlog.get_logger()
_PR_SET_CHILD_SUBREAPER: Final = 36
_CAGE: Final = b"bwrap"
_LOOK_S: Final = 0.5
# Whoever waits for a cage notices its end within a second (`tasks.adapters.process`).
_UNWANTED_S: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class _Child:
    pid: int
    name: bytes
    is_dead: bool
    session: int

    @property
    def was_started_here(self) -> bool:
        """Whether it is of this process's session, or leads its own: then whoever started it waits for it."""
        return self.session in (self.pid, os.getsid(0))


class Orphans:
    """The orphans that become children of this process. Used by one thread."""

    def __init__(self) -> None:
        """Adopt: from now on whoever loses its parent below this process becomes its child (prctl(2)).

        Raises:
            OSError: this kernel can't.
        """
        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
        self._dead_since_s: dict[int, float] = {}

    def settle(self) -> int:
        """Kill stranded cages, and reap the dead for whom nobody waits; returns how many were killed.

        Raises:
            OSError: this process may open no more files, so it can't look.
        """
        now_s = time.monotonic()
        children = list(_children())
        dead = {child.pid for child in children if child.is_dead}
        self._dead_since_s = {pid: self._dead_since_s.get(pid, now_s) for pid in dead}
        ended = 0
        for child in children:
            if child.is_dead:
                is_old = now_s - self._dead_since_s[child.pid] > _UNWANTED_S
                if not child.was_started_here or (child.name == _CAGE and is_old):
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(child.pid, os.WNOHANG)
            elif child.name == _CAGE and _is_inner(child.pid):
                # One that has got other rights meanwhile can't be ended, and is no reason to leave the next.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(child.pid, signal.SIGKILL)
                    ended += 1
        return ended

    def settle_in_background(self) -> None:
        """`settle` twice a second for as long as this process lives."""
        threading.Thread(target=self._run, name="orphans", daemon=True).start()

    def _run(self) -> None:
        told = ""
        while True:
            time.sleep(_LOOK_S)
            try:
                self.settle()
            except OSError as error:
                # It passes, and then orphans are to be ended again; told once, not twice a second.
                if told != str(error):
                    log.warning("orphans not looked for", error=str(error))
                told = str(error)
            else:
                told = ""


def _children() -> Iterator[_Child]:
    for thread in Path("/proc/self/task").iterdir():
        try:
            pids = (thread / "children").read_text(encoding="ascii").split()
        except OSError:
            continue  # that thread has just ended
        for pid in pids:
            try:
                # The name stands in brackets and may hold any character.
                head, _, tail = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")
            except OSError:
                continue
            state, _, _, session = tail.split()[:4]
            yield _Child(pid=int(pid), name=head.partition(b"(")[2], is_dead=state in b"ZX", session=int(session))


def _is_inner(pid: int) -> bool:
    """Whether it is the first process of a PID namespace; a cage's outer process, our own child, is not."""
    numbers = _numbers(str(pid))
    return len(numbers) > len(_numbers("self")) and numbers[-1] == b"1"


def _numbers(pid: str) -> list[bytes]:
    """The process's id in each namespace, the outermost first (proc(5), ``NSpid``); none once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_bytes().splitlines()
    except OSError:
        return []
    return next((line.split()[1:] for line in lines if line.startswith(b"NSpid:")), [])
