"""How long `reconcile` takes over a hundred thousand clips, and how much memory: its cost is listings alone.

SeaweedFS and the broker of a local stack run, without workers: nobody answers the rings. Each upload has the mark of
finished work, as after years, but for a few, which must be found. The command runs in a process of its own, as an
operator starts it, with the collection of leftovers that the scheduler's rounds do once an hour.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from bench.report import Figure, figure
from tasks.records import arrival, keys
from workers.client import Client, connect
from workers.local import READY_WITHIN_S
from workers.local_dir import LocalDir
from workers.local_processes import current_environ, public_env
from workers.local_servers import redis_child, remove_sockets, seaweedfs_child
from workers.supervisor import Supervisor

_MANY: Final = 100_000
_FEW: Final = 2_000
# Uploads without a mark, of any number of clips.
_LOST: Final = 10
_WRITERS: Final = 16
_AT_ONCE: Final = 10_000
_BODY: Final = b"a clip"
_TYPE: Final = "application/octet-stream"
_MIB: Final = 1024**2


@dataclass(frozen=True, kw_only=True)
class Round:
    """One run of the command: wall time, the peak of its resident memory, and how many uploads it rang for."""

    wall_s: float
    peak_mib: float
    rung: int


def measure(cache: Path, scratch: Path, *, quick: bool, say: Callable[[str], None]) -> list[Figure]:  # noqa: ARG001
    """Reconcile over a few clips, over all, and over all once more with nothing left to ring for."""
    clips = _MANY // 10 if quick else _MANY
    with servers(scratch / "stack") as env:
        client = connect(env=env)
        upload(client, range(_FEW))
        few = reconcile(env)
        say(f"reconcile, uploading and marking {clips} clips")
        for start in range(_FEW, clips, _AT_ONCE):
            upload(client, range(start, min(clips, start + _AT_ONCE)))
            say(f"reconcile, {min(clips, start + _AT_ONCE)} clips are there")
        rounds = []
        for number in range(3):
            _lose(client, range(number * _LOST, (number + 1) * _LOST))
            rounds.append(reconcile(env))
    rung = [each.rung for each in (few, *rounds)]
    if rung != [0, _LOST, _LOST, _LOST]:
        raise RuntimeError(f"reconcile rang for {rung} uploads; 0 and then {_LOST} each time were without a mark")
    what = f"{clips} clips"
    return [
        figure("Reconcile", what, "wall, s", [each.wall_s for each in rounds], bar=60),
        figure("Reconcile", what, "peak memory, MiB", [each.peak_mib for each in rounds]),
        figure(
            "Reconcile", what, f"memory ÷ that over {_FEW}", [each.peak_mib / few.peak_mib for each in rounds], bar=1.5
        ),
    ]


@contextmanager
def servers(folder: Path) -> Iterator[Mapping[str, str]]:
    """The store and the broker of a local stack, and what their clients need to know; they end with the block."""
    place = LocalDir(folder)
    ports, secrets, environ = place.ports(), place.secrets(), current_environ({})
    env = public_env(environ, ports, secrets, place.folder("workspace"))
    store = seaweedfs_child(place, ports=ports, secrets=secrets, public=env, environ=environ)
    # There is no gateway to be told of uploads.
    silent = replace(store, env={**store.env, "WEED_NOTIFICATION_WEBHOOK_ENABLED": "false"})
    broker = redis_child(place, port=ports.redis, password=secrets.redis_password, environ=environ)
    supervisor = Supervisor((silent, broker), log_dir=place.folder("logs"), on_event=print)
    supervisor.start()
    try:
        supervisor.wait_ready(READY_WITHIN_S)
        yield env
    finally:
        supervisor.stop()
        supervisor.wait()
        remove_sockets(ports)


def upload(client: Client, numbers: Iterable[int]) -> None:
    """Put these clips' uploads, and the marks that their finished work would leave."""
    remaining = iter(numbers)
    with ThreadPoolExecutor(_WRITERS) as writers:
        while batch := list(islice(remaining, _AT_ONCE)):
            list(writers.map(lambda number: _finish(client, number), batch))


def reconcile(env: Mapping[str, str]) -> Round:
    """Run the command to its end.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, "-m", "workers.cli", "reconcile"]
    started_s = time.monotonic()
    with subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 # it is a pipe
        told = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"newsreel reconcile ended with {process.returncode}: {told[-2000:]}")
    return Round(
        wall_s=time.monotonic() - started_s,
        peak_mib=used.ru_maxrss * 1024 / _MIB,
        rung=told.count(f"ring for {keys.CLIPS}"),
    )


def _key(number: int) -> str:
    return f"{keys.CLIPS}{1 + number % 12:02}{1 + number % 28:02}26_BENCH{number}.mp4"


def _finish(client: Client, number: int) -> None:
    key = _key(number)
    etag = client.store.put(client.settings.incoming_bucket, key, _BODY, content_type=_TYPE)
    mark = keys.settled_mark(key, arrival.upload_id(etag, len(_BODY)))
    client.store.put(client.settings.media_bucket, mark, b"", content_type=_TYPE)


def _lose(client: Client, numbers: Iterable[int]) -> None:
    """Take the marks of these clips away, as if their work had never been done."""
    for number in numbers:
        listed = client.store.list(client.settings.media_bucket, keys.settled_prefix(_key(number)))
        client.store.delete_all(client.settings.media_bucket, [each.key for each in listed])
