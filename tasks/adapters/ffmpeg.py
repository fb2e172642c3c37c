"""ffmpeg in the cage: runs a plan's arguments, reports progress, tells the upload's faults from the machine's."""

from __future__ import annotations

import re
import shutil
import signal
import threading
from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Final

from tasks.adapters import machine_faults, memory_kills, process
from tasks.adapters.arriving import Part
from tasks.adapters.cage import MAX_ALLOCATION_BYTES, Cage, Limits
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media.decoders import without_lists
from tasks.media.progress import Progress, ProgressReader
from tasks.media.source_input import SOURCE_FILE, piped

_SILENCE_S: Final = 120.0
_SPARE_BYTES: Final = 1024**2
_NO_MEMORY: Final = "The worker ran out of memory while encoding."
_GUARDS: Final = (
    *("-max_alloc", str(MAX_ALLOCATION_BYTES)),
    # A picture whose time lies ten minutes after the one before is moved up to it: filling the gap at a constant rate
    # takes a kilobyte of memory for each frame of it at once, and two pictures may lie days apart.
    *("-dts_error_threshold", "600"),
    # What decodes is shown, however much does not: of an upload that broke off in a file laid out beforehand the rest
    # is zeros. Left to itself ffmpeg gives up all where two thirds are damaged. Noise yields some pictures, too.
    *("-max_error_rate", "0.98"),
)
_DETAIL_CHARACTERS: Final = 2000
# What it says of each picture that came out damaged, and of each packet of which nothing came, unless it sums up
# messages that are alike (`repeat`).
_DAMAGE: Final = re.compile(rb"corrupt decoded frame|Error submitting packet to decoder|Decoding error")
_NOT_STARTED: Final = "encoder_not_started"
CRASHED: Final = "encoder_crashed"
"""A fault in ffmpeg itself, into which the upload has led it: most likely it would do so again."""

# Nobody sends these: a program brings them on itself.
_OF_ITS_OWN: Final = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE})


class Urgency(IntEnum):
    """How urgent a run is: it gives way to those listed before it. The values are nicenesses."""

    # On the way to the first seconds that play.
    FIRST = 0
    # What can be played is waited for sooner than its picture.
    PICTURE = 5
    # A long run leaves the processor to short ones, so a poster does not wait for the encode beside it.
    ENCODE = 10
    # What already plays by copy can wait for its ladder until its picture is there.
    LADDER_BEHIND_COPY = 15
    # What nobody waits for leaves it even to those: the first seconds that can be played may come from the encode.
    UNHURRIED = 19


def is_of_the_upload(error: SourceRejected | TemporarilyUnavailable) -> bool:
    """Whether trying again would end the same way: what makes ffmpeg crash would do so at each ring."""
    return isinstance(error, SourceRejected) or error.code == CRASHED


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
        longest_s: float | None = None,
        urgency: Urgency = Urgency.FIRST,
        stop: threading.Event | None = None,
        feed: Part | None = None,
    ) -> process.Finished:
        """Run to the end; pictures, and packets of sound, that could not be decoded correctly are counted.

        With ``on_progress`` the arguments must hold ``-progress pipe:1``; silence then ends the run, and so does an
        output of more than ``longest_s`` seconds of media. With ``feed``, that part of the upload is read as it
        arrives; a run that goes back or ahead in it (`tasks.media.source_input.piped`) waits for all of it.

        Raises:
            SourceRejected: ffmpeg can't make anything of the input (``undecodable``), or ever more (``too_long``).
            TemporarilyUnavailable: it was killed (``out_of_memory`` if the kernel has killed for want of memory
                meanwhile, else ``encoder_killed``), crashed (`CRASHED`), stalled, overran, or could not be started
                (``encoder_not_started``); the disk failed or is full, also under ``on_progress`` or ``feed``
                (`machine_faults`).
            process.Stopped: ``stop`` was set.
            As `Arriving.whole`, if the rest does not arrive.
        """
        reader = ProgressReader()
        kills = memory_kills.count()

        def on_line(line: str) -> None:
            if on_progress is not None and (progress := reader.feed(line)) is not None:
                if longest_s is not None and progress.time_s > longest_s:
                    raise SourceRejected(
                        "too_long",
                        "This clip is far longer than it claims to be; its time stamps are damaged.",
                        f"{progress.time_s:.0f} s came out of it, {longest_s:.0f} s at most are made",
                    )
                on_progress(progress)

        through_pipe = None if feed is None or feed.upload.is_whole else piped(arguments)
        if feed is not None and through_pipe is None:
            feed.upload.whole(stop)
        try:
            finished = process.run(
                self._program,
                [*_GUARDS, *(through_pipe or arguments)],
                folder=folder,
                cage=self._cage,
                limits=Limits(niceness=urgency),
                timeout_s=timeout_s,
                silence_s=_SILENCE_S if on_progress else None,
                on_line=on_line if on_progress else None,
                stop=stop,
                counting=_DAMAGE,
                feed=feed.chunks if feed is not None and through_pipe is not None else None,
            )
        except process.Overran as error:
            raise TemporarilyUnavailable("encoder_overran", "Encoding this clip took too long.", str(error)) from error
        except process.NotStarted as error:
            raise TemporarilyUnavailable(_NOT_STARTED, "The encoder could not be started.", str(error)) from error
        # Not the program's: what is told of its progress looks at its files, and the feed reads the upload.
        except OSError as error:
            raise machine_faults.of_disk(error) from error
        # On a full disk its muxers may leave empty files, say nothing and exit 0.
        if (free := shutil.disk_usage(folder).free) < _SPARE_BYTES:
            detail = f"{free} bytes are free\n{finished.stderr_tail}"
            raise TemporarilyUnavailable("disk_full", machine_faults.NO_ROOM, detail)
        detail = without_lists(finished.stderr_tail)[-_DETAIL_CHARACTERS:]
        reads_upload = SOURCE_FILE in arguments
        if finished.exit_code != 0:
            # By its words first: some of its exit codes are those of a program that died in the cage by a signal.
            fault = machine_faults.of_program(
                detail, folder, reads_upload=reads_upload, not_started=_NOT_STARTED, stop=stop
            )
            raise fault or _failure(finished, detail, kills_before=kills, reads_upload=reads_upload)
        # Where reading breaks off it makes what it can of the rest, and exits 0.
        if reads_upload and (fault := machine_faults.of_early_end(detail, folder, not_started=_NOT_STARTED, stop=stop)):
            raise fault
        return finished


def _failure(
    finished: process.Finished, detail: str, *, kills_before: int | None, reads_upload: bool
) -> SourceRejected | TemporarilyUnavailable:
    if finished.exit_code < 0:
        told = f"signal {-finished.exit_code}" + (f"; {detail}" if detail else "")
        kills = memory_kills.count()
        if finished.exit_code == -signal.SIGKILL and kills_before is not None and kills is not None:
            if kills > kills_before:
                why = (
                    f"the kernel ended {kills - kills_before} of this machine's processes for want of memory meanwhile"
                )
                return TemporarilyUnavailable("out_of_memory", _NO_MEMORY, f"{why}; {told}")
            told = f"not for want of memory; {told}"
        # What we made ourselves is sound: a crash over that is the machine's.
        if reads_upload and -finished.exit_code in _OF_ITS_OWN:
            return TemporarilyUnavailable(CRASHED, "The encoder crashed on this clip.", told)
        return TemporarilyUnavailable("encoder_killed", "The encoder was killed from outside.", told)
    # The C library's words; a bound of ours (`_GUARDS`) is told by the same.
    if "Cannot allocate memory" in detail:
        return TemporarilyUnavailable("out_of_memory", _NO_MEMORY, detail)
    return SourceRejected("undecodable", "This video can't be decoded; it is damaged, or of an unknown format.", detail)
