"""Programmes that follow each other in a transport stream with other streams: which of those its own go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.media.transport import TABLE_OF_MAPS, Programme, read_programme


@dataclass(frozen=True, kw_only=True)
class Renaming:
    """The new numbers of streams, and the tables to be left out, from ``place`` in the file on until the next one."""

    place: int
    renamed: Mapping[int, int]
    silenced: frozenset[int]


@dataclass(kw_only=True)
class SeenMap:
    """A programme, the number of the stream of its map, and between which places that map stands."""

    pid: int
    programme: Programme
    first: int
    last: int


def seen_maps(tables: Iterable[tuple[int, bytes, int, int]]) -> list[SeenMap]:
    """The maps among these tables, in the order in which they came; versions that follow and say the same are one.

    Each table is told by its stream's number, its bytes, and its first and last place.
    """
    found: list[SeenMap] = []
    for pid, table, first, last in sorted(tables, key=lambda each: each[2]):
        programme = read_programme(table)
        if programme is None:
            continue
        if found and (found[-1].pid, found[-1].programme) == (pid, programme):
            found[-1].last = max(found[-1].last, last)
        else:
            found.append(SeenMap(pid=pid, programme=programme, first=first, last=last))
    return found


def find_renamings(
    programmes: Sequence[SeenMap], places: NDArray[np.int64], pids: NDArray[np.int64]
) -> tuple[Renaming, ...]:
    """What is to be renamed, by the maps and by what begins where: ``places`` and the streams' numbers, ``pids``."""
    made: list[Renaming] = []
    now: dict[int, int] = {}
    for number, later in enumerate(programmes):
        before = [each for each in programmes[:number] if each.last < later.first]
        same = [each for each in before if each.programme.number == later.programme.number]
        if not same and len(before) == number:
            same = before
        earlier = max(same, key=lambda each: each.last, default=None)
        if earlier is None or list(earlier.programme.kinds) == list(later.programme.kinds):
            continue
        new = np.array([pid for pid in later.programme.kinds if pid not in earlier.programme.kinds], np.int64)
        begun = places[np.isin(pids, new) & (places > earlier.last)]
        place = min(later.first, int(begun.min())) if len(begun) else later.first
        gone = np.array([pid for pid in earlier.programme.kinds if pid not in later.programme.kinds], np.int64)
        going_on = places[np.isin(pids, gone)]
        if len(new) == 0 or np.any((going_on >= place) & (going_on <= later.last)):
            # Both go on beside each other: another programme, or a track more.
            continue
        renamed = {
            pid: now.get(partner, partner) for pid, partner in _partners(earlier.programme, later.programme).items()
        }
        if all(pid == partner for pid, partner in renamed.items()) and not made:
            continue
        now = renamed
        made.append(Renaming(place=place, renamed=renamed, silenced=frozenset({TABLE_OF_MAPS, later.pid})))
    return tuple(made)


def _partners(earlier: Programme, later: Programme) -> dict[int, int]:
    """The streams of the later one, each with the one of the earlier of the same kind: itself, or the next in order."""
    pairs = {pid: pid for pid, kind in later.kinds.items() if earlier.kinds.get(pid) == kind}
    left = {pid: kind for pid, kind in earlier.kinds.items() if pid not in pairs}
    for pid, kind in later.kinds.items():
        if pid in pairs:
            continue
        partner = next((other for other, its in left.items() if its == kind), None)
        if partner is not None:
            pairs[pid] = partner
            del left[partner]
    return pairs
