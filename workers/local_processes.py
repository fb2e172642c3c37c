"""newsreel's own processes in a local stack: their environment, and their readiness checks."""

from __future__ import annotations

import functools
import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from celery import Celery
from kombu.exceptions import OperationalError
from redis import RedisError

from config.queues import QUEUE_CLASSES, QueueClass
from config.settings import PREFIX, Settings
from workers import processes
from workers.child_process import Child
from workers.local_dir import LocalDir, Ports, Secrets
from workers.local_servers import HOST, REDIS, SEAWEEDFS, answers

# Of the user's environment these would lead our processes to other servers than ours.
_FOREIGN: Final = ("AWS_", "CELERY_", "FLOWER_", "WEED_")
# A killed local worker should be missed while somebody watches, not a minute later. The environment may say otherwise.
_LOCAL_PACE: Final = {"NEWSREEL_LEASE_S": "20", "NEWSREEL_RECONCILE_INTERVAL_S": "10"}
# Monitor and scheduler outlive the workers, and see how they end.
_STOP_RANKS: Final = {processes.SCHEDULER: 1, processes.FLOWER: 1}
_STOP_WAITS_S: Final = {processes.SCHEDULER: 5.0, processes.FLOWER: 5.0, processes.GATEWAY: 10.0}
_WORKER_STOP_WAIT_S: Final = 30.0


def usable_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without what belongs to other servers; files stay named when the folder changes."""
    kept = {name: value for name, value in environ.items() if not name.startswith(_FOREIGN)}
    for name, value in kept.items():
        # A ladder may also be a shipped one's plain name.
        is_path = name == "NEWSREEL_LADDER" and Path(value).is_file()
        if is_path or (name.startswith(PREFIX) and name.endswith("_FILE")):
            kept[name] = str(Path(value).resolve())
    return kept


def current_environ(overrides: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with the overrides, as `usable_environ` leaves it."""
    return usable_environ({**os.environ, **overrides})


def public_env(environ: Mapping[str, str], ports: Ports, secrets: Secrets, workspace: Path) -> dict[str, str]:
    """The content of ``newsreel.env``: addresses and credentials for any client, and settings that clients display."""
    fields = Settings.model_fields
    return {
        "NEWSREEL_WORKSPACE_DIR": str(workspace),
        **{name: environ.get(name, value) for name, value in _LOCAL_PACE.items()},
        "NEWSREEL_BROKER_URL": f"redis://:{secrets.redis_password}@{HOST}:{ports.redis}/0",
        "NEWSREEL_S3_ENDPOINT_URL": f"http://{HOST}:{ports.s3}",
        "AWS_ACCESS_KEY_ID": secrets.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": secrets.s3_secret_key,
        "AWS_DEFAULT_REGION": fields["s3_region"].default,
        "NEWSREEL_INCOMING_BUCKET": environ.get("NEWSREEL_INCOMING_BUCKET", fields["incoming_bucket"].default),
        "NEWSREEL_MEDIA_BUCKET": environ.get("NEWSREEL_MEDIA_BUCKET", fields["media_bucket"].default),
        "NEWSREEL_GATEWAY_URL": f"http://{HOST}:{ports.gateway}",
        "NEWSREEL_FLOWER_URL": f"http://{HOST}:{ports.flower}",
        "NEWSREEL_EVENTS_TOKEN": secrets.events_token,
        "NEWSREEL_FLOWER_USER": environ.get("NEWSREEL_FLOWER_USER", fields["flower_user"].default),
        "NEWSREEL_FLOWER_PASSWORD": secrets.flower_password,
        **_operator(environ, secrets),
    }


def _operator(environ: Mapping[str, str], secrets: Secrets) -> dict[str, str]:
    # It leads to no other server, so the user's own stands: people may know it by heart.
    if "NEWSREEL_OPERATOR_TOKEN_FILE" in environ:
        return {}
    return {"NEWSREEL_OPERATOR_TOKEN": environ.get("NEWSREEL_OPERATOR_TOKEN") or secrets.operator_token}


def process_env(environ: Mapping[str, str], public: Mapping[str, str], *, flower_port: int) -> dict[str, str]:
    """The environment of newsreel's processes: the user's settings, but this stack's servers and secrets."""
    no_proxy = ",".join(filter(None, (environ.get("NO_PROXY", environ.get("no_proxy")), HOST)))
    fixed = {
        **public,
        "NEWSREEL_S3_REGION": public["AWS_DEFAULT_REGION"],
        "NEWSREEL_FLOWER_ADDRESS": HOST,
        "NEWSREEL_FLOWER_PORT": str(flower_port),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONUNBUFFERED": "1",
    }
    return {
        "NEWSREEL_LOG_FORMAT": "console",
        # A secret's file would win over the secret that this stack has made.
        **{name: value for name, value in environ.items() if name.removesuffix("_FILE") not in fixed},
        **fixed,
    }


def newsreel_children(
    place: LocalDir, *, ports: Ports, public: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[Child, ...]:
    """Every process of newsreel itself, started when both servers are there."""
    # A folder without any Python in it: the current one comes first on the path of `python -m`.
    run = place.folder("run")
    site = processes.Site(
        gateway_host=HOST,
        gateway_port=ports.gateway,
        schedule_file=run / "schedule",
        flower_config=processes.FLOWER_CONFIG,
        sqs_heartbeat=run / "sqs" if environ.get("NEWSREEL_SQS_QUEUE_URL") else None,
    )
    env = process_env(environ, public, flower_port=ports.flower)
    probes: dict[str, Callable[[], bool]] = {
        processes.SCHEDULER: functools.partial(_has_schedule, site.schedule_file, time.time()),
        processes.GATEWAY: functools.partial(answers, ports.gateway, "/healthz"),
        processes.FLOWER: functools.partial(answers, ports.flower, "/healthcheck"),
        processes.SQS: functools.partial(_was_touched, run / "sqs", time.time()),
    }
    pinging = Celery("newsreel-stack", broker=public["NEWSREEL_BROKER_URL"], set_as_current=False)
    for each in QUEUE_CLASSES:
        probes[processes.worker_name(each)] = functools.partial(_consumes, pinging, each)
    return tuple(
        Child(
            name=process.name,
            argv=process.argv_of_this_python(),
            env=env,
            cwd=run,
            is_ready=probes[process.name],
            needs=(SEAWEEDFS, REDIS),
            stop_rank=_STOP_RANKS.get(process.name, 0),
            stop_wait_s=_STOP_WAITS_S.get(process.name, _WORKER_STOP_WAIT_S),
        )
        for process in processes.newsreel_processes(site)
    )


def _has_schedule(file: Path, since: float) -> bool:
    """The scheduler has written its schedule; the file's ending depends on the database that Python has."""
    return any(_was_touched(path, since) for path in file.parent.glob(f"{file.name}*"))


def _was_touched(file: Path, since: float) -> bool:
    try:
        return file.stat().st_mtime >= since
    except FileNotFoundError:
        # Some databases replace their files by renaming, so one that was just listed may be gone.
        return False


def _consumes(pinging: Celery, queue_class: QueueClass) -> bool:
    """Whether the worker of the class answers a ping, which it does from the loop that consumes messages."""
    node = f"{queue_class.name}@{socket.gethostname()}"
    try:
        return bool(pinging.control.ping(destination=[node], timeout=0.5, limit=1))
    except (OperationalError, RedisError, OSError):
        return False
