"""Settings: which variables are none, and where that is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.settings import Settings, unknown_settings
from workers.commands import doctor

ROOT = Path(__file__).parents[2]


def test_every_setting_is_known_as_it_is_and_as_a_file() -> None:
    names = [f"NEWSREEL_{name.upper()}" for name in Settings.model_fields]
    assert unknown_settings([*names, *(f"{name}_FILE" for name in names)]) == {}


def test_a_misspelt_setting_is_told_with_the_one_that_is_meant() -> None:
    names = ["NEWSREEL_READ_TOKN", "NEWSREEL_WEBHOOK_FILE", "NEWSREEL_QQ", "NEWSREEL_LADDER", "LADER", "PATH"]
    assert unknown_settings(names) == {
        "NEWSREEL_QQ": "",
        "NEWSREEL_READ_TOKN": "NEWSREEL_READ_TOKEN",
        "NEWSREEL_WEBHOOK_FILE": "NEWSREEL_WEBHOOKS_FILE",
    }


def test_what_others_say_of_a_service_named_newsreel_is_not_told() -> None:
    names = ("PORT", "PORT_8080_TCP", "PORT_8080_TCP_ADDR", "GATEWAY_SERVICE_HOST", "SERVICE_PORT_HTTP")
    assert unknown_settings([f"NEWSREEL_{name}" for name in (*names, "BIND", "REDIS_PASSWORD")]) == {}


def test_each_process_logs_what_is_set_in_vain() -> None:
    script = "from config.logs import configure_logs; from config.settings import Settings; configure_logs(Settings())"
    env = {"NEWSREEL_READ_TOKN": "secret", "NEWSREEL_LOG_FORMAT": "json"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    (line,) = done.stderr.splitlines()
    assert (json.loads(line)["event"], json.loads(line)["level"]) == ("setting.unknown", "warning")
    assert (json.loads(line)["variable"], json.loads(line)["meant"]) == ("NEWSREEL_READ_TOKN", "NEWSREEL_READ_TOKEN")
    assert "secret" not in line


def test_the_doctor_tells_what_is_set_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSREEL_READ_TOKN", "secret")
    shown = CliRunner().invoke(doctor.command, ["--data", str(tmp_path)]).stdout
    assert "NEWSREEL_READ_TOKN is no setting of newsreel" in shown
    assert "set NEWSREEL_READ_TOKEN" in shown
    assert "secret" not in shown
