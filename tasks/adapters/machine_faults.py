"""Telling the machine's faults from the upload's, by the last messages of ffmpeg and ffprobe.

They have no exit code of their own for either. Each fault ends its line with the C library's words for an ``errno``:
glibc's in the bundled ffmpeg, musl's in the bundled ffprobe, so both spellings are looked for.
"""

from __future__ import annotations

import errno
import re
import threading
from pathlib import Path
from typing import Final

from tasks.adapters.process import Stopped
from tasks.errors import TemporarilyUnavailable
from tasks.media.source_input import SOURCE_FILE

INPUT_ERROR: Final = "input_error"
NO_ROOM: Final = "The worker ran out of room."
_NO_DISK: Final = "The worker's disk could not be used."
_NOT_STARTED: Final = "The worker could not start what reads and encodes clips."
_UNCLEAR: Final = "Reading this clip broke off: the worker's disk failed for a moment, or the file is damaged."

# The first that is found counts. Not one of them was said of two thousand files of twenty formats, cut off and damaged.
# Want of memory is not among them: a size that is damaged brings that about as well.
_WORDS: Final = (
    ("disk_full", NO_ROOM, r"No space left on device|(?:Disk q|Q)uota exceeded"),
    (
        "disk_error",
        _NO_DISK,
        r"Read-only file system|Stale file handle|Remote I/O error|Transport endpoint is not connected"
        r"|Socket not connected",
    ),
    ("", _NOT_STARTED, r"Too many open files(?: in system)?|No file descriptors available"),
    # Decoders ask for more by these words, too; only a thread or a file that was not to be had is the machine's fault.
    ("", _NOT_STARTED, r"(?:pthread_create\(\) failed|[Oo]pening \w+[^\n]*): Resource temporarily unavailable"),
)
_PATTERNS: Final = tuple((code, message, re.compile(rf"(?:{words})$", re.MULTILINE)) for code, message, words in _WORDS)
_READ_OR_WRITTEN: Final = re.compile(r"^.*(?:Input/output|\bI/O) error$", re.MULTILINE)
_WRITTEN: Final = re.compile(r"\[out#|opening output|\bmux|trailer", re.IGNORECASE)
_BROKEN_OFF: Final = re.compile(r"^.*Error during demuxing: .*$", re.MULTILINE)
_CHUNK_BYTES: Final = 1024**2
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def of_disk(error: OSError) -> TemporarilyUnavailable:
    """What a step's own use of the disk ended with: ``disk_full`` or ``disk_error``."""
    code, message = ("disk_full", NO_ROOM) if error.errno in _FULL else ("disk_error", _NO_DISK)
    return TemporarilyUnavailable(code, message, str(error))


def of_program(
    messages: str, folder: Path, *, reads_upload: bool, not_started: str, stop: threading.Event | None = None
) -> TemporarilyUnavailable | None:
    """What a program that failed says of the machine; None if it says nothing of it.

    An input/output error while the upload was read is the disk's if the upload can't be read here and now, either.
    Some demuxers use these words for a file that is cut off: where it can be read, nobody knows (``input_error``), and
    it is tried again as often as a clip that may be at fault.

    Parameters:
        messages: the end of its standard error.
        reads_upload: it was reading the upload, not what was made of it.
        not_started: the code where the machine lacked threads or files, such as ``encoder_not_started``.

    Raises:
        Stopped: ``stop`` was set while the upload was read again.
    """
    for code, message, pattern in _PATTERNS:
        if pattern.search(messages):
            return TemporarilyUnavailable(code or not_started, message, messages)
    said = _READ_OR_WRITTEN.findall(messages)
    if not said:
        return None
    if not reads_upload or any(_WRITTEN.search(line) for line in said):
        return TemporarilyUnavailable("disk_error", _NO_DISK, messages)
    fault = _fault_of_reading(folder / SOURCE_FILE, stop)
    if fault is not None:
        return TemporarilyUnavailable("disk_error", _NO_DISK, f"{fault}\n{messages}")
    return TemporarilyUnavailable(INPUT_ERROR, _UNCLEAR, messages)


def of_early_end(
    messages: str, folder: Path, *, not_started: str, stop: threading.Event | None = None
) -> TemporarilyUnavailable | None:
    """The machine's fault that kept a program which ended well from reading all of the upload; None if there was none.

    Raises:
        Stopped: as above.
    """
    broken_off = "\n".join(_BROKEN_OFF.findall(messages))
    fault = broken_off and of_program(broken_off, folder, reads_upload=True, not_started=not_started, stop=stop)
    # Of what is merely damaged, the part that can be read is a clip.
    return None if not fault or fault.code == INPUT_ERROR else fault


def _fault_of_reading(path: Path, stop: threading.Event | None) -> OSError | None:
    try:
        with path.open("rb", buffering=0) as file:
            while file.read(_CHUNK_BYTES):
                if stop is not None and stop.is_set():
                    raise Stopped("reading the upload again was stopped")
    except OSError as error:
        return error
    return None
