"""One child process: what to run, how it is started and ended, and how its end is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

_GUARD: Final = Path(__file__).with_name("guard.py")


@dataclass(frozen=True, kw_only=True)
class Child:
    """What to run, and how.

    Parameters:
        is_ready: asked again and again, in a thread of its own, until it says yes; it never raises.
        needs: names of the children that must be ready before this one is started for the first time.
        stop_rank: the lowest rank is stopped first; a rank ends before the next is told to.
        stop_wait_s: after SIGTERM, how long until SIGKILL.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    is_ready: Callable[[], bool] = lambda: True
    needs: tuple[str, ...] = ()
    stop_rank: int = 0
    stop_wait_s: float = 10.0


def spawn(child: Child, output: BinaryIO) -> subprocess.Popen[bytes]:
    """Start the child, tied to the life of the calling thread; what it prints goes to ``output``.

    Raises:
        OSError: it can't be started.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), *child.argv],
        env=dict(child.env),
        cwd=child.cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        # Its own process group: a terminal's Ctrl-C reaches only us, and all of it ends together.
        start_new_session=True,
    )


def has_exited(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended; it stays unreaped, so that its process group's number is not reused yet."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def end_group(process: subprocess.Popen[bytes]) -> int:
    """Kill what is left of the child and its descendants, and give its return code."""
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def describe_exit(returncode: int) -> str:
    """``exit code 3``, or ``signal SIGKILL`` for what `subprocess` shows as a negative code."""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return f"signal {signal.Signals(-returncode).name}"
    except ValueError:
        return f"signal {-returncode}"
