"""The local stack: ``newsreel up`` as its user meets it, and the directory that it lives in."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from dotenv import dotenv_values

from tasks.adapters.object_store import ObjectStore
from tests.waiting import eventually
from workers.local_dir import GRPC_OFFSET, DirectoryHeld, LocalDir, Ports
from workers.local_processes import _has_schedule, process_env, public_env, usable_environ
from workers.processes import IMAGE, Process, newsreel_processes

START_WITHIN_S = 120


class Up:
    """A real ``newsreel up``, in a process group of its own as a terminal would put it."""

    def __init__(self, data_dir: Path, output: Path) -> None:
        self.env_file = data_dir / "newsreel.env"
        self.output = output
        with output.open("ab") as file:
            self.process = subprocess.Popen(
                command_line(data_dir), stdout=file, stderr=file, stdin=subprocess.DEVNULL, process_group=0
            )

    def env_when_ready(self) -> Mapping[str, str]:
        assert eventually(lambda: self.env_file.exists() or self.process.poll() is not None, START_WITHIN_S), (
            self.said()
        )
        assert self.env_file.exists(), self.said()
        return {name: value or "" for name, value in dotenv_values(self.env_file).items()}

    def descendants(self) -> set[int]:
        found: set[int] = set()
        front = {self.process.pid}
        while front:
            front = {child for pid in front for child in children_of(pid)} - found
            found |= front
        return found

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)


def command_line(data_dir: Path) -> list[str]:
    return [sys.executable, "-m", "workers.cli", "up", "--data", str(data_dir)]


def children_of(pid: int) -> set[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return {int(child) for task in tasks for child in (task / "children").read_text().split()}
    return set()


def is_alive(pid: int) -> bool:
    """A zombie is dead: whether it is reaped is its new parent's matter."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def status_of(url: str, path: str, login: str = "") -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status


@contextlib.contextmanager
def store_of(env: Mapping[str, str]) -> Iterator[ObjectStore]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, env[name])
        patch.delenv("AWS_SESSION_TOKEN", raising=False)
        import boto3

        patch.setattr(boto3, "DEFAULT_SESSION", None)
        store = ObjectStore.connect(endpoint_url=env["NEWSREEL_S3_ENDPOINT_URL"], region=env["AWS_DEFAULT_REGION"])
        try:
            yield store
        finally:
            store.close()


@pytest.mark.stack
@pytest.mark.timeout(400)
def test_the_life_of_a_stack(tmp_path: Path) -> None:
    """Started, used, hurt, ended by SIGTERM; started again with its data and addresses, ended by SIGKILL."""
    data_dir = tmp_path / "my data"
    up = Up(data_dir, tmp_path / "first.out")
    pids: set[int] = {up.process.pid}
    try:
        env = up.env_when_ready()
        pids |= up.descendants()
        assert mode_of(up.env_file) == 0o600
        assert mode_of(data_dir) == 0o700
        assert eventually(lambda: "newsreel is ready after " in up.said())
        assert {process.name for process in newsreel_processes(IMAGE)} <= set(up.said().split())

        # What the file tells is true.
        assert status_of(env["NEWSREEL_GATEWAY_URL"], "/healthz") == 200
        login = f"{env['NEWSREEL_FLOWER_USER']}:{env['NEWSREEL_FLOWER_PASSWORD']}"
        assert status_of(env["NEWSREEL_FLOWER_URL"], "/broker", login) == 200
        assert status_of(env["NEWSREEL_FLOWER_URL"], "/broker") == 401
        with store_of(env) as store:
            store.put(env["NEWSREEL_INCOMING_BUCKET"], "kept/note.bin", b"kept", content_type="text/plain")

        # A second start on the same directory says who holds it, and does no harm.
        second = subprocess.run(command_line(data_dir), capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1
        assert f"process {up.process.pid}" in second.stderr
        assert env["NEWSREEL_GATEWAY_URL"] in second.stderr
        assert "Traceback" not in second.stderr
        assert up.env_file.exists()

        # A child that dies is named and comes back.
        [broker] = [pid for pid in children_of(up.process.pid) if "-server" in Path(f"/proc/{pid}/cmdline").read_text()]
        os.kill(broker, signal.SIGKILL)
        assert eventually(lambda: "redis is back after" in up.said()), up.said()
        assert "redis died: signal SIGKILL" in up.said()

        pids |= up.descendants()
        assert up.end(signal.SIGTERM) == 0
        assert not up.env_file.exists()
        assert eventually(lambda: not any(map(is_alive, pids)), 2)

        up = Up(data_dir, tmp_path / "second.out")
        pids = {up.process.pid}
        again = up.env_when_ready()
        pids |= up.descendants()
        assert again == env
        with store_of(again) as store:
            assert store.get(env["NEWSREEL_INCOMING_BUCKET"], "kept/note.bin").body == b"kept"
        up.end(signal.SIGKILL)
        assert eventually(lambda: not any(map(is_alive, pids)))
    finally:
        if up.process.poll() is None:
            up.process.kill()
            up.process.wait()


@pytest.mark.stack
@pytest.mark.timeout(120)
def test_ctrl_c_during_the_start_ends_it_in_order(tmp_path: Path) -> None:
    up = Up(tmp_path / "data", tmp_path / "out")
    try:
        assert eventually(lambda: len(children_of(up.process.pid)) >= 2)
        pids = {up.process.pid, *up.descendants()}
        assert up.end(signal.SIGINT) == 0
        assert "Stopped before it was ready." in up.said()
        assert not up.env_file.exists()
        assert eventually(lambda: not any(map(is_alive, pids)), 2)
    finally:
        if up.process.poll() is None:
            up.process.kill()
            up.process.wait()


def test_a_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    place = LocalDir(tmp_path / "deep" / "data")
    assert mode_of(place.root) == 0o700
    assert mode_of(place.folder("redis")) == 0o700


def test_secrets_are_random_private_and_stay(tmp_path: Path) -> None:
    place = LocalDir(tmp_path / "one")
    secrets = place.secrets()
    assert secrets == place.secrets()
    assert secrets != LocalDir(tmp_path / "two").secrets()
    assert mode_of(place.root / "secrets.json") == 0o600


def test_a_directory_from_before_a_secret_gets_it_and_keeps_the_others(tmp_path: Path) -> None:
    place = LocalDir(tmp_path)
    place.secrets()
    before = json.loads((place.root / "secrets.json").read_text())
    old = {name: value for name, value in before.items() if name != "operator_token"}
    (place.root / "secrets.json").write_text(json.dumps(old))
    secrets = place.secrets()
    assert len(secrets.operator_token) >= 24
    assert {name: getattr(secrets, name) for name in old} == old
    assert place.secrets() == secrets


def test_operators_have_a_token_of_the_stacks_making_or_the_users_own(tmp_path: Path) -> None:
    place = LocalDir(tmp_path)
    ports, secrets = place.ports(), place.secrets()

    def told(environ: Mapping[str, str]) -> tuple[str | None, str | None]:
        public = public_env(environ, ports, secrets, tmp_path)
        env = process_env(environ, public, flower_port=ports.flower)
        assert public.get("NEWSREEL_OPERATOR_TOKEN") == env.get("NEWSREEL_OPERATOR_TOKEN")
        return env.get("NEWSREEL_OPERATOR_TOKEN"), env.get("NEWSREEL_OPERATOR_TOKEN_FILE")

    assert told({}) == (secrets.operator_token, None)
    assert told({"NEWSREEL_OPERATOR_TOKEN": "known by heart"}) == ("known by heart", None)
    assert told({"NEWSREEL_OPERATOR_TOKEN_FILE": "/run/token"}) == (None, "/run/token")


def test_ports_stay_as_long_as_they_are_free(tmp_path: Path) -> None:
    place = LocalDir(tmp_path)
    ports = place.ports()
    assert place.ports() == ports
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", ports.gateway))
        somebody.listen()
        moved = place.ports()
    numbers = {getattr(moved, name) for name in Ports.__dataclass_fields__}
    assert len(numbers) == len(Ports.__dataclass_fields__)
    assert moved.gateway != ports.gateway
    assert moved.s3 == ports.s3
    assert max(numbers) + GRPC_OFFSET < 32768


def test_a_held_directory_names_its_holder_and_a_free_one_has_none(tmp_path: Path) -> None:
    place = LocalDir(tmp_path)
    with place.held() as holder:
        holder.tell("http://127.0.0.1:1234")
        reason = rf"process {os.getpid()}, .* http://127\.0\.0\.1:1234\. Remedy: "
        with pytest.raises(DirectoryHeld, match=reason), LocalDir(tmp_path).held():
            pass
    with LocalDir(tmp_path).held():
        pass


def test_a_killed_stack_leaves_no_addresses_to_the_next(tmp_path: Path) -> None:
    place = LocalDir(tmp_path)
    place.write_env({"NEWSREEL_GATEWAY_URL": "http://127.0.0.1:1"})
    with place.held():
        assert not place.env_file.exists()


def test_the_dotenv_file_is_read_back_as_it_was_meant(tmp_path: Path) -> None:
    place = LocalDir(tmp_path)
    env = {"A": "redis://:p-_w@h:1/0", "B": "with space and $dollar", "C": ""}
    place.write_env(env)
    assert dict(dotenv_values(place.env_file)) == env
    shell = subprocess.run(
        ["sh", "-c", f'. "{place.env_file}"; printf "%s|%s|%s" "$A" "$B" "$C"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout == "|".join(env.values())


def test_the_users_environment_leads_no_process_to_other_servers(tmp_path: Path) -> None:
    place = LocalDir(tmp_path)
    ports, secrets = place.ports(), place.secrets()
    ladder = tmp_path / "ladder.toml"
    ladder.touch()
    environ = usable_environ(
        {
            "AWS_PROFILE": "work",
            "CELERY_BROKER_URL": "redis://elsewhere",
            "NEWSREEL_BROKER_URL": "redis://elsewhere",
            "NEWSREEL_EVENTS_TOKEN_FILE": "/run/secrets/token",
            "NEWSREEL_LADDER": os.path.relpath(ladder),
            "NEWSREEL_LEASE_S": "77",
            "NEWSREEL_MEDIA_BUCKET": "mine",
            "no_proxy": "intranet",
        }
    )
    public = public_env(environ, ports, secrets, tmp_path)
    env = process_env(environ, public, flower_port=ports.flower)
    assert "elsewhere" not in json.dumps(env)
    assert {"AWS_PROFILE", "NEWSREEL_EVENTS_TOKEN_FILE"}.isdisjoint(env)
    assert env["NEWSREEL_LADDER"] == str(ladder.resolve())
    assert env["NEWSREEL_MEDIA_BUCKET"] == public["NEWSREEL_MEDIA_BUCKET"] == "mine"
    assert env["NEWSREEL_LEASE_S"] == "77"
    assert env["NEWSREEL_RECONCILE_INTERVAL_S"] == "10"
    assert env["no_proxy"] == env["NO_PROXY"] == "intranet,127.0.0.1"


def test_local_processes_run_in_the_python_that_starts_them() -> None:
    celery = Process(name="worker", argv=("celery", "--app", "workers.app", "worker"))
    gateway = Process(name="gateway", argv=("python", "-m", "workers.gateway"))
    assert celery.argv_of_this_python() == (sys.executable, "-m", "celery", "--app", "workers.app", "worker")
    assert gateway.argv_of_this_python() == (sys.executable, "-m", "workers.gateway")


def test_flower_does_not_start_without_a_password() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("NEWSREEL_FLOWER")}
    [flower] = [process for process in newsreel_processes(IMAGE) if process.name == "flower"]
    argv = [*flower.argv_of_this_python()[:-1], f"--conf={Path(__file__).parents[2] / 'config' / 'flower.py'}"]
    answer = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 1
    assert answer.stderr.strip().endswith("Remedy: set NEWSREEL_FLOWER_PASSWORD.")


def test_the_scheduler_is_ready_though_one_of_its_files_is_just_being_replaced(tmp_path: Path) -> None:
    schedule = tmp_path / "schedule"
    assert not _has_schedule(schedule, 0)
    # Listed and not there: what a look meets between a listing and a rename.
    (tmp_path / "schedule.bak").symlink_to(tmp_path / "gone")
    assert not _has_schedule(schedule, 0)
    (tmp_path / "schedule.dat").touch()
    assert _has_schedule(schedule, 0)
    assert not _has_schedule(schedule, time.time() + 60)
