"""Streams of appended recordings in a transport stream: which of them continue which of the first recording's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.media.transport import NO_PROGRAMME
from tasks.media.transport_tables import TABLE_OF_MAPS, Programme, read_programme

_PIDS: Final = 8192
_EVER: Final = 1 << 62


@dataclass(frozen=True, kw_only=True)
class Renaming:
    """The new numbers of streams, and those to be left out, from ``place`` in the file to before ``end``."""

    place: int
    end: int = _EVER
    renamed: Mapping[int, int]
    silenced: frozenset[int]


def renumbered(pids: NDArray[np.int64], places: NDArray[np.int64], renamings: Iterable[Renaming]) -> NDArray[np.int64]:
    """The new stream numbers for the ``pids`` at ``places``; what gets `NO_PROGRAMME` is left out."""
    made = pids.copy()
    for each in renamings:
        table = np.arange(_PIDS, dtype=np.int64)
        table[list(each.renamed)] = list(each.renamed.values())
        table[list(each.silenced)] = NO_PROGRAMME
        # By the numbers in the file: what one programme gives up another may have.
        changed = (places >= each.place) & (places < each.end) & (table[pids] != pids)
        made[changed] = table[pids[changed]]
    return made


@dataclass(kw_only=True)
class SeenMap:
    """A programme, the number of the stream of its map, and between which places that map is sent."""

    pid: int
    programme: Programme
    first: int
    last: int


@dataclass(kw_only=True)
class _Line:
    """A programme with those that continue it: the numbers that the latest one's streams get, and all numbers used."""

    numbers: dict[int, int]
    shown: set[int]
    made: list[Renaming]


def seen_maps(tables: Iterable[tuple[int, bytes, int, int]]) -> list[SeenMap]:
    """The maps among these tables, in their order; successive versions with the same content are one.

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
    """What is to be renumbered, by the maps and by where media begin: ``places``, with the streams' ``pids``."""
    lines: list[_Line] = []
    for number, later in enumerate(programmes):
        earlier = _earlier(programmes, number)
        line = lines[earlier] if earlier is not None else _Line(numbers={}, shown=set(), made=[])
        lines.append(line)
        made = _renaming(line, programmes[earlier], later, places, pids) if earlier is not None else None
        if made is None:
            line.shown.update(later.programme.kinds)
            continue
        if line.made:
            line.made[-1] = replace(line.made[-1], end=made.place)
        line.made.append(made)
        line.numbers = dict(made.renamed)
        line.shown.update(made.renamed.values())
    return tuple(each for line in {id(line): line for line in lines}.values() for each in line.made)


def _renaming(
    line: _Line, earlier: SeenMap, later: SeenMap, places: NDArray[np.int64], pids: NDArray[np.int64]
) -> Renaming | None:
    """The renumbering by which the later programme continues the earlier one; None if none is needed."""
    kinds, kinds_before = later.programme.kinds, earlier.programme.kinds
    recoded = later.programme.recoded(earlier.programme)
    is_same = list(kinds_before) == list(kinds) and not recoded
    if is_same or (later.programme.is_seen and not earlier.programme.is_seen):
        # A picture that comes now has nothing to go on as, and would be lost.
        return None
    new = np.array([pid for pid in kinds if pid not in kinds_before], np.int64)
    begun = places[np.isin(pids, new) & (places > earlier.last)]
    place = min(later.first, int(begun.min())) if len(begun) else later.first
    gone = np.array([pid for pid in kinds_before if pid not in kinds], np.int64)
    going_on = places[np.isin(pids, gone)]
    if not (len(new) or recoded) or np.any((going_on >= place) & (going_on <= later.last)):
        # Both go on beside each other: another programme, or a track more.
        return None
    partners = _partners(earlier.programme, later.programme)
    renamed = {pid: line.numbers.get(partner, partner) for pid, partner in partners.items()}
    if all(pid == partner for pid, partner in renamed.items()) and not (line.made or recoded):
        return None
    # Pictures of another codec would be taken for damaged ones of the first; by themselves they are left out, and told.
    apart = [pid for pid in recoded if pid not in renamed]
    renamed |= dict(zip(apart, _unused(pids, kinds) if apart else (), strict=False))
    # What can't go on is not to get in among what does.
    others = line.shown.intersection(kinds).difference(renamed)
    return Renaming(place=place, renamed=renamed, silenced=frozenset({TABLE_OF_MAPS, later.pid, *others}))


def _unused(pids: NDArray[np.int64], kinds: Mapping[int, tuple[int, ...]]) -> list[int]:
    """The numbers that neither media nor the programme's streams have, the highest first."""
    counts = np.bincount(pids, minlength=_PIDS)
    counts[list(kinds)] += 1
    return [int(pid) for pid in np.flatnonzero(counts[:NO_PROGRAMME] == 0)[::-1]]


def _earlier(programmes: Sequence[SeenMap], number: int) -> int | None:
    """The earlier programme that this one continues; None if it is the first, or runs beside others."""
    later = programmes[number]
    before = [other for other in range(number) if programmes[other].last < later.first]
    same = [other for other in before if programmes[other].programme.number == later.programme.number]
    if not same and len(before) == number:
        same = before
    return max(same, key=lambda other: programmes[other].last, default=None)


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
