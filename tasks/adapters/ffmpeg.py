"""ffmpeg in the cage: runs a plan's arguments, reports progress, tells the upload's faults from the machine's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tasks.adapters import process
from tasks.adapters.cage import Cage, Limits
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media.progress import Progress, ProgressReader

# A long run leaves the processor to short ones, so a poster does not wait for the encode beside it.
_BACKGROUND: Final = Limits(niceness=10)
_SILENCE_S: Final = 120.0
_DETAIL_CHARACTERS: Final = 2000


class Ffmpeg:
    """Runs ffmpeg in the folder of a workspace."""

    def __init__(self, program: Path, cage: Cage) -> None:
        self._program = program
        self._cage = cage

    def run(
        self,
        folder: Path,
        arguments: Sequence[str],
        *,
        timeout_s: float,
        on_progress: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> process.Finished:
        """Run to the end. With ``on_progress`` the arguments must hold ``-progress pipe:1``; silence then ends the run.

        Raises:
            SourceRejected: ffmpeg can't make anything of the input (``undecodable``).
            TemporarilyUnavailable: it was killed, stalled, overran or ran out of disk.
            process.Stopped: ``stop`` was set.
        """
        reader = ProgressReader()

        def on_line(line: str) -> None:
            if on_progress is not None and (progress := reader.feed(line)) is not None:
                on_progress(progress)

        try:
            finished = process.run(
                self._program,
                list(arguments),
                folder=folder,
                cage=self._cage,
                limits=_BACKGROUND if on_progress else Limits(),
                timeout_s=timeout_s,
                silence_s=_SILENCE_S if on_progress else None,
                on_line=on_line if on_progress else None,
                stop=stop,
            )
        except process.Overran as error:
            raise TemporarilyUnavailable("encoder_overran", "Encoding this clip took too long.", str(error)) from error
        except OSError as error:
            raise TemporarilyUnavailable(
                "encoder_not_started", "The encoder could not be started.", str(error)
            ) from error
        if finished.exit_code != 0:
            raise _failure(finished)
        return finished


def _failure(finished: process.Finished) -> SourceRejected | TemporarilyUnavailable:
    detail = finished.stderr_tail[-_DETAIL_CHARACTERS:]
    if finished.exit_code < 0:
        told = f"signal {-finished.exit_code}" + (f"; {detail}" if detail else "")
        return TemporarilyUnavailable("encoder_killed", "The encoder was ended from outside.", told)
    # ffmpeg has no exit code of its own for the machine's faults; these are the C library's fixed words.
    for code, words in (("disk_full", "No space left on device"), ("out_of_memory", "Cannot allocate memory")):
        if words in detail:
            return TemporarilyUnavailable(code, "The worker ran out of room while encoding.", detail)
    return SourceRejected("undecodable", "This video can't be decoded; it is damaged or of an unknown kind.", detail)
