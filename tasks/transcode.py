"""The ``newsreel.transcode`` task."""

from __future__ import annotations

from celery import shared_task

from config import queues
from tasks.base import PipelineTask
from tasks.pipeline import transcode as step


@shared_task(name=queues.TRANSCODE_TASK, base=PipelineTask, bind=True)
def transcode(self: PipelineTask, name: str) -> None:
    """Make the renditions of a clip."""
    step.transcode(self.services, name)
