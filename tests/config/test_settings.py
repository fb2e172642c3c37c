"""Settings: which variables are none, and where that is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.settings import Settings, load_settings, unknown_settings
from workers.commands import doctor

ROOT = Path(__file__).parents[2]


def unknown(*names: str) -> dict[str, str]:
    return unknown_settings(dict.fromkeys(names, "x"))


def test_every_setting_is_known_as_it_is_and_as_a_file() -> None:
    names = [f"NEWSREEL_{name.upper()}" for name in Settings.model_fields]
    assert unknown(*names, *(f"{name}_FILE" for name in names), *map(str.lower, names)) == {}


def test_a_misspelt_setting_is_told_with_the_one_that_is_meant() -> None:
    names = ("NEWSREEL_READ_TOKN", "newsreel_ladr", "NEWSREEL_WEBHOOK_FILE", "NEWSREEL_QQ", "NEWSREEL_LADDER", "LADER")
    assert unknown(*names) == {
        "NEWSREEL_QQ": "",
        "NEWSREEL_READ_TOKN": "NEWSREEL_READ_TOKEN",
        "NEWSREEL_WEBHOOK_FILE": "NEWSREEL_WEBHOOKS_FILE",
        "newsreel_ladr": "NEWSREEL_LADDER",
    }


def test_what_others_say_of_a_service_named_newsreel_is_not_told() -> None:
    names = ("PORT_8080_TCP", "PORT_8080_TCP_ADDR", "GATEWAY_SERVICE_HOST", "SERVICE_PORT_HTTP", "REDIS_PASSWORD")
    assert unknown(*(f"NEWSREEL_{name}" for name in names)) == {}
    assert unknown_settings({"NEWSREEL_PORT": "tcp://10.0.0.1:8080"}) == {}
    assert unknown("NEWSREEL_HTTP_PORT") == {"NEWSREEL_HTTP_PORT": ""}


def test_only_files_of_settings_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("secret\n")
    monkeypatch.setenv("NEWSREEL_READ_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("NEWSREEL_LOG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("LADDER_FILE", str(tmp_path / "none"))
    assert load_settings().read_token.get_secret_value() == "secret"


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
