"""Sorting more lines than fit in memory: sorted runs in unnamed files, merged as they are read."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import IO, Final

from tasks.errors import TemporarilyUnavailable

# With some 200 bytes a line: 5 MB in memory, and 250 open files for five million lines.
_RUN_LINES: Final = 20_000


@contextmanager
def in_order(
    lines: Iterable[str], *, folder: Path | None = None, run_lines: int = _RUN_LINES
) -> Iterator[Iterator[str]]:
    """The lines, none of which holds a line break, sorted by code point; at most ``run_lines`` of them are in memory.

    The runs lie in ``folder`` (None: the system's temporary one), without names, and are gone when the block ends.

    Raises:
        TemporarilyUnavailable: the disk is full or can't be used (``disk_error``).
    """
    remaining = iter(lines)
    with ExitStack() as opened:
        runs: list[IO[str]] = []
        run = sorted(islice(remaining, run_lines))
        while len(run) == run_lines:
            runs.append(opened.enter_context(_spilt(run, folder)))
            run = sorted(islice(remaining, run_lines))
        # The last run, often the only one, need not leave memory.
        yield heapq.merge(run, *map(_lines, runs))


def missing(lines: Iterable[str], *others: Iterable[str]) -> Iterator[str]:
    """Those of the sorted ``lines`` whose first field (up to a tab) begins no line of the sorted ``others``."""
    known = heapq.merge(*others)
    other = next(known, None)
    for line in lines:
        field = _field(line)
        while other is not None and _field(other) < field:
            other = next(known, None)
        if other is None or _field(other) != field:
            yield line


def unmatched(*sides: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The lines whose first field no other of the sorted ``sides`` has, in order, each with the number of its side."""
    tagged = (_tagged(lines, side) for side, lines in enumerate(sides))
    for _, group in groupby(heapq.merge(*tagged), key=itemgetter(0)):
        same = list(group)
        if len({side for _, side, _ in same}) == 1:
            yield from ((side, line) for _, side, line in same)


def _tagged(lines: Iterable[str], side: int) -> Iterator[tuple[str, int, str]]:
    return ((_field(line), side, line) for line in lines)


def _field(line: str) -> str:
    return line.partition("\t")[0]


def _spilt(lines: list[str], folder: Path | None) -> IO[str]:
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n", dir=folder)  # noqa: SIM115 # by the caller
        file.writelines(f"{line}\n" for line in lines)
        file.seek(0)
    except OSError as error:
        raise TemporarilyUnavailable("disk_error", "The worker's disk could not be used.", str(error)) from error
    return file


def _lines(file: IO[str]) -> Iterator[str]:
    for line in file:
        yield line.rstrip("\n")
