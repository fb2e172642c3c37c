"""The command line of every newsreel process: the local stack runs these, docker-compose.yml repeats them.

Credentials never stand here, since a command line is public on its machine: they come from the environment.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import config
from config.queues import QUEUE_CLASSES, QueueClass

_APP: Final = ("celery", "--app", "workers.app")

SCHEDULER: Final = "scheduler"
GATEWAY: Final = "gateway"
FLOWER: Final = "flower"
SQS: Final = "sqs"

FLOWER_CONFIG: Final = Path(config.__file__).with_name("flower.py")


@dataclass(frozen=True, kw_only=True)
class Site:
    """What differs between deployments: where the gateway listens, and some files.

    With ``sqs_heartbeat`` a queue is polled too, and the file is touched after each round.
    """

    gateway_host: str
    gateway_port: int
    schedule_file: Path
    flower_config: Path
    sqs_heartbeat: Path | None = None


IMAGE: Final = Site(
    gateway_host="0.0.0.0",  # noqa: S104 # inside a container; which addresses reach it is the container's matter
    gateway_port=8080,
    schedule_file=Path("/var/lib/newsreel/schedule"),
    flower_config=Path("/etc/newsreel/flower.py"),
)
"""The image that the Dockerfile builds."""
IMAGE_WITH_SQS: Final = replace(IMAGE, sqs_heartbeat=Path("/var/lib/newsreel/sqs"))
"""The same where stores send their events to an SQS queue."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process: its name, and its argument list as one would type it."""

    name: str
    argv: tuple[str, ...]

    def argv_of_this_python(self) -> tuple[str, ...]:
        """The same, run by the Python (and so the virtual environment) that runs this."""
        program, *arguments = self.argv
        module = () if program == "python" else ("-m", program)
        return (sys.executable, *module, *arguments)


def worker_name(queue_class: QueueClass) -> str:
    """Name of the process that serves the queue class: ``worker-transcode``."""
    return f"worker-{queue_class.name}"


def worker_process(queue_class: QueueClass) -> Process:
    """The worker of one queue class."""
    return Process(
        name=worker_name(queue_class),
        argv=(
            *_APP,
            "worker",
            "--queues",
            ",".join(queue_class.queues),
            "--concurrency",
            str(queue_class.concurrency),
            "--hostname",
            f"{queue_class.name}@%h",
            # Workers need not know of each other: records say who is at work.
            "--without-gossip",
            "--without-mingle",
        ),
    )


def newsreel_processes(site: Site) -> tuple[Process, ...]:
    """Every process of newsreel itself: a worker per queue class, scheduler, gateway, Flower, perhaps a poller."""
    poller = (
        Process(name=SQS, argv=("python", "-m", "workers.sqs", "--heartbeat", str(site.sqs_heartbeat)))
        if site.sqs_heartbeat is not None
        else None
    )
    return (
        *(worker_process(queue_class) for queue_class in QUEUE_CLASSES),
        Process(name=SCHEDULER, argv=(*_APP, "beat", "--schedule", str(site.schedule_file))),
        Process(
            name=GATEWAY,
            argv=("python", "-m", "workers.gateway", "--host", site.gateway_host, "--port", str(site.gateway_port)),
        ),
        Process(name=FLOWER, argv=(*_APP, "flower", f"--conf={site.flower_config}")),
        *filter(None, (poller,)),
    )
