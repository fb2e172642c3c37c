"""The Celery application: ``celery --app workers.app worker|beat|flower``.

Each process of a worker's pool builds its own services after the fork, since clients and their connections must not be
shared across it.
"""

from __future__ import annotations

import gc
import multiprocessing
import sys
from typing import Any, Final

import structlog
from celery import Celery, signals

from config import queues
from config.celery import celery_options
from config.logs import configure_logs
from config.settings import load_settings
from tasks.adapters.cage import Cage
from tasks.adapters.conditional_writes import verify_conditional_writes
from tasks.adapters.versions import verify_ffmpeg
from tasks.errors import NewsreelError
from tasks.pipeline.services import Services
from workers import heap
from workers.orphans import Orphans
from workers.services import build_services

log: Final = structlog.get_logger()
_STORE_PATIENCE_S: Final = 60.0


class NewsreelApp(Celery):
    """A Celery app that knows its settings, and gives each process its `Services`."""

    def __init__(self) -> None:
        super().__init__("newsreel")
        self.settings = load_settings()
        self.conf.update(celery_options(self.settings))
        # Shared with the pool, which forks later: the parent tells its children to give their work back. A bare value,
        # since a lock would stay locked for all if a child were killed while it holds it.
        self._stopping = multiprocessing.RawValue("b", 0)
        # Tried before the pool is forked: a child that can't make a namespace any more must not do without.
        self._cage: Cage | None = None
        self._services: Services | None = None

    @property
    def services(self) -> Services:
        """The adapters of this process, built when they are first asked for."""
        if self._services is None:
            self._services = build_services(self.settings, app=self, cage=self._cage, is_stopping=self.is_stopping)
        return self._services

    def decide_on_cage(self) -> Cage:
        """Try the cage, for this process and all that it forks later.

        Raises:
            ConfigurationError: it is required and does not work here.
        """
        self._cage = Cage(self.settings.cage)
        return self._cage

    def is_stopping(self) -> bool:
        """The worker is to end."""
        return bool(self._stopping.value)

    def stop_work(self) -> None:
        """Tell all processes of this worker's pool to give their work back."""
        self._stopping.value = 1


app = NewsreelApp()


@signals.setup_logging.connect
def _configure_logs(**_: Any) -> None:
    configure_logs(app.settings)


@signals.worker_init.connect
def _check_before_start(**_: Any) -> None:
    """Refuse to start where the work could not be trusted."""
    # Before the first thread.
    heap.share_one_arena()
    try:
        services = build_services(app.settings, app=app, cage=app.decide_on_cage())
        verify_ffmpeg(app.settings.ffmpeg)
        # A short race: some stores make losers wait a second each. `newsreel doctor` runs the long one.
        # A store that is just being restarted is waited for, which is over sooner than another start of this process.
        verify_conditional_writes(
            services.store, app.settings.media_bucket, rounds=1, racers=3, patience_s=_STORE_PATIENCE_S
        )
        # Each worker sweeps its own disk: a job that was killed leaves its folder.
        services.workspaces.sweep()
        if not services.is_caged:
            log.warning("ffmpeg runs without the cage", remedy="allow user namespaces; newsreel doctor tells more")
    except NewsreelError as error:
        log.critical("refusing to start", reason=str(error))
        sys.exit(1)
    except Exception as error:
        # Celery would log it and go on, with nothing proved.
        log.critical("refusing to start", reason=f"the check before the start failed: {error!r}", exc_info=True)
        sys.exit(1)
    # Of a pool's process that is killed, its cage may be left; in a container nobody else would end it.
    Orphans().settle_in_background()


@signals.worker_before_create_process.connect
def _share_memory(**_: Any) -> None:
    """A process of the pool shares its parent's memory until one writes there, as a collection does to all it visits.

    https://docs.python.org/3.11/library/gc.html#gc.freeze
    """
    gc.collect()
    heap.give_back()
    gc.freeze()


@signals.worker_ready.connect
def _reconcile_at_start(sender: Any, **_: Any) -> None:
    """Queue what was left unfinished, without waiting for the scheduler's first round."""
    if any(queue.name == queues.RECONCILE for queue in sender.task_consumer.queues):
        app.send_task(queues.RECONCILE_TASK, queue=queues.RECONCILE, ignore_result=True)


@signals.worker_shutting_down.connect
def _stop_work(**_: Any) -> None:
    """Running work gives its lease back and ends its ffmpeg; the pool then ends without waiting for it."""
    app.stop_work()
