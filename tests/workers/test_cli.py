"""The command line as a whole: its help, and what a user's mistakes and dead servers come to."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error

import pytest
import redis
from botocore.exceptions import EndpointConnectionError
from pydantic import BaseModel, ValidationError

from config.settings import Settings
from tasks.errors import ConfigurationError, TemporarilyUnavailable
from workers.cli import explain


def newsreel(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEWSREEL_")}
    return subprocess.run(
        [sys.executable, "-m", "workers.cli", *arguments],
        env=kept | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_every_command_and_the_exit_codes() -> None:
    answer = newsreel("--help")
    assert answer.returncode == 0
    for word in ("up", "demo", "put", "status", "doctor", "Exit codes:", "Examples:"):
        assert word in answer.stdout


def test_help_loads_nothing_that_a_command_needs() -> None:
    script = """
import sys
from click.testing import CliRunner
from workers.cli import newsreel
assert CliRunner().invoke(newsreel, ["--help"]).exit_code == 0
print(sorted({"boto3", "celery", "redis", "fastapi"} & set(sys.modules)))
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["up", "demo", "put", "status", "doctor"])
def test_every_command_has_its_help(command: str) -> None:
    answer = newsreel(command, "--help")
    assert answer.returncode == 0
    assert answer.stdout.startswith(f"Usage: newsreel {command} ")


def test_a_mistyped_command_is_answered_with_the_nearest_one() -> None:
    answer = newsreel("statis")
    assert answer.returncode == 2
    assert "Did you mean 'status'?" in answer.stderr


def test_an_unknown_option_is_a_usage_error() -> None:
    answer = newsreel("up", "--date", "x")
    assert answer.returncode == 2
    assert "--data" in answer.stderr


def test_a_wrong_setting_is_told_in_one_line_without_its_value() -> None:
    answer = newsreel("up", NEWSREEL_LEASE_S="soon")
    assert answer.returncode == 1
    assert "NEWSREEL_LEASE_S: " in answer.stderr
    assert "Remedy: " in answer.stderr
    assert "soon" not in answer.stderr
    assert "Traceback" not in answer.stderr


def test_every_known_error_is_explained() -> None:
    unreachable = (
        redis.ConnectionError("refused"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        urllib.error.URLError("refused"),
        ConnectionRefusedError("refused"),
    )
    for error in unreachable:
        assert "Remedy: start newsreel" in (explain(error) or "")
    assert explain(ConfigurationError("Wrong. Remedy: right.")) == "Wrong. Remedy: right."
    silent = TemporarilyUnavailable("store_unavailable", "No answer.", "timeout")
    assert (explain(silent) or "").startswith("No answer. (timeout) Remedy: ")
    assert "No such file" in (explain(FileNotFoundError(2, "No such file or directory", "x")) or "")


def test_our_own_mistakes_are_not_explained_away() -> None:
    class Other(BaseModel):
        number: int

    with pytest.raises(ValidationError) as caught:
        Other.model_validate({"number": "x"})
    assert explain(caught.value) is None
    assert explain(KeyError("x")) is None


def test_a_rule_between_settings_is_explained_too() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(incoming_bucket="one", media_bucket="one")
    assert "must differ" in (explain(caught.value) or "")
