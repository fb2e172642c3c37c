"""The ``newsreel.reconcile`` task, rung by the scheduler."""

from __future__ import annotations

from celery import shared_task

from config import queues
from tasks.base import PipelineTask
from tasks.pipeline import reconcile as step


@shared_task(name=queues.RECONCILE_TASK, base=PipelineTask, bind=True)
def reconcile(self: PipelineTask) -> None:
    """Ring again for what is unfinished."""
    step.reconcile(self.services)
