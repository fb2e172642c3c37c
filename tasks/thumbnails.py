"""The ``newsreel.thumbnails`` task."""

from __future__ import annotations

from celery import shared_task

from config import queues
from tasks.base import PipelineTask
from tasks.pipeline import thumbnails as step


@shared_task(name=queues.THUMBNAILS_TASK, base=PipelineTask, bind=True)
def thumbnails(self: PipelineTask, name: str) -> None:
    """Make a clip's poster and storyboard."""
    step.thumbnails(self.services, name)
