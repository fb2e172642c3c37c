"""The ``newsreel.notify`` task, rung by the feeds' worker and by the scheduler."""

from __future__ import annotations

from celery import shared_task

from config import queues
from tasks.base import PipelineTask
from tasks.pipeline import notify as step


@shared_task(name=queues.NOTIFY_TASK, base=PipelineTask, bind=True)
def notify(self: PipelineTask, _what: str) -> None:
    """Send the webhooks that are due."""
    step.notify(self.services)
