"""The real local stack, started as a user starts it, and a client that knows it only from outside: S3 and HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config

_READY_S: Final = 120.0
_CLOSE_BY: Final = {"NEWSREEL_LEASE_S": "6", "NEWSREEL_RECONCILE_INTERVAL_S": "2", "NEWSREEL_RETRY_DELAY_S": "1"}


@dataclass(kw_only=True)
class Stack:
    """A running `newsreel up`; ``env`` is what its `newsreel.env` says."""

    data_dir: Path
    process: subprocess.Popen[bytes] | None = None
    env: dict[str, str] = field(default_factory=dict)
    s3: Any = None

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        env_file = self.data_dir / "newsreel.env"
        # One that a killed stack left behind; the new one would remove it, but only once it has come that far.
        env_file.unlink(missing_ok=True)
        log = (self.data_dir.parent / "up.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workers.cli", "up", "--data", str(self.data_dir)],
            env={**os.environ, **_CLOSE_BY},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        deadline = time.monotonic() + _READY_S
        while not env_file.exists():
            assert self.process.poll() is None, (self.data_dir.parent / "up.log").read_text()
            assert time.monotonic() < deadline, (self.data_dir.parent / "up.log").read_text()
            time.sleep(0.1)
        lines = env_file.read_text(encoding="utf-8").splitlines()
        pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
        self.env = {name: value.strip("'\"") for name, value in pairs}
        self.s3 = boto3.client(
            "s3",
            endpoint_url=self.env["NEWSREEL_S3_ENDPOINT_URL"],
            aws_access_key_id=self.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.env["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        if self.s3 is not None:
            self.s3.close()
        return self.process.wait(timeout=60)

    def put(self, key: str, content: Path | bytes) -> None:
        """Upload to the incoming bucket, as a client does."""
        bucket = self.env["NEWSREEL_INCOMING_BUCKET"]
        if isinstance(content, Path):
            self.s3.upload_file(str(content), bucket, key)
        else:
            self.s3.put_object(Bucket=bucket, Key=key, Body=content)

    def get(self, path: str) -> bytes | None:
        """Fetch from the gateway; None where there is nothing."""
        try:
            with urllib.request.urlopen(self.env["NEWSREEL_GATEWAY_URL"] + quote(path), timeout=20) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404:
                return None
            raise

    def clip(self, name: str) -> dict[str, Any] | None:
        """The clip's record as a portal reads it."""
        body = self.get(f"/media/clips/{name}/clip.json")
        return None if body is None else json.loads(body)

    def article(self, article_id: str) -> dict[str, Any] | None:
        """The article's record as a portal reads it."""
        body = self.get(f"/media/articles/{article_id}/article.json")
        return None if body is None else json.loads(body)

    def wait_clip(self, name: str, *states: str, seconds: float = 90) -> dict[str, Any]:
        """Poll the clip's record until its state is one of these; by default a final one."""
        return _wait(lambda: self.clip(name), states or ("ready", "failed"), seconds, name)

    def wait_article(self, article_id: str, *states: str, seconds: float = 120) -> dict[str, Any]:
        """Poll the article's record until its state is one of these."""
        return _wait(lambda: self.article(article_id), states, seconds, article_id)


def _wait(look: Any, states: tuple[str, ...], seconds: float, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    record = None
    while time.monotonic() < deadline:
        record = look()
        if record is not None and record["state"] in states:
            return dict(record)
        time.sleep(0.25)
    raise AssertionError(
        f"{name} did not come to {' or '.join(states)} in {seconds:g} s: {json.dumps(record, indent=1)}"
    )


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests that do not end theirs."""
    running = Stack(data_dir=tmp_path_factory.mktemp("stack") / "data")
    running.start()
    yield running
    assert running.stop() == 0
