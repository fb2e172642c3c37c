"""The upload that a clip is made of, in the workspace: work begins with what has come of it while the rest arrives."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tasks.adapters.arriving import Arriving
from tasks.media import encode
from tasks.media.source import Recording
from tasks.pipeline.services import Services
from tasks.records.clip_record import Work

# A second at the beginning may take more bytes than one later on.
_UNEVENNESS: Final = 1.5


def bring(services: Services, folder: Path, work: Work, *, should_stop: Callable[[], bool]) -> Arriving:
    """Have the version's upload come to `encode.SOURCE_FILE` in the folder; returned is what is to be closed again.

    Its beginning is there, from which probing tells everything; all of it, where it can't be read from front to back.

    Raises:
        As `ObjectStore.download`.
    """
    return services.sources.begin(
        services.settings.incoming_bucket,
        work.source.key,
        folder / encode.SOURCE_FILE,
        etag=work.source.etag,
        size_bytes=work.source.size_bytes,
        should_stop=should_stop,
    )


def have_s(upload: Arriving, source: Recording, end_s: float, stop: threading.Event | None) -> None:
    """Wait until what is shown and heard before ``end_s`` has come; the rest may look like a file's early end.

    Raises:
        As `Arriving.whole`.
    """
    if not source.duration_s or end_s * _UNEVENNESS >= source.duration_s:
        upload.whole(stop)
    elif not upload.is_whole:
        upload.wait_for_share(end_s * _UNEVENNESS / source.duration_s, stop)
