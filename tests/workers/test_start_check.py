"""A worker that could not prove what it rests on does not start, whatever it was that kept it from proving it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

NOWHERE = "redis://127.0.0.1:1/0"


def test_a_check_that_fails_in_a_way_that_nobody_foresaw_ends_the_worker(tmp_path: Path) -> None:
    # A profile that is not in the account's file: no client of the store can be made.
    env = {
        **os.environ,
        "AWS_PROFILE": "nobody",
        "AWS_CONFIG_FILE": "/dev/null",
        "NEWSREEL_BROKER_URL": NOWHERE,
        "NEWSREEL_WORKSPACE_DIR": str(tmp_path),
    }
    worker = subprocess.run(
        [sys.executable, "-m", "celery", "--app", "workers.app", "worker", "--queues", "ingest", "--pool", "solo"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert worker.returncode == 1, worker.stdout
    assert "refusing to start" in worker.stdout
    assert "ProfileNotFound" in worker.stdout


_RACE = """
    import threading
    from tasks.adapters.conditional_writes import verify_conditional_writes
    from tasks.errors import TemporarilyUnavailable

    begin, begun = threading.Thread.start, []

    def start(thread):
        begun.append(thread)
        # No machine has room for the stack of the third.
        threading.stack_size(1 << 47 if len(begun) == 3 else 0)
        begin(thread)

    class Store:
        def delete(self, bucket, key):
            pass

    threading.Thread.start = start
    try:
        verify_conditional_writes(Store(), "media", rounds=1, racers=3)
    except TemporarilyUnavailable as error:
        print(error.code, error.detail)
"""


def test_a_racer_that_can_not_be_started_does_not_keep_the_others_waiting_for_ever() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_RACE)], capture_output=True, text=True, timeout=25, check=True
    )
    assert done.stdout.startswith("machine_exhausted ")
    assert "can't start new thread" in done.stdout
