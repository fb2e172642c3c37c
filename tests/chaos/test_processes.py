"""Nobody below a chaos run can slip away: who loses its parent is found all the same, and the dead are let go."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

_SCRIPT = """
    import os, subprocess, sys, time
    from tests.chaos import processes
    processes.adopt_orphans()
    # A parent that leaves a child behind, in a group of its own as ffmpeg is.
    left = "import subprocess, sys; subprocess.Popen(['sleep', sys.argv[1]], process_group=0)"
    subprocess.run([sys.executable, "-c", left, "60"], check=True)
    (orphan,) = processes.below([os.getpid()])
    assert (orphan.name, orphan.parent) == ("sleep", os.getpid()), orphan
    os.kill(orphan.pid, 9)
    while processes.below([os.getpid()]):
        time.sleep(0.01)
    processes.bury_adopted()
    assert not os.path.exists(f"/proc/{orphan.pid}")
    # The cage's inner process, which leads a session of its own, is let go, too.
    inner = "import os, sys, subprocess; subprocess.Popen([sys.argv[1], '0.5'], start_new_session=True)"
    bwrap = os.path.join(sys.argv[1], "bwrap")
    os.symlink("/bin/sleep", bwrap)
    subprocess.run([sys.executable, "-c", inner, bwrap], check=True)
    while processes.below([os.getpid()]):
        time.sleep(0.01)
    assert "bwrap" in [each.name for each in processes._all() if each.parent == os.getpid()]
    processes.bury_adopted()
    assert "bwrap" not in [each.name for each in processes._all() if each.parent == os.getpid()]
    # One that somebody here waits for is left to them.
    mine = subprocess.Popen(["false"], start_new_session=True)
    time.sleep(0.2)
    processes.bury_adopted()
    assert mine.wait() == 1
"""


def test_an_orphan_is_found_and_let_go_when_it_is_dead(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_SCRIPT), str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
