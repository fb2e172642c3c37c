"""Whether a transport stream goes on as the recording that it began as, so far as has been seen of it.

Recordings that were joined are made one by what stands behind the joint (`joints`), and last as long as all of their
parts (`restarts`). Neither is known as long as only the beginning is there. Told here are all joints that change
anything: streams in the place of others, by the tables that name them (ISO/IEC 13818-1, 2.4.4), and a clock that goes
back, or far ahead (`one_clock`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tasks.media.transport.one_clock import OneClock, OtherClockError
from tasks.media.transport.packets import Packets, UnclearError, found_in, starts
from tasks.media.transport.tables import TABLE_OF_MAPS, Programme, read_maps, read_part, read_programme, tables_in

# Maps come by turns, some more often than others: one that comes so late, or for so long not again, is of another
# recording.
_ROUNDS: Final = 10
_MOST_TABLES: Final = 1_000_000
# Each comes ten times a second, and is read once; damage makes others of it.
_MOST_LISTS: Final = 4096
# Damage is shorter. Of a file that holds anything else, only the whole may tell what it is.
_MOST_NOISE_BYTES: Final = 8 * 1024**2


class JoinedError(Exception):
    """Another recording follows, or it is too damaged to tell."""


@dataclass(kw_only=True)
class Course:
    """What a stream has shown of itself."""

    _clock: OneClock = field(default_factory=OneClock)
    _maps: dict[int, frozenset[int]] = field(default_factory=dict)
    _programmes: dict[tuple[int, int], list[Programme]] = field(default_factory=dict)
    _rounds: Counter[tuple[int, int]] = field(default_factory=Counter)
    _firsts: dict[tuple[int, int], int] = field(default_factory=dict)
    _lasts: dict[tuple[int, int], int] = field(default_factory=dict)
    _lists: set[bytes] = field(default_factory=set)
    _tables: dict[tuple[int, bytes], Programme | None] = field(default_factory=dict)
    _looked_at: int = 0

    @property
    def is_told(self) -> bool:
        """Whether there was a programme, and something of it with a time."""
        return bool(self._programmes) and self._clock.is_told

    @property
    def lasts_s(self) -> float:
        """How far it has come since its first time stamp, in seconds."""
        return self._clock.lasts_s

    def add(self, packets: Packets, *, is_next: bool = True) -> None:
        """Take in some packets: the next ones, or unless ``is_next`` later ones.

        Raises:
            JoinedError: they are of another recording.
        """
        begun = starts(packets)
        for _, _, table in tables_in(packets, begun, {TABLE_OF_MAPS}):
            if table not in self._lists:
                self._check_maps(read_part(table)[0], frozenset(read_maps(table)))
                self._lists.add(table)
        for pid, _, table in tables_in(packets, begun, frozenset().union(*self._maps.values())):
            if (pid, table) not in self._tables:
                self._tables[pid, table] = read_programme(table)
            self._check_programme(pid, self._tables[pid, table])
        if len(self._lists) + len(self._tables) > _MOST_LISTS:
            raise JoinedError("too many tables")
        told = begun.is_heard_or_seen
        numbers = begun.numbers[told]
        try:
            self._clock.add(packets.places[numbers], packets.pids[numbers], begun.times[told], is_next=is_next)
        except OtherClockError as error:
            raise JoinedError("another clock") from error

    def _check_maps(self, part: int, maps: frozenset[int]) -> None:
        # The list of a whole multiplex may come in parts.
        if maps and self._maps.setdefault(part, maps) != maps:
            raise JoinedError("other programmes")

    def _check_programme(self, pid: int, programme: Programme | None) -> None:
        self._looked_at += 1
        if programme is None:
            return
        name = (pid, programme.number)
        known = self._programmes.setdefault(name, [])
        # Each is a part of the next larger one, or it was another: so there are few, as a map has 1024 bytes at most.
        if programme not in known:
            if any(_is_another(earlier, programme) for earlier in known):
                raise JoinedError("other streams")
            known.append(programme)
        if self._looked_at > _MOST_TABLES:
            raise JoinedError("too many tables")
        if name not in self._rounds and max(self._rounds.values(), default=0) > _ROUNDS:
            raise JoinedError("another programme")
        self._rounds[name] += 1
        self._lasts[name] = self._looked_at
        first = self._firsts.setdefault(name, self._looked_at)
        # One that was there only before: of a moment of another recording, as where a tuner was still being set.
        if self._rounds[name] == _ROUNDS and min(self._lasts.values()) < first:
            raise JoinedError("another programme before")


def _is_another(earlier: Programme, later: Programme) -> bool:
    """Whether streams are gone and others have come, which may continue them (`tasks.media.transport.renamings`).

    Where a programme only gains or loses some (subtitles, signals, a sound track), all others go on as they were.
    """
    before, after = earlier.kinds.items(), later.kinds.items()
    return bool(before - after) and bool(after - before)


class Watch:
    """Looks at a transport stream of that form (`form_of`) as it comes."""

    def __init__(self, form: tuple[int, int]) -> None:
        self._form = form
        self._course = Course()
        self._rest = b""
        self._place = 0
        self._known = 0

    def see(self, chunk: bytes) -> None:
        """Take in the next bytes, however many.

        Raises:
            JoinedError: nobody may be given them for the same recording as those before.
        """
        data, end = bytearray(self._rest), 0
        data += chunk
        try:
            for packets in found_in(data, self._place, self._form):
                self._course.add(packets)
                end = packets.end - self._place
                # One that stands alone looks like that by chance.
                if len(packets.rows) > 1 or packets.place == self._known:
                    self._known = packets.end
        except UnclearError as error:
            raise JoinedError("damaged") from error
        if self._place + len(data) - self._known > _MOST_NOISE_BYTES:
            raise JoinedError("no packets")
        # What was cut off at the end is seen once more.
        end = end or max(0, len(data) - 2 * self._form[0])
        self._rest = bytes(data[end:])
        self._place += end
