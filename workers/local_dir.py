"""The data directory of a local stack: who holds it, its secrets, its ports, and the dotenv file for other commands.

DIR/lock           held while a stack runs; says who holds it
DIR/secrets.json   made once, mode 0600
DIR/ports.json     so that a restart has the same addresses, and a bookmarked story page survives it
DIR/newsreel.env   there exactly while all of the stack is ready, mode 0600
DIR/logs, run, redis, seaweedfs, workspace
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import secrets
import shlex
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tasks.errors import ConfigurationError

# SeaweedFS takes it for granted here and there that a server's gRPC port is its HTTP port + 10,000.
GRPC_OFFSET: Final = 10_000
# Below the range from which Linux gives outgoing connections their ports, gRPC ports included.
_PORTS: Final = range(10_000, 22_000)


class DirectoryHeld(ConfigurationError):  # noqa: N818 # as in tasks.errors
    """Another stack runs on the directory; the message says which."""


def was_left(root: Path) -> bool:
    """Whether a stack ran on the directory and has ended, perhaps without the chance to tidy up."""
    try:
        with (root / "lock").open("r", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError):
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """A stack's credentials: random, and the same as long as its directory lives."""

    s3_access_key: str
    s3_secret_key: str
    redis_password: str
    events_token: str
    flower_password: str
    operator_token: str


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The loopback ports of a stack. SeaweedFS's servers listen at `GRPC_OFFSET` above theirs as well."""

    s3: int
    master: int
    volume: int
    filer: int
    admin: int
    redis: int
    gateway: int
    flower: int


class LocalDir:
    """The files of one stack below ``root``, which is made (mode 0700) if it isn't there."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.env_file = self.root / "newsreel.env"

    def folder(self, name: str) -> Path:
        """A folder of that name, readable by us only."""
        path = self.root / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    @contextmanager
    def held(self) -> Iterator[Holder]:
        """Lock the directory; the kernel releases the lock when this process ends, however it ends.

        Raises:
            DirectoryHeld: another stack has it.
        """
        with (self.root / "lock").open("a+", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise DirectoryHeld(_who_holds(self.root, file.read())) from None
            # What is left of a stack that was killed would send people to servers that are gone.
            self.env_file.unlink(missing_ok=True)
            holder = Holder(file.fileno())
            try:
                yield holder
            finally:
                holder.clear()

    def secrets(self) -> Secrets:
        """The credentials, made at the first call; those that a directory from before them lacks, at the next."""
        path = self.root / "secrets.json"
        before: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        fresh = Secrets(
            s3_access_key=secrets.token_hex(10),
            s3_secret_key=secrets.token_urlsafe(30),
            redis_password=secrets.token_urlsafe(24),
            events_token=secrets.token_urlsafe(24),
            flower_password=secrets.token_urlsafe(12),
            operator_token=secrets.token_urlsafe(24),
        )
        kept = asdict(fresh) | before
        if kept != before:
            write_private(path, json.dumps(kept, indent=1))
        return Secrets(**kept)

    def ports(self) -> Ports:
        """The ports of last time if they are free, else others; remembered for next time."""
        path = self.root / "ports.json"
        before: dict[str, int] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        chosen: dict[str, int] = {}
        for name in Ports.__dataclass_fields__:
            taken = {*chosen.values(), *(port for other, port in before.items() if other != name)}
            port = before.get(name, 0)
            chosen[name] = port if port and _is_free(port) else _free_port(taken)
        write_private(path, json.dumps(chosen, indent=1))
        return Ports(**chosen)

    def write_env(self, env: Mapping[str, str]) -> None:
        """Write the dotenv file, all of it at once."""
        write_private(self.env_file, "".join(f"{name}={shlex.quote(value)}\n" for name, value in env.items()))


class Holder:
    """Writes the holder of the lock into its file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def tell(self, gateway_url: str) -> None:
        """Say that this process holds it, and where its gateway is."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        self.clear()
        os.write(
            self._descriptor, json.dumps({"pid": os.getpid(), "since": since, "gateway_url": gateway_url}).encode()
        )

    def clear(self) -> None:
        """Say nothing."""
        os.ftruncate(self._descriptor, 0)


def write_private(path: Path, text: str) -> None:
    """Replace the file by one with this text, readable by its owner only; a reader sees the old one or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    temporary.rename(path)


def _who_holds(root: Path, text: str) -> str:
    try:
        holder = json.loads(text)
        who = f"process {holder['pid']}, running since {holder['since']}, with its gateway at {holder['gateway_url']}"
        remedy = f"stop it (Ctrl-C in its terminal, or: kill {holder['pid']})"
    except (ValueError, KeyError):
        who, remedy = "another process that has just begun", "wait for it or stop it"
    return f"{root} is held by {who}. Remedy: {remedy}, or choose another directory with --data."


def _free_port(taken: set[int]) -> int:
    for port in random.sample(_PORTS, len(_PORTS)):
        if port not in taken and _is_free(port):
            return port
    raise ConfigurationError(f"No loopback port between {_PORTS.start} and {_PORTS.stop} is free.")


def _is_free(port: int) -> bool:
    """Whether the port and the gRPC port that may go with it are free on the loopback interface."""
    for number in (port, port + GRPC_OFFSET):
        with socket.socket() as probe:
            # As servers do: a port with nothing but connections that have ended counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                return False
    return True
