"""What all tasks share: early acknowledgement, no results, and the services of the worker's process.

Early acknowledgement is deliberate: on Redis, late acknowledgement starts a task twice when a connection drops, and
a worker whose broker restarts exits. What a dead worker drops is found by `reconcile`.
"""

from __future__ import annotations

from typing import Any, Final, cast

import structlog
from celery import Task

from config import queues
from tasks.errors import NewsreelError, TemporarilyUnavailable
from tasks.pipeline.services import Services

log: Final = structlog.get_logger()


class PipelineTask(Task):  # type: ignore[type-arg] # celery's stubs are generic, celery's class is not
    """A task whose one argument, if any, is the name of what it works on."""

    abstract = True
    acks_late = False
    ignore_result = True
    # Named errors are an outcome, not a crash: the log gets one line, and reconcile comes back to it.
    throws = (NewsreelError,)

    @property
    def services(self) -> Services:
        """The adapters of this process."""
        return cast(Services, cast(Any, self.app).services)

    def before_start(self, task_id: str, args: tuple[str, ...], kwargs: dict[str, object]) -> None:
        """The message is out of its queue: a new ring for the same name is news from now on."""
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(task=self.name, task_id=task_id)
        if args and self.name != queues.RECONCILE_TASK:
            try:
                self.services.doorbell.answered(self.name, args[0])
            except TemporarilyUnavailable as error:
                # The work itself matters more; a ring that is held back meanwhile is repeated by reconcile.
                log.warning("not answered", error=error.detail)
        super().before_start(task_id, args, kwargs)
