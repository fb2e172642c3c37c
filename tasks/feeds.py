"""The ``newsreel.feeds`` task."""

from __future__ import annotations

from celery import shared_task

from config import queues
from tasks.base import PipelineTask
from tasks.pipeline import feeds as step


@shared_task(name=queues.FEEDS_TASK, base=PipelineTask, bind=True)
def feeds(self: PipelineTask, what: str) -> None:
    """Bring the lists per day and the feed of changes up to date."""
    step.publish(self.services, what)
