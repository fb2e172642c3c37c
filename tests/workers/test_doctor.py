"""``newsreel doctor``: each check against the real thing, whole and broken."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from config.settings import Settings
from tasks.adapters.conditional_writes import PROBE_PREFIX, verify_conditional_writes
from tasks.adapters.object_store import ObjectStore
from tasks.errors import ConfigurationError, TemporarilyUnavailable
from tests.conftest import Buckets
from tests.servers import S3Server
from workers.commands.doctor import command
from workers.doctor import media_tools
from workers.doctor.broker import check_broker, check_workers, judge
from workers.doctor.finding import Finding, Level, of_error
from workers.doctor.media_tools import check_cage, check_disk, check_programs
from workers.doctor.storage import check_conditional_writes, check_storage, impatient_client
from workers.doctor.wiring import check_gateway
from workers.services import celery_app

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def settings(s3_server: S3Server, buckets: Buckets, redis_url: str) -> Settings:
    return Settings(
        s3_endpoint_url=s3_server.endpoint_url,
        incoming_bucket=buckets.incoming,
        media_bucket=buckets.media,
        broker_url=redis_url,
    )


@pytest.fixture
def client(settings: Settings) -> Iterator[S3Client]:
    made = impatient_client(settings)
    yield made
    made.close()


def levels(findings: Iterator[Finding]) -> dict[str, Level]:
    """Each check's level; every finding that is not well must have a remedy."""
    found = list(findings)
    assert all(bool(each.remedy) == (each.level is not Level.OK) for each in found), found
    return {each.check: each.level for each in found}


def test_conditional_writes_hold_here_and_leave_nothing(store: ObjectStore, buckets: Buckets) -> None:
    verify_conditional_writes(store, buckets.media, rounds=2)
    assert list(store.list(buckets.media, PROBE_PREFIX)) == []


@pytest.mark.parametrize("dropped", ["If-None-Match", "If-Match"])
def test_a_store_that_passes_over_a_condition_is_found_out(
    store: ObjectStore, buckets: Buckets, client: S3Client, dropped: str
) -> None:
    def drop(params: dict[str, Any], **_: object) -> None:
        params["headers"].pop(dropped, None)

    client.meta.events.register("before-call.s3.PutObject", drop)
    with pytest.raises(ConfigurationError, match=rf"(?s){dropped}.*Remedy:"):
        verify_conditional_writes(ObjectStore(client), buckets.media, rounds=1)
    finding = check_conditional_writes(ObjectStore(client), buckets.media)
    assert finding.level is Level.FAIL
    assert "AWS S3" in finding.remedy
    assert list(store.list(buckets.media, PROBE_PREFIX)) == []


def test_a_store_that_is_away_is_no_proof_against_it(buckets: Buckets, settings: Settings) -> None:
    away = impatient_client(settings.model_copy(update={"s3_endpoint_url": NOWHERE}))
    with pytest.raises(TemporarilyUnavailable):
        verify_conditional_writes(ObjectStore(away), buckets.media, rounds=1)
    away.close()


def test_a_good_store_passes_and_keeps_nothing(
    settings: Settings, store: ObjectStore, client: S3Client, buckets: Buckets
) -> None:
    found = levels(check_storage(settings, store, client))
    assert set(found.values()) == {Level.OK}
    assert set(found) == {f"bucket {buckets.incoming}", f"bucket {buckets.media}", "conditional writes"}
    for bucket in (buckets.incoming, buckets.media):
        assert list(store.list(bucket, "")) == []
        assert not client.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_a_missing_bucket_and_a_store_that_is_away(settings: Settings, store: ObjectStore, client: S3Client) -> None:
    missing = settings.model_copy(update={"incoming_bucket": "not-there"})
    [finding] = check_storage(missing, store, client)
    assert (finding.check, finding.level) == ("bucket not-there", Level.FAIL)
    assert "create it" in finding.remedy
    elsewhere = settings.model_copy(update={"s3_endpoint_url": NOWHERE})
    away = impatient_client(elsewhere)
    [finding] = check_storage(elsewhere, store, away)
    away.close()
    assert (finding.check, finding.level) == ("object store", Level.FAIL)
    assert "newsreel up" in finding.remedy


def test_wrong_credentials_are_told(settings: Settings, store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    wrong = impatient_client(settings)
    [finding] = check_storage(settings, store, wrong)
    wrong.close()
    assert finding.level is Level.FAIL
    assert "AWS_SECRET_ACCESS_KEY" in finding.remedy
    monkeypatch.undo()
    boto3.setup_default_session()


GOOD_REDIS = {"redis_version": "7.2.4", "valkey_version": "9.1.2", "aof_enabled": 1, "maxmemory_policy": "noeviction"}


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        ({}, None),
        ({"aof_enabled": 0}, "redis persistence"),
        ({"maxmemory_policy": "allkeys-lru"}, "redis memory"),
        ({"redis_version": "5.0.7"}, "redis"),
    ],
)
def test_what_a_broker_says_of_itself_is_judged(changes: dict[str, object], warned: str | None) -> None:
    found = levels(judge({**GOOD_REDIS, **changes}))
    assert [check for check, level in found.items() if level is Level.WARN] == ([warned] if warned else [])


def test_a_broker_without_persistence_is_warned_of(settings: Settings) -> None:
    found = levels(check_broker(settings))
    assert found == {"redis": Level.OK, "redis persistence": Level.WARN, "redis memory": Level.OK}


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "nonsense"])
def test_a_broker_that_is_away_fails(settings: Settings, url: str) -> None:
    [finding] = check_broker(settings.model_copy(update={"broker_url": url}))
    assert (finding.check, finding.level) == ("redis", Level.FAIL)


def test_queues_without_a_worker_are_named(settings: Settings) -> None:
    findings = list(check_workers(celery_app(settings)))
    assert {each.level for each in findings} == {Level.FAIL}
    transcode = next(each for each in findings if each.check == "worker transcode")
    assert "transcode.urgent, transcode, transcode.bulk" in transcode.message
    assert "--queues transcode.urgent,transcode,transcode.bulk" in transcode.remedy


def test_the_bundled_programs_pass() -> None:
    assert set(levels(check_programs(Settings()))) == {"ffmpeg", "ffprobe", "ffmpeg features"}
    assert set(levels(check_programs(Settings())).values()) == {Level.OK}


def test_an_old_ffmpeg_that_lacks_encoders_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = "#!/bin/sh\nif [ \"$1\" = -version ]; then echo ffmpeg version 5.1.6-0; else echo ' V..... mjpeg words'; fi\n"
    for name in ("ffmpeg", "ffprobe"):
        (tmp_path / name).write_text(old)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    findings = {each.check: each for each in check_programs(Settings(ffmpeg="path"))}
    assert findings["ffmpeg"].level is Level.FAIL
    assert "CVE-2026-8461" in findings["ffmpeg"].message
    assert findings["ffmpeg features"].level is Level.FAIL
    assert "libx264 (encoders)" in findings["ffmpeg features"].message
    assert "mjpeg" not in findings["ffmpeg features"].message
    assert all("NEWSREEL_FFMPEG=bundled" in each.remedy for each in findings.values())


def test_no_ffmpeg_on_the_path_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    [finding] = check_programs(Settings(ffmpeg="path"))
    assert finding.level is Level.FAIL
    assert finding.remedy == "install it, or set NEWSREEL_FFMPEG=bundled"


def test_a_cage_that_is_off_is_warned_of() -> None:
    assert check_cage(Settings(cage="off")).level is Level.WARN


def test_a_full_disk_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_disk(tmp_path / "not" / "made" / "yet").check == "disk"
    monkeypatch.setattr(media_tools, "_LEAST_FREE_BYTES", 10**18)
    assert check_disk(tmp_path).level is Level.WARN


class Gateway(http.server.BaseHTTPRequestHandler):
    """Answers /healthz with ``health``, and /events as the real one does to its token ``good``."""

    health = 200

    def do_GET(self) -> None:
        self._answer(self.health, {"status": "unavailable", "missing": ["broker"]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(202 if self.headers["Authorization"] == "Bearer good" else 401, {"accepted": 0})

    def _answer(self, status: int, body: dict[str, object]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def gateway_url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("token", "health", "expected"),
    [
        ("good", 200, {"gateway": Level.OK, "events token": Level.OK}),
        ("garbled", 200, {"gateway": Level.OK, "events token": Level.FAIL}),
        ("", 200, {"gateway": Level.OK, "events token": Level.FAIL}),
        ("good", 503, {"gateway": Level.FAIL, "events token": Level.OK}),
        ("good", 404, {"gateway": Level.FAIL}),
    ],
)
def test_the_gateway_is_asked(
    gateway_url: str, monkeypatch: pytest.MonkeyPatch, token: str, health: int, expected: dict[str, Level]
) -> None:
    monkeypatch.setattr(Gateway, "health", health)
    settings = Settings(gateway_url=gateway_url, events_token=SecretStr(token))
    assert levels(check_gateway(settings)) == expected


def test_a_gateway_that_is_away_fails() -> None:
    assert levels(check_gateway(Settings(gateway_url=NOWHERE))) == {"gateway": Level.FAIL}


def test_a_remedy_in_the_error_counts() -> None:
    error = ConfigurationError("It is broken. Remedy: mend it")
    assert of_error("x", error, "other") == Finding(
        check="x", level=Level.FAIL, message="It is broken", remedy="mend it"
    )
    plain = of_error("x", TemporarilyUnavailable("c", "It is away.", "refused"), "other")
    assert replace(plain, remedy="") == Finding(check="x", level=Level.FAIL, message="It is away (refused)")
    assert plain.remedy == "other"


def test_without_a_stack_the_machine_is_checked_all_the_same(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--json", "--data", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert answer["ok"] is False
    checks = {each["check"]: each for each in answer["findings"]}
    assert checks["ffmpeg"]["level"] == "ok"
    assert checks["stack"]["level"] == "fail"
    assert "newsreel up" in checks["stack"]["remedy"]
