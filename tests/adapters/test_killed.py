"""An encoder that the kernel kills is a passing fault, and an operator sees whether memory was the reason."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tasks.adapters import memory_kills
from tasks.adapters.cage import Cage
from tasks.adapters.ffmpeg import Ffmpeg
from tasks.errors import TemporarilyUnavailable
from tests import clips

ENDLESS = ["-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=64x64", "-f", "null", "-"]


def kill_ffmpeg(below: int, on_kill: object = None) -> None:
    """Kill the ffmpeg below that process as the kernel's out-of-memory killer does: it alone, by SIGKILL."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if b"testsrc2=size=64x64" not in (folder / "cmdline").read_bytes().split(b"\0"):
                    continue
                # In the cage the same words are bubblewrap's, whose grandchild ffmpeg is.
                if (folder / "comm").read_text().startswith("bwrap") or not is_below(int(folder.name), below):
                    continue
                if callable(on_kill):
                    on_kill()
                os.kill(int(folder.name), signal.SIGKILL)
                return
        time.sleep(0.02)


def is_below(pid: int, root: int) -> bool:
    while pid > 1:
        pid = int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
        if pid == root:
            return True
    return False


@pytest.fixture(params=["off", "auto"])
def ffmpeg(request: pytest.FixtureRequest) -> Ffmpeg:
    return Ffmpeg(clips.FFMPEG, Cage(request.param))


def test_a_killed_encoder_is_a_passing_fault_that_says_so(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    threading.Thread(target=kill_ffmpeg, args=(os.getpid(),), daemon=True).start()
    with pytest.raises(TemporarilyUnavailable) as ended:
        ffmpeg.run(tmp_path, ENDLESS, timeout_s=60)
    if memory_kills.count() is not None:
        assert ended.value.detail.startswith(("not for want of memory", "the kernel ended"))
    assert "signal 9" in ended.value.detail


def test_one_that_is_killed_while_the_kernel_lacks_memory_ran_out_of_it(
    ffmpeg: Ffmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Memory can't be made scarce here without harm to everybody else on the machine: the kernel's count is written.
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("pgfault 7\noom_kill 3\noom_kill_x 9\n")
    monkeypatch.setattr(memory_kills.count, "__defaults__", (vmstat,))
    counted = threading.Thread(
        target=kill_ffmpeg, args=(os.getpid(), lambda: vmstat.write_text("pgfault 9\noom_kill 4\n")), daemon=True
    )
    counted.start()
    with pytest.raises(TemporarilyUnavailable) as ended:
        ffmpeg.run(tmp_path, ENDLESS, timeout_s=60)
    assert ended.value.code == "out_of_memory"
    assert ended.value.detail.startswith("the kernel ended 1 of this machine's processes for want of memory meanwhile")


def test_a_kernel_that_does_not_count_leaves_the_question_open(tmp_path: Path) -> None:
    assert memory_kills.count(tmp_path / "none") is None
    (tmp_path / "vmstat").write_text("pgfault 7\n")
    assert memory_kills.count(tmp_path / "vmstat") is None
