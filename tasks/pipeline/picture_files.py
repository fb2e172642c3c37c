"""The files of a version's pictures: the storyboard's sheets in the workspace, and how each picture goes up."""

from __future__ import annotations

from pathlib import Path

from tasks.media import storyboard
from tasks.media.package import content_type
from tasks.pipeline.job import Job
from tasks.records import keys


def sheets(job: Job) -> list[Path]:
    """The storyboard's sheets that were made so far, in their order."""
    return sorted((job.output / storyboard.FOLDER).glob("sheet-*.jpg"))


def remove_sheets(job: Job) -> None:
    """Leave none of the storyboard: where its run failed the last sheet may be half of one."""
    for sheet in sheets(job):
        sheet.unlink()
    (job.folder / storyboard.SEEN).unlink(missing_ok=True)


def seen(job: Job) -> str:
    """What the run that made the sheets of key frames alone has noted of these."""
    path = job.folder / storyboard.SEEN
    return path.read_text(encoding="ascii") if path.is_file() else ""


def upload(job: Job, path: str, *, to: str = "") -> None:
    """Put one picture of the version up, under its own path or that of ``to``."""
    job.services.store.upload(
        job.services.settings.media_bucket,
        keys.version_prefix(job.name, job.work.version) + (to or path),
        job.output / path,
        content_type=content_type(path),
        cache_control=keys.CACHE_IMMUTABLE,
    )
