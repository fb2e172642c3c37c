"""The real local stack, with our proxies between newsreel and the store, and between the store and the gateway."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis

from tests.chaos.event_proxy import EventProxy
from tests.chaos.material import LADDER
from tests.chaos.plan import Plan
from tests.chaos.proxy import HOST, ProxyLoop, StoreProxy
from workers import processes
from workers.child_process import Child
from workers.local_dir import LocalDir
from workers.local_processes import current_environ, newsreel_children, public_env
from workers.local_servers import redis_child, remove_sockets, seaweedfs_child
from workers.supervisor import Supervisor

LEASE_S: Final = 6.0
TRANSCODERS: Final = ("worker-transcode", "worker-transcode-2")
WORKSPACE: Final = "workspace"
"""The folder, below that of the stack, that workers work in."""

_READY_S: Final = 180.0
# A clip that is in the way of many kills is not to be parked for it here: each one must come to its end by itself.
_SETTINGS: Final = {
    "NEWSREEL_LEASE_S": str(LEASE_S),
    "NEWSREEL_RECONCILE_INTERVAL_S": "3",
    "NEWSREEL_RETRY_DELAY_S": "1",
    "NEWSREEL_MAX_ATTEMPTS": "30",
    "NEWSREEL_LOG_LEVEL": "info",
}


@dataclass(frozen=True, kw_only=True)
class ChaosStack:
    """A stack that is ready. ``env`` leads straight to its servers, past the proxies."""

    env: Mapping[str, str]
    filer_port: int
    redis_port: int
    supervisor: Supervisor
    store_proxy: StoreProxy
    event_proxy: EventProxy
    logs: Path

    def pid(self, name: str) -> int | None:
        """The process id of that service, None while it is down."""
        return self.supervisor.pids().get(name)

    def workers(self) -> dict[str, int]:
        """The main process of each worker that is up."""
        return {name: pid for name, pid in self.supervisor.pids().items() if name.startswith("worker-")}

    def redis(self) -> redis.Redis:
        """A client of the stack's Redis."""
        return redis.Redis.from_url(self.env["NEWSREEL_BROKER_URL"], socket_timeout=5, socket_connect_timeout=5)


@contextmanager
def running(folder: Path, plan: Plan, on_event: Callable[[str], None]) -> Iterator[ChaosStack]:
    """The stack on that folder, all of it ready; it ends with the block, in order."""
    place = LocalDir(folder)
    ladder = place.root / "chaos.toml"
    ladder.write_text(LADDER, encoding="utf-8")
    loop = ProxyLoop()
    with place.held():
        ports, secrets = place.ports(), place.secrets()
        environ = current_environ({**_SETTINGS, "NEWSREEL_LADDER": str(ladder)})
        env = public_env(environ, ports, secrets, place.folder(WORKSPACE))
        store_proxy = StoreProxy(loop, ports.s3)
        event_proxy = EventProxy(loop, plan, ports.gateway)
        behind_proxy = {**env, "NEWSREEL_S3_ENDPOINT_URL": f"http://{HOST}:{store_proxy.port}"}
        ours = newsreel_children(place, ports=ports, public=behind_proxy, environ=environ)
        children = (
            seaweedfs_child(
                place,
                ports=dataclasses.replace(ports, gateway=event_proxy.port),
                secrets=secrets,
                public=env,
                environ=environ,
            ),
            redis_child(place, port=ports.redis, password=secrets.redis_password, environ=environ),
            *(child for child in ours if child.name != processes.FLOWER),
            *(_second(child) for child in ours if child.name == TRANSCODERS[0]),
        )
        supervisor = Supervisor(children, log_dir=place.folder("logs"), on_event=on_event)
        supervisor.start()
        try:
            supervisor.wait_ready(_READY_S)
            yield ChaosStack(
                env=env,
                filer_port=ports.filer,
                redis_port=ports.redis,
                supervisor=supervisor,
                store_proxy=store_proxy,
                event_proxy=event_proxy,
                logs=place.folder("logs"),
            )
        finally:
            supervisor.stop()
            while not supervisor.wait(0.2):
                time.sleep(0)
            loop.stop()
            remove_sockets(ports)


def _second(child: Child) -> Child:
    """Another worker of the same queues: one that is frozen is to find that another has taken its clip."""
    argv = tuple(word.replace("transcode@", "transcode-2@") for word in child.argv)
    return dataclasses.replace(child, name=TRANSCODERS[1], argv=argv, is_ready=lambda: True)
