"""The poller of an SQS queue: ``python -m workers.sqs``, where stores send their events to a queue."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Final

import click
import structlog
from pydantic import ValidationError

from config.logs import configure_logs
from config.settings import PREFIX, load_settings
from tasks.adapters.sqs import MAX_WAIT_S, SqsQueue
from tasks.errors import ConfigurationError, TemporarilyUnavailable
from tasks.pipeline.polling import poll
from tasks.pipeline.services import Services
from workers.services import build_services

_log = structlog.get_logger()

_LONGEST_PAUSE_S: Final = 30.0
_GRACE_S: Final = 5.0


def run(services: Services, queue: SqsQueue, stopping: threading.Event, heartbeat: Path | None = None) -> None:
    """Poll until told to stop; after a fault go on, with growing pauses.

    ``heartbeat`` is touched after each round in which the queue answered, which is at least every 20 s.
    """
    # The first answer is awaited by who started this process, so it is given at once.
    wait_s, pause_s = 0, 1.0
    while not stopping.is_set():
        try:
            poll(services, queue, wait_s=wait_s)
        except TemporarilyUnavailable as error:
            _log.warning("sqs.waiting", code=error.code, detail=error.detail, pause_s=pause_s)
            stopping.wait(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)
            continue
        wait_s, pause_s = MAX_WAIT_S, 1.0
        if heartbeat is not None:
            heartbeat.touch()


@click.command()
@click.option("--heartbeat", type=click.Path(dir_okay=False, path_type=Path), help="A file to touch after each round.")
def main(heartbeat: Path | None) -> None:
    """Poll the queue in NEWSREEL_SQS_QUEUE_URL for object events until SIGINT or SIGTERM."""
    try:
        settings = load_settings()
        services = build_services(settings)
    except (ConfigurationError, ValidationError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if not settings.sqs_queue_url:
        raise click.ClickException(f"There is no queue to poll. Remedy: set {PREFIX}SQS_QUEUE_URL.")
    configure_logs(settings)
    queue = SqsQueue.connect(settings.sqs_queue_url, region=settings.s3_region)
    stopping = threading.Event()
    # Polling is done by a thread that need not end: a message it is lent meanwhile comes back to the queue by itself.
    poller = threading.Thread(target=run, args=(services, queue, stopping, heartbeat), name="poller", daemon=True)
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: stopping.set())
    _log.info("sqs.polling", queue=settings.sqs_queue_url)
    poller.start()
    while poller.is_alive() and not stopping.wait(0.2):
        pass
    if not stopping.is_set():
        sys.exit(1)
    poller.join(_GRACE_S)
    _log.info("sqs.ended")


if __name__ == "__main__":
    main()
