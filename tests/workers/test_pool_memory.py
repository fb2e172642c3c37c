"""What a worker holds is there once, however many processes its pool has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

# The pool's own way: the parent has built services for its checks, the signal comes before the fork, and the child
# builds its own and collects its garbage now and then.
_POOL = """
    import gc, json, os
    from celery import signals
    from workers.app import app
    from workers.services import build_services

    def memory_kib():
        with open("/proc/self/smaps_rollup") as rollup:
            rows = [line.split() for line in rollup if line.endswith("kB\\n")]
        return {row[0]: int(row[1]) for row in rows}

    app.loader.import_default_modules()
    build_services(app.settings, app=app)
    signals.worker_before_create_process.send(sender=None)
    if os.fork() == 0:
        app.services
        gc.collect()
        memory = memory_kib()
        print(json.dumps([memory["Rss:"], memory["Private_Dirty:"]]), flush=True)
        os._exit(0)
    os.wait()
"""


def test_a_process_of_the_pool_shares_most_of_its_memory_with_the_worker(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_POOL)],
        env={**os.environ, "NEWSREEL_WORKSPACE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    resident_kib, own_kib = json.loads(ended.stdout)
    assert own_kib < 0.22 * resident_kib, f"{own_kib} of {resident_kib} KiB"
