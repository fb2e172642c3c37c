"""The running stack keeps its secrets: none on a command line, in a log, in a record or in what Flower tells."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.acceptance.conftest import Stack

SECRETS = ("AWS_SECRET_ACCESS_KEY", "NEWSREEL_EVENTS_TOKEN", "NEWSREEL_FLOWER_PASSWORD", "NEWSREEL_OPERATOR_TOKEN")
FLOWER_PATHS = ("/", "/workers", "/tasks", "/broker", "/api/tasks", "/api/workers", "/api/task/types", "/metrics")


def secrets_of(stack: Stack) -> dict[str, str]:
    """By the name of their variable; the broker's password is a part of its URL."""
    password = stack.env["NEWSREEL_BROKER_URL"].partition("://:")[2].partition("@")[0]
    found = {name: stack.env[name] for name in SECRETS} | {"the broker's password": password}
    assert all(len(secret) >= 12 for secret in found.values())
    return found


def family(pid: int) -> set[int]:
    """A process and all that descend from it."""
    found, front = {pid}, {pid}
    while front:
        children: set[int] = set()
        for each in front:
            for task in Path(f"/proc/{each}/task").glob("*/children"):
                children |= {int(child) for child in task.read_text(encoding="ascii").split()}
        front = children - found
        found |= front
    return found


@pytest.mark.stack
def test_no_secret_stands_on_a_command_line(stack: Stack) -> None:
    assert stack.process is not None
    lines = {}
    for pid in family(stack.process.pid):
        try:
            lines[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
    assert len(lines) > 8
    for name, secret in secrets_of(stack).items():
        assert not [line for line in lines.values() if secret in line], name


@pytest.mark.stack
def test_no_secret_is_written_to_a_log(stack: Stack) -> None:
    # What is refused is logged too.
    request = urllib.request.Request(
        stack.env["NEWSREEL_GATEWAY_URL"] + "/events",
        data=b"no event",
        headers={"Authorization": f"Bearer {stack.env['NEWSREEL_EVENTS_TOKEN']}"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    assert refused.value.code == 422
    refused.value.close()
    logs = [path for path in (stack.data_dir / "logs").rglob("*") if path.is_file()] + [
        stack.data_dir.parent / "up.log"
    ]
    assert len(logs) > 5
    for name, secret in secrets_of(stack).items():
        assert not [path.name for path in logs if secret.encode() in path.read_bytes()], name


@pytest.mark.stack
def test_flower_tells_nobody_anything_and_its_user_no_secret(stack: Stack) -> None:
    url = stack.env["NEWSREEL_FLOWER_URL"]
    login = f"{stack.env['NEWSREEL_FLOWER_USER']}:{stack.env['NEWSREEL_FLOWER_PASSWORD']}"
    wrong = base64.b64encode(f"{stack.env['NEWSREEL_FLOWER_USER']}:".encode()).decode()
    right = base64.b64encode(login.encode()).decode()
    for path in FLOWER_PATHS:
        for headers in ({}, {"Authorization": f"Basic {wrong}"}):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(urllib.request.Request(url + path, headers=headers), timeout=20)
            refused.value.close()
            assert refused.value.code == 401, path
        asked = urllib.request.Request(url + path, headers={"Authorization": f"Basic {right}"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            told = answer.read().decode(errors="replace")
        for name, secret in secrets_of(stack).items():
            assert secret not in told, (path, name)


@pytest.mark.stack
def test_records_hold_no_secret(stack: Stack) -> None:
    stack.put("clips/120320_SECRET1.mp4", b"no video")
    stack.wait_clip("120320_SECRET1")
    bucket = stack.env["NEWSREEL_MEDIA_BUCKET"]
    pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    names = [item["Key"] for page in pages for item in page.get("Contents", ()) if item["Key"].endswith(".json")]
    assert "clips/120320_SECRET1/clip.json" in names
    for key in names:
        body = stack.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        for name, secret in secrets_of(stack).items():
            assert secret not in body, (key, name)
