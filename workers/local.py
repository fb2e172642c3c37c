"""The local stack: SeaweedFS, Redis and every newsreel process, supervised, on free loopback ports.

with running_stack(Path(".newsreel")) as stack:
    stack.env["NEWSREEL_S3_ENDPOINT_URL"]
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from config.queues import QUEUE_CLASSES
from config.settings import load_settings
from tasks.errors import NewsreelError
from workers import bucket_access, processes
from workers.client import environment
from workers.local_dir import LocalDir
from workers.local_processes import current_environ, newsreel_children, public_env
from workers.local_servers import HOST, REDIS, SEAWEEDFS, redis_child, remove_sockets, seaweedfs_child
from workers.supervisor import ChildrenNotReady, Supervisor

# Eight seconds on an idle machine; what can never come up is told much earlier.
READY_WITHIN_S: Final = 120.0


class StackNotReady(NewsreelError):  # noqa: N818 # as in tasks.errors
    """The local stack did not come up; the message names the process and shows the end of its log."""


class StackStopped(NewsreelError):  # noqa: N818
    """The local stack was told to stop before it was ready."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """One process of the stack, as it is shown to people."""

    name: str
    address: str
    pid: int | None
    log: Path


@dataclass(frozen=True, kw_only=True)
class RunningStack:
    """A stack that is ready.

    ``env`` is what ``DIR/newsreel.env`` holds: addresses and credentials, enough for any client.
    """

    data_dir: Path
    env: Mapping[str, str]
    ready_after_s: float
    supervisor: Supervisor

    def pids(self) -> dict[str, int]:
        """The process id of each running service."""
        return self.supervisor.pids()

    def services(self) -> tuple[Service, ...]:
        """Each service with its address, in the order of their start."""
        addresses = {
            SEAWEEDFS: f"S3 at {self.env['NEWSREEL_S3_ENDPOINT_URL']}",
            REDIS: self.env["NEWSREEL_BROKER_URL"].rpartition("@")[2],
            processes.GATEWAY: self.env["NEWSREEL_GATEWAY_URL"],
            processes.FLOWER: self.env["NEWSREEL_FLOWER_URL"],
            processes.SCHEDULER: "",
            **({processes.SQS: "polls NEWSREEL_SQS_QUEUE_URL"} if processes.SQS in self.pids() else {}),
            **{processes.worker_name(each): f"queues {', '.join(each.queues)}" for each in QUEUE_CLASSES},
        }
        pids = self.pids()
        return tuple(
            Service(name=name, address=address, pid=pids.get(name), log=self.supervisor.log_path(name))
            for name, address in addresses.items()
        )

    def wait(self) -> None:
        """Return when the stack has ended because its `LocalStack` was told to stop."""
        # In steps: Python runs signal handlers between them.
        while not self.supervisor.wait(0.2):
            pass


class LocalStack:
    """A stack on one directory, run once.

    Parameters:
        data_dir: keeps data, secrets, ports and logs between runs.
        env_overrides: settings that win over the environment's; the stack's own addresses and secrets stay.
        on_event: told, in words, of deaths and restarts; called from other threads.
    """

    def __init__(
        self,
        data_dir: Path,
        env_overrides: Mapping[str, str] | None = None,
        on_event: Callable[[str], None] = print,
    ) -> None:
        self._data_dir = data_dir
        self._overrides = dict(env_overrides or {})
        self._on_event = on_event
        self._supervisor: Supervisor | None = None
        self._is_stopping = False

    def stop(self) -> None:
        """Ask for an orderly end; returns at once, and may be called from a signal handler at any time."""
        self._is_stopping = True
        if self._supervisor:
            self._supervisor.stop()

    def kill(self) -> None:
        """Ask for an end at once, by SIGKILL; as `stop` otherwise."""
        self._is_stopping = True
        if self._supervisor:
            self._supervisor.kill()

    @contextmanager
    def running(self) -> Iterator[RunningStack]:
        """The stack, all of it ready; it ends with the block. A Ctrl-C while it ends kills what is left.

        Raises:
            DirectoryHeld: another stack runs on the directory.
            ConfigurationError: a server is not installed.
            StackNotReady: it did not come up.
            StackStopped: `stop` was called meanwhile.
        """
        started_at = time.monotonic()
        place = LocalDir(self._data_dir)
        with place.held() as holder:
            ports = place.ports()
            holder.tell(f"http://{HOST}:{ports.gateway}")
            secrets = place.secrets()
            environ = current_environ(self._overrides)
            env = public_env(environ, ports, secrets, place.folder("workspace"))
            children = (
                seaweedfs_child(place, ports=ports, secrets=secrets, public=env, environ=environ),
                redis_child(place, port=ports.redis, password=secrets.redis_password, environ=environ),
                *newsreel_children(place, ports=ports, public=env, environ=environ),
            )
            supervisor = Supervisor(children, log_dir=place.folder("logs"), on_event=self._on_event)
            self._supervisor = supervisor
            if self._is_stopping:
                raise StackStopped("Stopped before it was started.")
            supervisor.start()
            try:
                self._wait_ready(supervisor)
                self._let_portals_read({**environ, **env})
                place.write_env(env)
                yield RunningStack(
                    data_dir=place.root,
                    env=env,
                    ready_after_s=time.monotonic() - started_at,
                    supervisor=supervisor,
                )
            finally:
                # First of all, so that nobody is sent to servers that are going away.
                place.env_file.unlink(missing_ok=True)
                _end(supervisor)
                remove_sockets(ports)

    def _let_portals_read(self, env: Mapping[str, str]) -> None:
        try:
            with environment(env):
                bucket_access.let_portals_read(load_settings(), bucket_access.client_of(env))
        except (ClientError, BotoCoreError) as error:
            self._on_event(f"portals cannot read the media bucket itself, only the gateway: {error}")

    def _wait_ready(self, supervisor: Supervisor) -> None:
        try:
            supervisor.wait_ready(READY_WITHIN_S)
        except ChildrenNotReady as error:
            if self._is_stopping:
                raise StackStopped("Stopped before it was ready.") from error
            raise StackNotReady(str(error)) from error


@contextmanager
def running_stack(
    data_dir: Path,
    env_overrides: Mapping[str, str] | None = None,
    on_event: Callable[[str], None] = print,
) -> Iterator[RunningStack]:
    """A ready local stack on the directory; it ends with the block. Parameters and errors: see `LocalStack`."""
    with LocalStack(data_dir, env_overrides, on_event).running() as stack:
        yield stack


def _end(supervisor: Supervisor) -> None:
    supervisor.stop()
    while True:
        try:
            while not supervisor.wait(0.2):
                pass
        except KeyboardInterrupt:
            supervisor.kill()
        else:
            return
