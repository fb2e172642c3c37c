"""The supervisor, with real child processes: none dies unnamed, none is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.waiting import eventually
from workers.child_log import ChildLog
from workers.child_process import Child, describe_exit
from workers.supervisor import ChildrenNotReady, Supervisor, next_delay_s

SLEEP = ("sleep", "600")


def child(name: str, argv: Sequence[str], **more: object) -> Child:
    return Child(name=name, argv=tuple(argv), env=dict(os.environ), cwd=Path("/"), **more)


def shell(name: str, script: str, **more: object) -> Child:
    return child(name, ("sh", "-c", script), **more)


def is_alive(pid: int) -> bool:
    """A zombie is dead: whether it is reaped is its new parent's matter."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def events() -> list[str]:
    return []


@contextlib.contextmanager
def supervised(tmp_path: Path, events: list[str], *children: Child) -> Iterator[Supervisor]:
    supervisor = Supervisor(children, log_dir=tmp_path / "logs", on_event=events.append)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.kill()
        assert supervisor.wait(10)


def test_children_start_when_what_they_need_is_ready(tmp_path: Path, events: list[str]) -> None:
    mark = tmp_path / "mark"
    first = shell("first", f"sleep 0.3; touch {mark}; exec sleep 600", is_ready=mark.exists)
    second = shell("second", f"test -e {mark} || exit 1; exec sleep 600", needs=("first",))
    with supervised(tmp_path, events, second, first) as supervisor:
        supervisor.wait_ready(10)
        assert set(supervisor.pids()) == {"first", "second"}
    assert events == []


def test_a_child_that_dies_is_named_with_the_end_of_its_log_and_started_again(
    tmp_path: Path, events: list[str]
) -> None:
    script = (
        f"echo working; test -e {tmp_path}/again && exec sleep 600; touch {tmp_path}/again; sleep 0.3; echo no; exit 3"
    )
    with supervised(tmp_path, events, shell("encoder", script)) as supervisor:
        supervisor.wait_ready(10)
        first_pid = supervisor.pids()["encoder"]
        assert eventually(lambda: supervisor.pids().get("encoder", first_pid) != first_pid)
        assert eventually(lambda: len(events) == 2)
    died, back = events
    assert died.startswith("encoder died: exit code 3 after ")
    assert "started again in 0.5 s" in died
    assert died.endswith("  | working\n  | no")
    assert back.startswith("encoder is back after ")


def test_a_child_that_is_killed_is_named_with_the_signal(tmp_path: Path, events: list[str]) -> None:
    with supervised(tmp_path, events, child("store", SLEEP)) as supervisor:
        supervisor.wait_ready(10)
        os.kill(supervisor.pids()["store"], signal.SIGKILL)
        assert eventually(lambda: bool(events))
    assert events[0].startswith("store died: signal SIGKILL after ")


def test_a_child_that_never_starts_is_given_up_with_the_reason(tmp_path: Path, events: list[str]) -> None:
    failing = shell("worker", "echo the port is taken; exit 1", is_ready=lambda: False)
    reason = r"worker does not start\.[^|]*\| the port is taken"
    with supervised(tmp_path, events, failing) as supervisor, pytest.raises(ChildrenNotReady, match=reason):
        supervisor.wait_ready(10)
    assert len(events) == 3


def test_a_program_that_is_missing_is_named(tmp_path: Path, events: list[str]) -> None:
    missing = child("worker", ("/nowhere/worker",), is_ready=lambda: False)
    reason = "/nowhere/worker: No such file or directory"
    with supervised(tmp_path, events, missing) as supervisor, pytest.raises(ChildrenNotReady, match=reason):
        supervisor.wait_ready(10)


def test_a_child_that_is_late_is_named(tmp_path: Path, events: list[str]) -> None:
    late = child("worker", SLEEP, is_ready=lambda: False)
    reason = r"Not ready after 0 s: worker\. Its log, .*, is empty"
    with supervised(tmp_path, events, late) as supervisor, pytest.raises(ChildrenNotReady, match=reason):
        supervisor.wait_ready(0.3)


def test_stopping_goes_by_rank_and_takes_grandchildren_along(tmp_path: Path, events: list[str]) -> None:
    order = tmp_path / "order"
    grandchild = tmp_path / "grandchild"

    def noting(name: str, rank: int) -> Child:
        ready = tmp_path / f"{name}.ready"
        script = f"""
            trap 'sleep 0.2; echo {name} >> {order}; exit 0' TERM
            sleep 600 & echo $! > {grandchild}.{name}
            touch {ready}
            wait"""
        return shell(name, script, stop_rank=rank, is_ready=ready.exists)

    with supervised(tmp_path, events, noting("store", 2), noting("worker", 0), noting("broker", 1)) as supervisor:
        supervisor.wait_ready(10)
        pids = [*supervisor.pids().values()]
        pids += [int(Path(f"{grandchild}.{name}").read_text()) for name in ("store", "worker", "broker")]
        supervisor.stop()
        assert supervisor.wait(10)
    assert order.read_text().split() == ["worker", "broker", "store"]
    # The children are gone; what they left has been killed, and is gone an instant later.
    assert eventually(lambda: not any(map(is_alive, pids)), 2)
    assert events == []


def test_a_child_that_does_not_end_is_killed_and_named(tmp_path: Path, events: list[str]) -> None:
    deaf = tmp_path / "deaf"
    stubborn = shell(
        "stubborn",
        f"trap '' TERM; touch {deaf}; while :; do sleep 0.1; done",
        stop_wait_s=0.5,
        is_ready=deaf.exists,
    )
    with supervised(tmp_path, events, stubborn) as supervisor:
        supervisor.wait_ready(10)
        pid = supervisor.pids()["stubborn"]
        supervisor.stop()
        assert supervisor.wait(10)
    assert not is_alive(pid)
    assert events == ["stubborn did not end in 0.5 s: killed"]


def test_a_second_request_kills_at_once(tmp_path: Path, events: list[str]) -> None:
    deaf = tmp_path / "deaf"
    stubborn = shell(
        "stubborn",
        f"trap '' TERM; touch {deaf}; while :; do sleep 0.1; done",
        stop_wait_s=60,
        is_ready=deaf.exists,
    )
    with supervised(tmp_path, events, stubborn, child("later", SLEEP, stop_rank=1)) as supervisor:
        supervisor.wait_ready(10)
        pids = supervisor.pids().values()
        supervisor.stop()
        assert not supervisor.wait(0.3)
        supervisor.kill()
        assert supervisor.wait(5)
    assert not any(map(is_alive, pids))


def test_a_full_disk_costs_an_old_log_and_no_child(
    tmp_path: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.supervisor._TRIM_LOGS_S", 0.1)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "encoder.log.1").symlink_to("/dev/full")
    chatty = shell("encoder", f"head -c {21 * 1024**2} /dev/zero; echo; exec sleep 600")
    with supervised(tmp_path, events, chatty, child("store", SLEEP)) as supervisor:
        supervisor.wait_ready(10)
        before = supervisor.pids()
        assert eventually(lambda: bool(events))
        assert eventually(lambda: supervisor.log_path("encoder").stat().st_size < 2)
        assert not supervisor.wait(0.5)
        assert supervisor.pids() == before
        assert all(map(is_alive, before.values()))
    assert len(events) == 1
    assert events[0].startswith("could not keep the old log of encoder: ")
    assert "No space left" in events[0]


def test_a_listener_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    heard: list[str] = []

    def tell(words: str) -> None:
        heard.append(words)
        os.write(writer, words.encode())

    supervisor = Supervisor((child("store", SLEEP), child("worker", SLEEP)), log_dir=tmp_path, on_event=tell)
    supervisor.start()
    try:
        supervisor.wait_ready(10)
        before = supervisor.pids()
        os.kill(before["worker"], signal.SIGKILL)
        assert eventually(lambda: len(heard) == 2), "it died, and is back"
        assert supervisor.pids()["store"] == before["store"]
        assert is_alive(supervisor.pids()["worker"])
    finally:
        supervisor.kill()
        assert supervisor.wait(10)
        os.close(writer)


@pytest.fixture
def no_more_threads() -> Iterator[Callable[[], object]]:
    """Makes this machine refuse new threads: none has room for such a stack."""
    yield lambda: threading.stack_size(1 << 47)
    threading.stack_size(0)


def test_a_child_is_ready_though_for_a_while_no_thread_could_be_started_to_ask(
    tmp_path: Path, events: list[str], no_more_threads: Callable[[], object]
) -> None:
    mark = tmp_path / "mark"
    first, second = child("first", SLEEP, is_ready=mark.exists), child("second", SLEEP, needs=("first",))
    with supervised(tmp_path, events, first, second) as supervisor:
        assert eventually(lambda: any(each.name == "readiness of first" for each in threading.enumerate()))
        no_more_threads()
        mark.touch()
        assert eventually(lambda: bool(events))
        threading.stack_size(0)
        supervisor.wait_ready(10)
    assert events == ['could not ask whether second is ready: RuntimeError("can\'t start new thread")']


NO_FILES = """
import os, resource, sys, time
from pathlib import Path
from workers.child_process import Child
from workers.supervisor import Supervisor

child = Child(name="store", argv=("sleep", "600"), env=os.environ, cwd=Path("/"))
events = []
supervisor = Supervisor([child], log_dir=Path(sys.argv[1]), on_event=events.append)
supervisor.start()
supervisor.wait_ready(20)
before = supervisor.pids()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
deadline = time.monotonic() + 20
while not events:
    assert time.monotonic() < deadline
    time.sleep(0.05)
assert not supervisor.wait(1)
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
assert supervisor.pids() == before
assert len(events) == 1 and "could not end orphans: OSError(24" in events[0], events
supervisor.stop()
assert supervisor.wait(20)
"""


def test_a_machine_out_of_files_ends_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_FILES, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


PARENT = """
import json, os, sys, time
from pathlib import Path
from workers.child_process import Child
from workers.supervisor import Supervisor

children = [Child(name=name, argv=("sleep", "600"), env=os.environ, cwd=Path("/")) for name in ("store", "worker")]
supervisor = Supervisor(children, log_dir=Path(sys.argv[1]), on_event=print)
supervisor.start()
supervisor.wait_ready(20)
print(json.dumps(supervisor.pids()), flush=True)
if sys.argv[2] == "wait":
    time.sleep(600)
sys.exit(0)
"""


@pytest.mark.parametrize("ending", ["SIGKILL", "SIGTERM", "forgets to stop"])
def test_whatever_ends_the_parent_ends_the_children(tmp_path: Path, ending: str) -> None:
    how = "wait" if ending.startswith("SIG") else "leave"
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path), how], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = json.loads(parent.stdout.readline()).values()
        if how == "wait":
            assert all(map(is_alive, pids))
            parent.send_signal(signal.Signals[ending])
        parent.wait(10)
    assert eventually(lambda: not any(map(is_alive, pids)))


@pytest.mark.parametrize(
    ("previous_s", "lived_s", "expected_s"),
    [(0, 0.1, 0.5), (0.5, 0.1, 1.0), (8.0, 29.0, 15.0), (15.0, 1.0, 15.0), (15.0, 30.0, 0.5), (0, 500.0, 0.5)],
)
def test_pauses_double_up_to_a_bound_and_begin_anew_after_a_steady_life(
    previous_s: float, lived_s: float, expected_s: float
) -> None:
    assert next_delay_s(previous_s, lived_s) == expected_s


@pytest.mark.parametrize(
    ("returncode", "words"), [(0, "exit code 0"), (3, "exit code 3"), (-9, "signal SIGKILL"), (-99, "signal 99")]
)
def test_exits_are_told_in_words(returncode: int, words: str) -> None:
    assert describe_exit(returncode) == words


def test_a_log_does_not_grow_for_ever(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "worker.log")
    with log.open() as output:
        output.write(b"early\n" + b"x" * (20 * 1024**2) + b"\nlate\n")
        output.flush()
        log.trim()
        output.write(b"after\n")
    assert log.path.read_bytes() == b"after\n"
    before = (tmp_path / "worker.log.1").read_bytes()
    assert before.endswith(b"\nlate\n")
    assert len(before) == 20 * 1024**2
