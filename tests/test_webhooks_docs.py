"""docs/webhooks.md does what it says: its receiver takes what newsreel sends, once, and nothing else."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

from tasks.adapters import notifier
from tasks.adapters.endpoints import Endpoint, read_endpoints
from tasks.records.deliveries import GIVEN_UP_AFTER, PAUSES_S
from tasks.records.deliveries_events import EVENT_TYPES
from tests import servers
from tests.receiver import SECRET

PAGE = (Path(__file__).parents[1] / "docs" / "webhooks.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def endpoint(port: int, secret: str) -> Endpoint:
    (made,) = read_endpoints(f'[[endpoint]]\nname = "p"\nurl = "http://127.0.0.1:{port}/"\nsecret = "{secret}"\n')
    return made


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_receiver_takes_what_is_genuine_once() -> None:
    port = servers.free_port()
    env = {**os.environ, "SECRET": SECRET, "PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-c", block("python")], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        deadline = time.monotonic() + 30
        while not listens(port):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        ours, theirs = endpoint(port, SECRET), endpoint(port, "a-secret-of-somebody-else")
        body = '{"type":"clip.ready","data":{"name":"c1"}}'
        assert notifier.send(theirs, webhook_id="msg_1_0", body=body).status == 401
        assert [notifier.send(ours, webhook_id="msg_1_0", body=body).status for _ in range(2)] == [204, 204]
        assert notifier.send(ours, webhook_id="msg_2_0", body=body.replace("ready", "failed")).status == 204
    finally:
        process.kill()
        output, _ = process.communicate()
    assert output.splitlines() == ["clip.ready c1", "clip.failed c1"]


def test_the_page_names_every_event_and_the_schedule() -> None:
    assert set(re.findall(r"`((?:clip|article)\.[a-z]+)`", PAGE)) == set(EVENT_TYPES)
    assert list(PAUSES_S) == [5, 30, 2 * 60, 10 * 60, 3600, 3 * 3600, 6 * 3600, 12 * 3600]
    assert "after 5 s, 30 s, 2 min, 10 min, 1 h, 3 h, 6 h and 12 h" in PAGE
    assert GIVEN_UP_AFTER.total_seconds() == 24 * 3600
    assert f"within {notifier.TOTAL_S:.0f} s" in PAGE


def test_the_example_is_a_right_file(tmp_path: Path) -> None:
    secret = tmp_path / "portal"
    secret.write_text(SECRET, encoding="utf-8")
    (made,) = read_endpoints(block("toml").replace("/run/secrets/portal", str(secret)))
    assert made.wants("clip.ready")
    assert not made.wants("article.waiting")
