"""Repairing an upload on disk before the first program opens it, so that ffmpeg and ffprobe can read all of it.

Nothing of its media changes. What is mended is found by looking at little of it, or at its packets.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, Protocol

import structlog

from tasks.adapters import film_index
from tasks.adapters.disk import write_at
from tasks.adapters.process import Stopped
from tasks.errors import TemporarilyUnavailable
from tasks.media.mp4 import compressed_index
from tasks.media.transport import joints
from tasks.media.transport.packets import CLOCK, Packets, UnclearError, form_of, found_in
from tasks.media.unsuited import UnsuitedError

log: Final = structlog.get_logger()
_BEGINNING_BYTES: Final = 1024
# What films begin with.
_FILMS: Final = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_SHORT_HEAD: Final = 8
_READ_BYTES: Final = 8 * 1024**2


def mend(path: Path, *, is_stopped: Callable[[], bool] = lambda: False) -> None:
    """Repair the file, which nobody else uses yet; one that can't be repaired stays as it is.

    Raises:
        process.Stopped: ``is_stopped`` said so.
        OSError: the disk failed.
    """
    with path.open("r+b", buffering=0) as file:
        beginning = file.read(_BEGINNING_BYTES)
        form = form_of(beginning)
        if form is not None:
            _join(file.fileno(), form, is_stopped)
        elif beginning[4:8] in _FILMS:
            _inflate(file)


class Watcher(Protocol):
    """What looks at a transport stream's packets, from its beginning to its end."""

    def add(self, packets: Packets) -> None:
        """Take in the next packets; raises `UnclearError` if nothing can be told."""


def watch(path: Path, *watchers: Watcher, is_stopped: Callable[[], bool] = lambda: False) -> bool:
    """Show all of a mended transport stream to these; False if it is none, or one of them could not tell.

    Raises:
        As `mend`.
    """
    with path.open("rb", buffering=0) as file:
        form = form_of(file.read(_BEGINNING_BYTES))
        if form is None:
            return False
        try:
            for _, _, parts in _read(file.fileno(), form, 0, is_stopped):
                for packets in parts:
                    for watcher in watchers:
                        watcher.add(packets)
        except UnclearError:
            return False
    return True


def _inflate(file: IO[bytes]) -> None:
    """Write the inflated index to the end of the file; no media move."""
    end = os.fstat(file.fileno()).st_size
    boxes = list(film_index.boxes(file, end))
    index = next((box for box in boxes if box.kind == b"moov"), None)
    body = film_index.read_body(file, index, end) if index is not None else None
    if index is None or body is None or not compressed_index.is_compressed(body):
        return
    try:
        plain = compressed_index.inflated(body)
    except (UnsuitedError, TemporarilyUnavailable, struct.error):
        return
    last = boxes[-1]
    if last.place + last.size != end:
        # It goes on "to the end of the file", or the file was cut off in it: what is added would be in it.
        form, at, most = (">I", 0, 2**32 - 1) if last.head == _SHORT_HEAD else (">Q", _SHORT_HEAD, 2**63)
        if end - last.place > most:
            return
        write_at(file.fileno(), struct.pack(form, end - last.place), last.place + at)
    write_at(file.fileno(), plain, end)
    write_at(file.fileno(), b"free", index.place + 4)
    log.info("index inflated", size_bytes=len(plain))


def _join(file: int, form: tuple[int, int], is_stopped: Callable[[], bool]) -> None:
    """Make one recording of those that a transport stream was joined of."""
    try:
        survey, begun = joints.Survey(), list[int]()
        for place, _, parts in _read(file, form, 0, is_stopped):
            begun.append(place)
            for packets in parts:
                survey.add(packets)
        found = survey.joints()
    except UnclearError:
        return
    if found.first is None:
        return
    # In the same parts as before: how much in one of them is no packet decides whether it is clear.
    first = max(place for place in begun if place <= found.first)
    for place, data, parts in _read(file, form, first, is_stopped):
        for packets in parts:
            joints.apply(packets, found)
        write_at(file, data, place)
    log.info("joined", renamed=len(found.renamings), steps_s=[each.ticks / CLOCK for each in found.steps])


def _read(
    file: int, form: tuple[int, int], place: int, is_stopped: Callable[[], bool]
) -> Iterator[tuple[int, bytearray, list[Packets]]]:
    """The file from there on, by parts: the place of each, its bytes, and its packets, which are views of those."""
    data = bytearray(_READ_BYTES)
    while (count := os.preadv(file, [data], place)) >= form[0]:
        if is_stopped():
            raise Stopped("mending an upload was stopped")
        part = data if count == len(data) else data[:count]
        found = list(found_in(part, place, form))
        yield place, part, found
        # What was cut off at the end is read once more.
        place = found[-1].end if found else place + max(1, count - 2 * form[0])
