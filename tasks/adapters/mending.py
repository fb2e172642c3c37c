"""Mending: an upload on the disk, before anybody reads it, is laid so that the programs at hand can read all of it.

Nothing of its media changes. What is mended is found by looking at little of it, or at its packets.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import structlog

from tasks.adapters.process import Stopped
from tasks.media import joints
from tasks.media.transport import CLOCK, Packets, UnclearError, form_of, found_in

log: Final = structlog.get_logger()
_BEGINNING_BYTES: Final = 1024
_READ_BYTES: Final = 8 * 1024**2


def mend(path: Path, *, is_stopped: Callable[[], bool] = lambda: False) -> None:
    """Mend the file, which nobody else has yet; what can't be mended stays as it is.

    Raises:
        process.Stopped: ``is_stopped`` said so.
        OSError: the disk failed.
    """
    with path.open("r+b", buffering=0) as file:
        form = form_of(file.read(_BEGINNING_BYTES))
        if form is not None:
            _join(file.fileno(), form, is_stopped)


def _join(file: int, form: tuple[int, int], is_stopped: Callable[[], bool]) -> None:
    """Make one of the recordings that a transport stream was joined of."""
    try:
        survey = joints.Survey()
        for _, _, parts in _read(file, form, 0, is_stopped):
            for packets in parts:
                survey.add(packets)
        found = survey.joints()
    except UnclearError:
        return
    if found.first is None:
        return
    for place, data, parts in _read(file, form, found.first, is_stopped):
        for packets in parts:
            joints.apply(packets, found)
        _write(file, data, place)
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


def _write(file: int, data: bytearray, place: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, place)
        rest, place = rest[written:], place + written
