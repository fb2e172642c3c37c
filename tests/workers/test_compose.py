"""docker-compose.yml: accepted by docker-compose, and running the very commands of workers/processes.py."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import yaml

from workers.local_servers import webhook_env
from workers.processes import IMAGE, IMAGE_WITH_SQS, newsreel_processes

ROOT = Path(__file__).parents[2]
SECRETS = {
    "AWS_ACCESS_KEY_ID": "reel",
    "AWS_SECRET_ACCESS_KEY": "reel-secret",
    "NEWSREEL_REDIS_PASSWORD": "broker",
    "NEWSREEL_EVENTS_TOKEN": "token",
    "NEWSREEL_FLOWER_PASSWORD": "flower",
}
SERVERS = {"redis", "seaweedfs"}
PROCESSES = newsreel_processes(IMAGE_WITH_SQS)
OURS = {process.name for process in PROCESSES}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services as the file has them, anchors resolved."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


def docker_compose(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "NEWSREEL_"))}
    return subprocess.run(
        ["docker-compose", "--file", str(ROOT / "docker-compose.yml"), *arguments],
        env=kept | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_process_has_its_service_with_the_same_command(services: dict[str, Any]) -> None:
    assert {name: tuple(service["command"]) for name, service in services.items() if name not in SERVERS} == {
        process.name: process.argv for process in PROCESSES
    }


def test_docker_compose_accepts_the_file_and_keeps_the_commands() -> None:
    answer = docker_compose(SECRETS, "--profile", "sqs", "config")
    assert answer.returncode == 0, answer.stderr
    resolved = yaml.safe_load(answer.stdout)["services"]
    assert set(resolved) == OURS | SERVERS
    for process in PROCESSES:
        assert tuple(resolved[process.name]["command"]) == process.argv
    assert resolved["worker-link"]["environment"]["NEWSREEL_BROKER_URL"] == "redis://:broker@redis:6379/0"


def test_a_queue_is_polled_only_where_that_is_asked_for(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "profiles" in service} == {"sqs"}
    assert OURS - {process.name for process in newsreel_processes(IMAGE)} == {"sqs"}


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_missing_secret_is_named(name: str) -> None:
    answer = docker_compose({**SECRETS, name: ""}, "config")
    assert answer.returncode != 0
    assert "set it to a" in answer.stderr


def test_every_service_is_watched_bounded_and_without_rights(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["healthcheck"]["test"], name
        assert service["restart"] == "unless-stopped", name
        assert service["init"] is True, name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("user", "") != "root", name
        for port in service.get("ports", ()):
            assert port.startswith("${NEWSREEL_BIND:-127.0.0.1}:"), name
    for name in OURS:
        assert services[name]["stop_grace_period"] == "35s"
        assert set(services[name]["depends_on"]) == SERVERS


def test_no_secret_stands_in_a_command(services: dict[str, Any]) -> None:
    for service in services.values():
        assert not re.search(r"(?<!\$)\$\{", str(service["command"]))


def test_seaweedfs_reports_uploads_as_in_the_local_stack(services: dict[str, Any]) -> None:
    given = {name: value for name, value in services["seaweedfs"]["environment"].items() if name.startswith("WEED_")}
    token = given.pop("WEED_NOTIFICATION_WEBHOOK_BEARER_TOKEN")
    expected = webhook_env("http://gateway:8080/events", "", "newsreel-incoming")
    del expected["WEED_NOTIFICATION_WEBHOOK_BEARER_TOKEN"]
    assert given == expected
    assert token.startswith("${NEWSREEL_EVENTS_TOKEN:?")


def test_the_image_is_built_with_all_that_the_build_backend_wants() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    pattern = re.search(r"\^\(([\w|-]+)\)==", dockerfile)
    assert pattern
    wanted = {"hatchling"}
    for requirement in requires("hatchling") or ():
        name, _, marker = requirement.partition(";")
        if "extra" not in marker and "python_version < " not in marker:
            wanted.add(re.split(r"[^\w-]", name, maxsplit=1)[0])
    assert set(pattern[1].split("|")) == wanted


def test_the_image_runs_as_nobody_in_particular() -> None:
    final = (ROOT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    assert re.search(r"^USER (\d+):\1$", final, re.MULTILINE)
    assert str(IMAGE.flower_config) in final
    assert str(IMAGE.schedule_file.parent) in final
