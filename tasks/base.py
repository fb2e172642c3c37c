"""What all tasks share: early acknowledgement, no results, and the services of the worker's process.

Early acknowledgement is deliberate: on Redis, late acknowledgement starts a task twice when a connection drops, and
a worker whose broker restarts exits. What a dead worker drops is found by `reconcile`. While the store is away messages
stay in their queues: the one that found it out goes back to its own, and its process waits.
"""

from __future__ import annotations

from typing import Any, Final, cast

import structlog
from billiard.einfo import ExceptionInfo
from celery import Task

from config import queues
from tasks.errors import NewsreelError, TemporarilyUnavailable
from tasks.pipeline import outages
from tasks.pipeline.services import Services

log: Final = structlog.get_logger()
# A message whose own object is what the store fails at must not go round and round.
_AGAIN_S: Final = 60.0


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
        """The message has left its queue: from now on the same name may be queued again."""
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(task=self.name, task_id=task_id)
        if args and self.name != queues.RECONCILE_TASK:
            try:
                self.services.doorbell.answered(self.name, args[0])
            except TemporarilyUnavailable as error:
                # The work itself matters more; a ring that is held back meanwhile is repeated by reconcile.
                log.warning("not answered", error=error.detail)
        super().before_start(task_id, args, kwargs)

    def on_failure(
        self, exc: Exception, task_id: str, args: tuple[str, ...], kwargs: dict[str, object], einfo: ExceptionInfo
    ) -> None:
        """The store failed: the message goes back, and this process takes no other one before the store answers."""
        if isinstance(exc, TemporarilyUnavailable) and exc.code == outages.AWAY:
            is_there = outages.is_store_there(self.services)
            # Before the wait, in which nothing is in hand that could be lost with this process.
            self._put_back(args, at_most_now_and_then=is_there)
            if not is_there:
                log.warning("waiting for the store", error=exc.detail)
                outages.wait_for_store(self.services)
        super().on_failure(exc, task_id, args, kwargs, einfo)

    def _put_back(self, args: tuple[str, ...], *, at_most_now_and_then: bool) -> None:
        # The scheduler asks for `reconcile` anyway.
        if not args or self.name == queues.RECONCILE_TASK:
            return
        doorbell, queue = self.services.doorbell, (self.request.delivery_info or {}).get("routing_key")
        try:
            if not at_most_now_and_then or doorbell.is_due(f"again:{self.name}:{args[0]}", every_s=_AGAIN_S):
                doorbell.ring(self.name, args[0], queue=queue, again=True)
        except TemporarilyUnavailable as error:
            log.warning("not put back", error=error.detail)
