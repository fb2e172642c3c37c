"""The command line against a real stack: put and follow, status, doctor, and what it says when something is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import clips
from tests.acceptance.conftest import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def newsreel(stack: Stack, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """The command, as a user on this machine runs it."""
    return subprocess.run(
        [sys.executable, "-m", "workers.cli", *map(str, arguments), "--data", str(stack.data_dir)],
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_put_follows_a_clip_to_ready_and_the_same_bytes_change_nothing(stack: Stack, tmp_path: Path) -> None:
    file = clips.progressive(tmp_path / "Tin chiều 7.MP4", seconds=2)
    first = newsreel(stack, "put", file, "--wait")
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.rstrip().endswith("ready")
    version = stack.wait_clip("Tin chiều 7")["version"]
    again = newsreel(stack, "put", file, "--wait")
    assert again.returncode == 0, again.stdout + again.stderr
    assert stack.wait_clip("Tin chiều 7")["version"] == version

    shown = newsreel(stack, "status", "Tin chiều 7.MP4")
    assert shown.returncode == 0
    assert shown.stdout.startswith("Tin chiều 7: ready\n")
    record = json.loads(newsreel(stack, "status", "Tin chiều 7", "--json").stdout)
    assert record == stack.clip("Tin chiều 7")


def test_put_tells_why_a_clip_failed(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "minutes.mp4"
    file.write_text("not a film")
    answer = newsreel(stack, "put", file, "--wait")
    assert answer.returncode == 1
    assert stack.wait_clip("minutes")["failure"]["message"] in answer.stderr
    assert "Traceback" not in answer.stderr
    # The same file once more is a new try, and comes to the same end.
    assert newsreel(stack, "put", file, "--wait").returncode == 1
    assert "failure" in newsreel(stack, "status", "minutes").stdout


def test_status_lists_everything_and_suggests_names(stack: Stack, tmp_path: Path) -> None:
    file = clips.progressive(tmp_path / "120320_STATUS1.mp4", seconds=1, size="320x180")
    assert newsreel(stack, "put", file, "--wait").returncode == 0
    everything = json.loads(newsreel(stack, "status", "--json").stdout)
    assert "120320_STATUS1" in {record["name"] for record in everything["clips"]}
    assert everything["queues"]["transcode"] >= 0
    wrong = newsreel(stack, "status", "120320_STATUS2")
    assert wrong.returncode == 1
    assert "Did you mean 120320_STATUS1" in wrong.stderr


def test_an_interrupted_put_leaves_no_parts(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "120320_LARGE1.mov"
    with file.open("wb") as out:
        out.truncate(1_500_000_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.cli", "put", str(file), "--data", str(stack.data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs tests in the background has its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    bucket = stack.env["NEWSREEL_INCOMING_BUCKET"]
    while not stack.s3.list_multipart_uploads(Bucket=bucket).get("Uploads"):
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted; clips/120320_LARGE1.mov was not uploaded." in said
    assert not stack.s3.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_doctor_finds_a_whole_stack_well_and_leaves_nothing(stack: Stack) -> None:
    answer = newsreel(stack, "doctor", "--json")
    report = json.loads(answer.stdout)
    assert [each for each in report["findings"] if each["level"] == "fail"] == []
    assert answer.returncode == 0
    checks = {each["check"]: each for each in report["findings"]}
    assert "reaches a worker" in checks["event wiring"]["message"]
    assert checks["conditional writes"]["level"] == checks["redis persistence"]["level"] == "ok"
    for bucket in (stack.env["NEWSREEL_INCOMING_BUCKET"], stack.env["NEWSREEL_MEDIA_BUCKET"]):
        listed = stack.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        assert [item["Key"] for item in listed if "newsreel-doctor" in item["Key"]] == []


def test_doctor_finds_a_garbled_token_and_a_wrong_broker(stack: Stack) -> None:
    wrong = stack.data_dir.parent / "wrong"
    wrong.mkdir()
    env = {**stack.env, "NEWSREEL_EVENTS_TOKEN": "garbled", "NEWSREEL_BROKER_URL": "redis://127.0.0.1:1/0"}
    (wrong / "newsreel.env").write_text("".join(f"{name}='{value}'\n" for name, value in env.items()))
    answer = newsreel(Stack(data_dir=wrong), "doctor")
    assert answer.returncode == 1
    failed = [line for line in answer.stdout.splitlines() if line.startswith("FAIL")]
    assert [line.split()[1] for line in failed] == ["redis", "events"]
    assert "Traceback" not in answer.stderr
