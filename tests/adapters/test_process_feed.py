"""Feeding a program's standard input: whatever fails, stalls or ends on either side, nothing is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.adapters import process
from tasks.adapters.cage import Cage, Limits
from tasks.adapters.process import Stopped
from tasks.errors import TemporarilyUnavailable

SHELL = Path("/bin/sh")
MIB = 1024**2

Given = Callable[[threading.Event], Iterator[bytes]]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = set(Path("/proc/self/fd").iterdir())
    yield
    assert [each.name for each in threading.enumerate() if each.name == "feeder"] == []
    assert set(Path("/proc/self/fd").iterdir()) <= before


def run(script: str, folder: Path, feed: Given, *, mode: str = "off", **options: object) -> process.Finished:
    defaults: dict[str, object] = {"cage": Cage(mode), "limits": Limits(), "timeout_s": 30.0}
    return process.run(SHELL, ["-c", script], folder=folder, feed=feed, **(defaults | options))


def given(*chunks: bytes) -> Given:
    return lambda _: iter(chunks)


@pytest.mark.parametrize("mode", ["off", "auto"])
def test_a_program_reads_all_and_learns_of_the_end(tmp_path: Path, mode: str) -> None:
    # The shell alone: the cage has no other program.
    script = 'count=0; while read -r line; do count=$((count + ${#line} + 1)); done; echo "$count"'
    line = b"a" * 4095 + b"\n"
    assert run(script, tmp_path, given(line * 100, b"", line * 300), mode=mode).stdout == b"%d\n" % (4096 * 400)


@pytest.mark.parametrize("mode", ["off", "auto"])
@pytest.mark.parametrize("script", ["read -r line; exit 3", "exec < /dev/null; read -r line; sleep 0.3; exit 3"])
def test_a_program_may_end_or_close_its_input_before_it_has_read_all(tmp_path: Path, mode: str, script: str) -> None:
    began = time.monotonic()
    script = script if mode == "off" else script.replace("sleep 0.3; ", "")
    assert run(script, tmp_path, given(b"line\n", bytes(4 * MIB)), mode=mode).exit_code == 3
    assert time.monotonic() - began < 20


def test_a_feed_that_fails_ends_the_run_with_its_own_error_and_no_end_of_input(tmp_path: Path) -> None:
    def fails(stop: threading.Event) -> Iterator[bytes]:
        yield b"first"
        raise TemporarilyUnavailable("store_unavailable", "gone")

    with pytest.raises(TemporarilyUnavailable, match="gone"):
        run("cat > came; echo ended > ended; exit 0", tmp_path, fails, timeout_s=20.0)
    assert not (tmp_path / "ended").exists()


def test_a_feed_that_fails_ends_also_a_program_that_has_no_more_to_say(tmp_path: Path) -> None:
    silent = threading.Event()

    def fails(stop: threading.Event) -> Iterator[bytes]:
        yield b"first"
        while not (tmp_path / "silent").exists():
            silent.wait(0.05)
        raise TemporarilyUnavailable("store_unavailable", "gone")

    with pytest.raises(TemporarilyUnavailable, match="gone"):
        run("exec >&- 2>&-; : > silent; cat > came; exit 0", tmp_path, fails, timeout_s=20.0)


def test_a_run_that_waits_for_its_feed_is_not_silent_and_one_that_does_not_read_is(tmp_path: Path) -> None:
    def slow(stop: threading.Event) -> Iterator[bytes]:
        yield b"first"
        stop.wait(1.5)
        yield b"last"

    assert run("cat; sleep 0.1", tmp_path, slow, silence_s=0.5).stdout == b"firstlast"
    with pytest.raises(process.Overran, match="no progress"):
        run("sleep 30", tmp_path, given(bytes(4 * MIB)), silence_s=0.5)


def test_a_stop_ends_a_run_that_waits_for_its_feed(tmp_path: Path) -> None:
    stop = threading.Event()

    def endless(ended: threading.Event) -> Iterator[bytes]:
        stop.set()
        if not ended.wait(20):
            yield b"it was not told"
        raise Stopped("the reader was stopped")

    with pytest.raises(Stopped, match="sh was stopped"):
        run("cat", tmp_path, endless, stop=stop)


def test_a_program_that_does_not_start_takes_nothing(tmp_path: Path) -> None:
    with pytest.raises(process.NotStarted):
        process.run(
            tmp_path / "absent", [], folder=tmp_path, cage=Cage("off"), limits=Limits(), timeout_s=5, feed=given(b"a")
        )


def test_the_pipe_is_seen_by_no_other_program(tmp_path: Path) -> None:
    def beside(stop: threading.Event) -> Iterator[bytes]:
        yield b"first"
        other = process.run(
            SHELL, ["-c", "ls -l /proc/$$/fd"], folder=tmp_path, cage=Cage("off"), limits=Limits(), timeout_s=20
        )
        # Its own two, and none of ours.
        assert other.stdout.count(b"pipe:") == 2
        yield b"last"

    assert run("cat", tmp_path, beside).stdout == b"firstlast"


def test_the_time_in_which_nothing_was_there_to_read_does_not_count(tmp_path: Path) -> None:
    def slow(_: threading.Event) -> Iterator[bytes]:
        for _ in range(4):
            time.sleep(0.5)
            yield b"line\n"

    assert run("while read -r line; do :; done; exit 3", tmp_path, slow, timeout_s=1.0).exit_code == 3
    with pytest.raises(process.Overran):
        run("sleep 20", tmp_path, slow, timeout_s=1.0)
