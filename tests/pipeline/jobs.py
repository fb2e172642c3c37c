"""A job on a file that lies in a folder already, for steps that are tried by themselves."""

from __future__ import annotations

import threading
from pathlib import Path

from tasks.adapters.arriving import Arriving
from tasks.media.source_input import SOURCE_FILE
from tasks.pipeline.job import Job
from tasks.pipeline.services import Services
from tasks.records.clip_facts import SourceFacts
from tasks.records.clip_record import ClipState, Work

_NEW = Work(version="0" * 12, state=ClipState.RECEIVED, source=SourceFacts(key="clips/A1.mp4", etag="e", size_bytes=1))


def job_in(
    folder: Path,
    services: Services,
    *,
    name: str = "A1",
    work: Work = _NEW,
    upload: Arriving | None = None,
    stop: threading.Event | None = None,
) -> Job:
    """The upload is there whole, unless one is given that comes yet."""
    if upload is None:
        path = folder / SOURCE_FILE
        upload = Arriving(path, path.stat().st_size)
        upload.end("0" * 64)
    return Job(
        services=services,
        folder=folder,
        upload=upload,
        name=name,
        work=work,
        ladder=services.ladder_of(work),
        stop=stop or threading.Event(),
    )
