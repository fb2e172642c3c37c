"""The ``newsreel.ingest`` task."""

from __future__ import annotations

from celery import shared_task

from config import queues
from tasks.base import PipelineTask
from tasks.pipeline import ingest as step


@shared_task(name=queues.INGEST_TASK, base=PipelineTask, bind=True)
def ingest(self: PipelineTask, key: str) -> None:
    """Take note of an upload."""
    step.ingest(self.services, key)
