"""The ``newsreel.reconcile`` task, rung by the scheduler."""

from __future__ import annotations

from celery import shared_task

from config import queues
from tasks.base import PipelineTask
from tasks.pipeline import reconcile as step


@shared_task(name=queues.RECONCILE_TASK, base=PipelineTask, bind=True)
def reconcile(self: PipelineTask) -> None:
    """Ring again for what is unfinished.

    After a time without this worker several messages lie in its queue, which would all do the same: one is heard.
    """
    services = self.services
    if services.doorbell.is_due("reconcile", every_s=services.settings.reconcile_interval_s / 2):
        step.reconcile(services)
