"""The gateway as a process: it starts with one command, says what is wrong, and ends when told to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from config.settings import Settings
from tests import servers

ROOT = Path(__file__).parents[2]


def command(port: int) -> list[str]:
    return [sys.executable, "-m", "workers.gateway", "--host", "127.0.0.1", "--port", str(port)]


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "NEWSREEL_BROKER_URL": settings.broker_url,
        "NEWSREEL_S3_ENDPOINT_URL": str(settings.s3_endpoint_url),
        "NEWSREEL_INCOMING_BUCKET": settings.incoming_bucket,
        "NEWSREEL_MEDIA_BUCKET": settings.media_bucket,
        "NEWSREEL_CAGE": "off",
    }


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_gateway_serves_until_it_is_told_to_end(environment: dict[str, str], ending: signal.Signals) -> None:
    port = servers.free_port()
    with subprocess.Popen(command(port), cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert _is_well(port)
            # A reader that stays connected does not keep it alive.
            with socket.create_connection(("127.0.0.1", port)):
                process.send_signal(ending)
                process.wait(15)
        finally:
            process.kill()
        assert process.stderr is not None
        log = process.stderr.read()
    assert process.returncode in (0, -ending)
    assert "Traceback" not in log
    assert "gateway.starting" in log
    assert "/healthz" not in log


def test_a_port_that_is_taken_ends_it_with_an_error(environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = subprocess.run(
            command(taken.getsockname()[1]), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
        )
    assert ended.returncode != 0
    assert "address already in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_setting_is_named_without_a_traceback(environment: dict[str, str]) -> None:
    wrong = {**environment, "NEWSREEL_MEDIA_BUCKET": environment["NEWSREEL_INCOMING_BUCKET"]}
    ended = subprocess.run(
        command(servers.free_port()), cwd=ROOT, env=wrong, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert "NEWSREEL_MEDIA_BUCKET must differ" in ended.stderr
    assert "Traceback" not in ended.stderr


def _is_well(port: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        except httpx.TransportError:
            time.sleep(0.1)
    return False
