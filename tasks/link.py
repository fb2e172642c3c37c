"""The ``newsreel.link`` task."""

from __future__ import annotations

from celery import shared_task

from config import queues
from tasks.base import PipelineTask
from tasks.pipeline import link as step


@shared_task(name=queues.LINK_TASK, base=PipelineTask, bind=True)
def link(self: PipelineTask, article_id: str) -> None:
    """Rebuild an article's record."""
    step.link(self.services, article_id)
