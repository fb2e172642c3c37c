"""Running one external program to its end: bounded in time and silence, stoppable, and never left behind."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tasks.adapters.cage import LAUNCHER, Cage, Limits, step_back
from tasks.adapters.feeding import Feed, Feeder
from tasks.errors import NewsreelError

_TICK_S = 0.2
# Whoever keeps a dead program's pipes open for longer was left behind by it: the cage's inner process waits for ever if
# the outer one is killed at its very beginning.
_LEFT_BEHIND_S = 1.0
TAIL_BYTES = 8192
_MAX_OUTPUT_BYTES = 32 * 1024**2

# bubblewrap's own exit code, and how it begins what it says; the loader's, for whom its library can't be had.
_CAGE_FAILED = 1
_CAGE_SAYS = "bwrap: "
# A shell's: the program can't be executed, or is not there.
_LAUNCHER_FAILED = (126, 127)
_LOADER_FAILED = 127
_LOADER_SAYS = re.compile(r"\A\S+: error while loading shared libraries: |\AError (?:loading|relocating) ")


class NotStarted(NewsreelError):  # noqa: N818
    """The program, or the cage around it, could not be started; it has seen nothing of the file."""


class Stopped(NewsreelError):  # noqa: N818
    """The run was ended because its caller asked for it."""


class Overran(NewsreelError):  # noqa: N818
    """The run took too long, was silent for too long or printed too much, and was ended; the message says which."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a program ended: its exit code (negative: the signal that killed it), output, and the end of its messages.

    ``counted`` are the lines among all its messages that were to be counted.
    """

    exit_code: int
    stdout: bytes
    stderr_tail: str
    counted: int = 0


def run(
    program: Path,
    arguments: list[str],
    *,
    folder: Path,
    cage: Cage,
    limits: Limits,
    timeout_s: float,
    silence_s: float | None = None,
    on_line: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
    feed: Feed | None = None,
    counting: re.Pattern[bytes] | None = None,
    tail_bytes: int = TAIL_BYTES,
) -> Finished:
    """Run the program in the cage, in ``folder``, and wait for it.

    With ``on_line``, standard output is handed over line by line and not kept. With ``feed``, its standard input is
    what that gives; it need not read all of it, and the time in which it waits for more doesn't count. Its messages of
    which a line has what ``counting`` finds are counted, and the last ``tail_bytes`` of all are kept. However this call
    ends, the program and whatever it started are gone.

    Raises:
        Overran: it ran for more than ``timeout_s``, printed nothing for ``silence_s``, or more than 32 MiB.
        Stopped: ``stop`` was set.
        NotStarted: it, or the cage, can't be started.
        Whatever ``feed`` or ``on_line`` raises, at once.
    """
    launch = cage.wrap(program, arguments, folder, limits)
    try:
        process = subprocess.Popen(
            launch.command,
            cwd=folder,
            # What decodes other people's files needs none of our variables, and some of them are secrets.
            env={},
            stdin=subprocess.DEVNULL if feed is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=launch.before_exec,
        )
    # The second: a limit that the child can't set, which leaves it before the program begins.
    except (OSError, subprocess.SubprocessError) as error:
        raise NotStarted(str(error)) from error
    assert process.stdout is not None  # noqa: S101 # for the type checker
    assert process.stderr is not None  # noqa: S101
    feeder: Feeder | None = None
    reader: _Reader | None = None
    try:
        try:
            reader = _Reader(process.stdout, process.stderr, on_line, counting, tail_bytes)
        except OSError as error:  # no file descriptor is left to wait with
            raise NotStarted(str(error)) from error
        if feed is not None and process.stdin is not None:
            feeder = Feeder(process.stdin, feed)
        has_stepped_back = step_back(process.pid, limits.niceness)
        started = time.monotonic()
        died_at: float | None = None
        while reader.read(_TICK_S):
            now = time.monotonic()
            has_stepped_back = has_stepped_back or step_back(process.pid, limits.niceness)
            if died_at is None and _is_dead(process):
                died_at = now
            if died_at is not None and now - died_at > _LEFT_BEHIND_S:
                _kill_group(process)
            if stop is not None and stop.is_set():
                raise Stopped(f"{program.name} was stopped")
            if feeder is not None and feeder.error is not None:
                raise feeder.error
            if now - started - (feeder.waited_s if feeder is not None else 0.0) > timeout_s:
                raise Overran(f"{program.name} ran for more than {timeout_s:.0f} s")
            heard_at = reader.heard_at if feeder is None else max(reader.heard_at, feeder.given_at)
            if silence_s is not None and now - heard_at > silence_s:
                raise Overran(f"{program.name} made no progress for {silence_s:.0f} s")
        exit_code = _wait(process, feeder, until=max(time.monotonic() + 1.0, started + timeout_s))
        if feeder is not None and feeder.error is not None:
            raise feeder.error
        # bubblewrap reports its program's death by a signal the shell's way; few of ffmpeg's own are among those.
        exit_code = 128 - exit_code if cage.works and 128 < exit_code < 128 + 32 else exit_code
        tail = reader.tail()
        if _was_not_started(exit_code, tail, is_caged=cage.works):
            raise NotStarted(tail)
        return Finished(exit_code=exit_code, stdout=bytes(reader.kept), stderr_tail=tail, counted=reader.counted)
    except subprocess.TimeoutExpired as error:
        raise Overran(f"{program.name} ran for more than {timeout_s:.0f} s") from error
    finally:
        _end(process)
        if reader is not None:
            reader.close()
        if feeder is not None:
            feeder.end()
        elif process.stdin is not None:
            process.stdin.close()
        process.stdout.close()
        process.stderr.close()


class _Reader:
    def __init__(
        self,
        stdout: IO[bytes],
        stderr: IO[bytes],
        on_line: Callable[[str], None] | None,
        counting: re.Pattern[bytes] | None,
        tail_bytes: int,
    ) -> None:
        self.kept = bytearray()
        self.counted = 0
        self._counting = counting
        self._tail_bytes = tail_bytes
        self._line = b""
        self.heard_at = time.monotonic()
        self._messages = bytearray()
        self._on_line = on_line
        self._stdout = stdout
        self._selector = selectors.DefaultSelector()
        for pipe in (stdout, stderr):
            self._selector.register(pipe, selectors.EVENT_READ)

    def read(self, timeout_s: float) -> bool:
        """Take in what has come; False once both pipes have ended."""
        for ready, _ in self._selector.select(timeout_s):
            pipe = ready.fileobj
            chunk = os.read(ready.fd, 65536)
            if not chunk:
                self._selector.unregister(pipe)
            elif pipe is self._stdout:
                self.heard_at = time.monotonic()
                self._take(chunk)
            else:
                self._messages = (self._messages + chunk)[-self._tail_bytes :]
                if self._counting is not None:
                    self._count(self._counting, chunk)
        return bool(self._selector.get_map())

    def close(self) -> None:
        self._selector.close()

    def _count(self, counting: re.Pattern[bytes], chunk: bytes) -> None:
        *lines, rest = (self._line + chunk).split(b"\n")
        self._line = rest[-TAIL_BYTES:]
        self.counted += sum(counting.search(line) is not None for line in lines)

    def _take(self, chunk: bytes) -> None:
        self.kept += chunk
        if self._on_line is not None:
            *lines, rest = bytes(self.kept).split(b"\n")
            self.kept = bytearray(rest)
            for line in lines:
                self._on_line(line.decode("utf-8", "replace"))
        if len(self.kept) > _MAX_OUTPUT_BYTES:
            raise Overran(f"the program printed more than {_MAX_OUTPUT_BYTES} bytes")

    def tail(self) -> str:
        return self._messages.decode("utf-8", "replace").strip()


def _wait(process: subprocess.Popen[bytes], feeder: Feeder | None, *, until: float) -> int:
    """Wait for one whose output has ended; its feed may fail yet.

    Raises:
        subprocess.TimeoutExpired: the monotonic clock has come to ``until``.
    """
    while feeder is not None and feeder.error is None and time.monotonic() < until:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=_TICK_S)
    if feeder is not None and feeder.error is not None:
        raise feeder.error
    return process.wait(timeout=max(0.0, until - time.monotonic()))


def _was_not_started(exit_code: int, messages: str, *, is_caged: bool) -> bool:
    """Whether it was the cage or the loader that failed: a program in the cage begins its messages differently."""
    if is_caged and exit_code == _CAGE_FAILED and messages.startswith(_CAGE_SAYS):
        return True
    if is_caged and exit_code in _LAUNCHER_FAILED and messages.startswith(f"{LAUNCHER}: "):
        return True
    return exit_code == _LOADER_FAILED and _LOADER_SAYS.match(messages) is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        _kill_group(process)
        process.wait()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill all that is left of it; called before it is reaped, so that the group's number is still its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _is_dead(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended; it is not reaped."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
