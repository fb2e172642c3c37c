"""A job: one task's work on one version of a clip, and what it uses."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

from tasks.adapters.arriving import Arriving
from tasks.media import encode
from tasks.media.ladder import Ladder
from tasks.pipeline.services import Services
from tasks.records.clip_record import Work


@dataclass(frozen=True, kw_only=True)
class Job:
    """The clip's ``name``, the ``work`` on it, as its record had that when the job began, and that work's ``ladder``.

    ``folder`` is its workspace, into which the ``upload`` comes as `SOURCE_FILE`; all ends when ``stop`` is set.
    """

    services: Services
    folder: Path
    upload: Arriving
    name: str
    work: Work
    ladder: Ladder
    stop: threading.Event

    @property
    def max_pixels(self) -> int:
        """The largest picture that a program may decode."""
        return self.services.settings.max_pixels

    @property
    def output(self) -> Path:
        """The folder of what is published, laid out as below the version's prefix."""
        return self.folder / encode.OUTPUT

    def until(self, stop: threading.Event) -> Job:
        """The same job, for a part of it that another event ends."""
        return replace(self, stop=stop)
