"""Workspaces: refused where there is no room, gone after their job, and after their job's death too."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tasks.adapters.workspace import Workspaces
from tasks.errors import TemporarilyUnavailable


def test_a_job_that_the_disk_has_no_room_for_is_not_begun(tmp_path: Path) -> None:
    workspaces = Workspaces(tmp_path)
    too_large = shutil.disk_usage(tmp_path).free // 2
    with pytest.raises(TemporarilyUnavailable) as refused, workspaces.open(source_bytes=too_large):
        pass
    assert refused.value.code == "disk_full"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_gone_with_its_job_however_that_ends(tmp_path: Path) -> None:
    def job() -> None:
        with Workspaces(tmp_path).open(source_bytes=1) as folder:
            (folder / "made").write_bytes(b"x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        job()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_job_left_is_swept_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    script = f"""
        import time
        from pathlib import Path
        from tasks.adapters.workspace import Workspaces
        with Workspaces(Path({str(tmp_path)!r})).open(source_bytes=1) as folder:
            (folder / "half").write_bytes(b"x" * 1000)
            print(folder.name, flush=True)
            time.sleep(60)
    """
    job = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)
    assert job.stdout is not None
    left = tmp_path / job.stdout.readline().strip()
    assert Workspaces(tmp_path).sweep() == 0, "it is in use"
    job.send_signal(signal.SIGKILL)
    job.wait(30)
    job.stdout.close()
    assert (left / "half").exists()
    with Workspaces(tmp_path).open(source_bytes=1) as ours:
        assert Workspaces(tmp_path).sweep() == 1
        assert not left.exists()
        assert ours.exists()
