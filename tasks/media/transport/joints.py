"""Joints in a transport stream, where a second recording was appended: how the two become one.

Behind a joint streams may have other numbers, and then nobody shows them; and the clock may have gone back. Where that
is by less than ten seconds, ffmpeg sets picture and sound right one after the other, and fills what comes between with
the last picture. So the numbers and the clock of the first recording are carried on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.media.transport.clock_steps import Step, find_steps
from tasks.media.transport.packets import (
    NO_PROGRAMME,
    WRAP,
    Packets,
    Starts,
    UnclearError,
    read_times,
    shift_clocks,
    starts,
    write_times,
)
from tasks.media.transport.renamings import Renaming, SeenMap, find_renamings, renumbered, seen_maps
from tasks.media.transport.tables import TABLE_OF_MAPS, Programme, read_list, read_part, read_programme, tables_in

_PIDS: Final = 8192
# More is no recording: one of half a day has fewer.
_MOST_STARTS: Final = 4_000_000
_MOST_TABLES: Final = 256
# One comes ten times a second for hours, and is read once; damage makes others of it.
_MOST_LISTS: Final = 4096
# Maps come by turns, some more often than others. One that stays away for so many rounds was of another recording.
_FAR_APART: Final = 10


@dataclass(frozen=True, kw_only=True)
class Joints:
    """What is to be rewritten."""

    renamings: tuple[Renaming, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def first(self) -> int | None:
        """The place of the first change in the file; None if there is nothing to do."""
        places = [each.lists_from for each in self.renamings] + [each.place for each in self.steps]
        return min(places, default=None)


@dataclass(kw_only=True)
class _Run:
    """Between which places a map came again and again; ``noted`` is how many of any kind had come by the last time."""

    first: int
    last: int
    noted: int


@dataclass(kw_only=True)
class _Map:
    """A programme's map, and when it came."""

    programme: Programme
    runs: list[_Run] = field(default_factory=list)


@dataclass(kw_only=True)
class Survey:
    """What is found in a transport stream that is read from its beginning to its end."""

    _places: list[NDArray[np.int64]] = field(default_factory=list)
    _pids: list[NDArray[np.int64]] = field(default_factory=list)
    _times: list[NDArray[np.int64]] = field(default_factory=list)
    _tables: dict[tuple[int, bytes], _Map] = field(default_factory=dict)
    _lists: dict[bytes, frozenset[tuple[int, int]]] = field(default_factory=dict)
    _list: bytes = b""
    _maps: set[int] = field(default_factory=set)
    _in_force: dict[tuple[int, int], Programme] = field(default_factory=dict)
    _count: int = 0
    _looked_at: int = 0
    _noted: int = 0
    _begun: int = 0

    def add(self, packets: Packets) -> None:
        """Take in the next packets.

        Raises:
            UnclearError: that is too much.
        """
        begun, pids, places = starts(packets), packets.pids, packets.places
        told = begun.numbers[begun.is_heard_or_seen]
        self._places.append(places[told])
        self._pids.append(pids[told].astype(np.int16))
        self._times.append(begun.times[begun.is_heard_or_seen])
        self._count += len(told)
        if self._count > _MOST_STARTS:
            raise UnclearError
        changes = deque(self._changes(packets, begun))
        for pid, place, table in tables_in(packets, begun, self._maps):
            while changes and changes[0][0] < place:
                self._end_others(changes.popleft()[1])
            self._look_at_another()
            self._note(pid, place, table)
        for _, maps in changes:
            self._end_others(maps)

    def joints(self) -> Joints:
        """What was found.

        Raises:
            UnclearError: it fits no joints.
        """
        if not self._count:
            return Joints()
        places, times = np.concatenate(self._places), np.concatenate(self._times)
        pids = np.concatenate(self._pids).astype(np.int64)
        maps = [
            SeenMap(pid=pid, programme=each.programme, first=run.first, last=run.last)
            for (pid, _), each in self._tables.items()
            for run in each.runs
        ]
        renamings = find_renamings(seen_maps(maps), places, pids)
        pids = renumbered(pids, places, renamings)
        kept = pids != NO_PROGRAMME
        return Joints(renamings=renamings, steps=find_steps(places[kept], pids[kept], times[kept]))

    def _look_at_another(self) -> None:
        self._looked_at += 1
        if self._looked_at > _MOST_STARTS:
            raise UnclearError

    def _changes(self, packets: Packets, begun: Starts) -> Iterator[tuple[int, frozenset[tuple[int, int]]]]:
        """Where another list of maps comes into force, and all that it names; those that have parts don't tell it."""
        for _, place, table in tables_in(packets, begun, {TABLE_OF_MAPS}):
            self._look_at_another()
            if table not in self._lists:
                self._lists[table] = frozenset(read_list(table))
                self._maps.update(pid for pid, _ in self._lists[table])
            if len(self._lists) > _MOST_LISTS:
                raise UnclearError
            if table != self._list and self._lists[table] and read_part(table) == (0, 0):
                self._list = table
                yield place, self._lists[table]

    def _end_others(self, maps: frozenset[tuple[int, int]]) -> None:
        self._in_force = {name: each for name, each in self._in_force.items() if name in maps}

    def _note(self, pid: int, place: int, table: bytes) -> None:
        known = self._tables.get((pid, table))
        if known is None:
            programme = read_programme(table)
            if programme is None:
                # Damaged; or media, where recordings were joined of which one has the number of the other's map.
                return
            known = self._tables[pid, table] = _Map(programme=programme)
        self._noted += 1
        name, runs = (pid, known.programme.number), known.runs
        is_in_force = self._in_force.get(name) == known.programme
        if not (runs and is_in_force) or self._noted - runs[-1].noted > _FAR_APART * len(self._tables):
            runs.append(_Run(first=place, last=place, noted=self._noted))
            self._begun += 1
        runs[-1].last, runs[-1].noted = place, self._noted
        self._in_force[name] = known.programme
        if self._begun > _MOST_TABLES:
            raise UnclearError


def apply(packets: Packets, joints: Joints) -> None:
    """Rewrite those of the packets that are after a joint."""
    places = packets.places
    pids = renumbered(packets.pids, places, joints.renamings)
    packets.rename(pids)
    ticks = np.zeros(len(places), np.int64)
    for step in joints.steps:
        begin = np.full(_PIDS, step.place, np.int64)
        begin[list(step.own_places)] = list(step.own_places.values())
        ticks += np.where(places >= begin[pids], step.ticks, 0)
    if not ticks.any():
        return
    shift_clocks(packets, ticks)
    begun = starts(packets)
    for column, mask in ((9, 0x80), (14, 0x40)):
        moved = begun.is_media & (begun.heads[:, 7] & mask > 0) & (ticks[begun.numbers] != 0)
        numbers, columns = begun.numbers[moved], begun.columns[moved, None] + np.arange(column, column + 5)
        fields = packets.rows[numbers[:, None], columns]
        write_times(fields, (read_times(fields) + ticks[numbers]) % WRAP)
        packets.rows[numbers[:, None], columns] = fields
