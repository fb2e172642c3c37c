"""Streams of appended recordings in a transport stream: which of them continue which of the first recording's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tasks.media.transport.packets import NO_PROGRAMME
from tasks.media.transport.tables import TABLE_OF_MAPS, Kind, Programme, are_seen, codec_of

_PIDS: Final = 8192
_EVER: Final = 1 << 62
_NOWHERE: Final = np.zeros(0, np.int64)
# Where a multiplexer changes over.
_MOST_LATE: Final = 1

_Media: TypeAlias = Mapping[int, NDArray[np.int64]]


@dataclass(frozen=True, kw_only=True)
class Renaming:
    """The new numbers of streams, and those to be left out, from ``place`` in the file to before ``end``.

    Lists of maps are left out ``lists_from`` there on: ffmpeg would read maps instead of what has the number of one.
    """

    place: int
    lists_from: int
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
        made[(places >= each.lists_from) & (places < each.end) & (pids == TABLE_OF_MAPS)] = NO_PROGRAMME
    return made


@dataclass(frozen=True, kw_only=True)
class SeenMap:
    """A programme, the number of the stream of its map, and between which places that map is sent."""

    pid: int
    programme: Programme
    first: int
    last: int


@dataclass(kw_only=True)
class _Line:
    """A programme with those that continue it: what has been shown of them, by its numbers, and what is renumbered."""

    shown: dict[int, Kind]
    made: list[Renaming]


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """Where a later programme continues an earlier one of its line, and until where it goes on there, at most.

    The earlier one's streams have got these ``numbers``; if None, their own.
    """

    line: _Line
    earlier: SeenMap
    numbers: Mapping[int, int] | None
    later: SeenMap
    until: int

    @property
    def names(self) -> Mapping[int, int]:
        """What the earlier one's streams are known by."""
        return self.numbers if self.numbers is not None else {pid: pid for pid in self.earlier.programme.kinds}

    def recoded(self) -> list[int]:
        """Streams of the later one that have another codec than before; what was away for a while counts, too."""
        return self.later.programme.recoded({**self.line.shown, **self.earlier.programme.kinds})

    def place(self, media: _Media) -> int:
        """Where it begins: at its map, or where media of its new streams do."""
        new = [pid for pid in self.later.programme.kinds if pid not in self.earlier.programme.kinds]
        begun = [behind[0] for pid in new if len(behind := _behind(media, pid, self.earlier.last))]
        return min([self.later.first, *map(int, begun)])

    def is_parallel(self, renamed: Mapping[int, int], media: _Media) -> bool:
        """Whether both go on beside each other: another programme, or a track more."""
        kinds, kinds_before = self.later.programme.kinds, self.earlier.programme.kinds
        if all(kinds_before.get(pid) == kind for pid, kind in kinds.items()):
            return True
        gone = {number: pid for pid, number in self.names.items() if pid in kinds_before and pid not in kinds}
        pairs = [(gone[number], pid) for pid, number in renamed.items() if number in gone]
        place = self.place(media)
        return any(_is_beside(media, *pair, place, self.until) for pair in pairs)


def seen_maps(maps: Iterable[SeenMap]) -> list[SeenMap]:
    """The maps in their order; successive versions with the same content are one."""
    found: list[SeenMap] = []
    for each in sorted(maps, key=lambda each: each.first):
        if found and (found[-1].pid, found[-1].programme) == (each.pid, each.programme):
            found[-1] = replace(found[-1], last=max(found[-1].last, each.last))
        else:
            found.append(each)
    return found


def find_renamings(
    programmes: Sequence[SeenMap], places: NDArray[np.int64], pids: NDArray[np.int64]
) -> tuple[Renaming, ...]:
    """What is to be renumbered, by the maps and by where media begin: ``places``, with the streams' ``pids``."""
    lines: list[_Line] = []
    numbers: list[Mapping[int, int] | None] = []
    media = _by_stream(places, pids) if len(programmes) > 1 else {}
    # Some sound is not recognised as media, but named by a map.
    taken = set(media) | {pid for each in programmes for pid in (each.pid, *each.programme.kinds)}
    for number, later in enumerate(programmes):
        earlier = _earlier(programmes, lines, number)
        if earlier is None:
            lines.append(_Line(shown=dict(later.programme.kinds), made=[]))
            numbers.append(None)
            continue
        line = lines[earlier]
        lines.append(line)
        # Those that follow tell how long it goes on, at most.
        until = min((each.first for each in programmes if each.first > later.last), default=_EVER)
        turn = _Turn(line=line, earlier=programmes[earlier], numbers=numbers[earlier], later=later, until=until)
        made = _renaming(turn, media, taken)
        numbers.append(made.renamed if made is not None else numbers[earlier])
        for pid, kind in later.programme.kinds.items():
            if made is None or pid in made.renamed:
                line.shown.setdefault((numbers[-1] or {}).get(pid, pid), kind)
        if made is not None:
            if line.made:
                line.made[-1] = replace(line.made[-1], end=made.place)
            line.made.append(made)
            taken.update(made.renamed.values())
    return tuple(each for line in {id(line): line for line in lines}.values() for each in line.made)


def _by_stream(places: NDArray[np.int64], pids: NDArray[np.int64]) -> _Media:
    order = np.lexsort((places, pids))
    found, begins = np.unique(pids[order], return_index=True)
    return dict(zip(found.tolist(), np.split(places[order], begins[1:]), strict=True))


def _renaming(turn: _Turn, media: _Media, taken: Set[int]) -> Renaming | None:
    """The renumbering by which the later programme continues the earlier one; None if none is needed.

    Numbers that are ``taken`` are not given to others.
    """
    kinds, recoded = turn.later.programme.kinds, turn.recoded()
    is_same = list(turn.earlier.programme.kinds) == list(kinds) and not recoded
    if is_same or (turn.later.programme.is_seen and not are_seen(turn.line.shown)):
        # A picture that comes now has nothing to go on as, and would be lost.
        return None
    renamed = _continued(turn)
    if turn.is_parallel(renamed, media):
        return None
    if all(pid == number for pid, number in renamed.items()) and not (turn.line.made or recoded):
        return None
    # What has another codec would be taken for what is damaged of the first; by itself it is left out, and told.
    apart = [pid for pid in recoded if pid not in renamed]
    unused = (pid for pid in reversed(range(NO_PROGRAMME)) if pid not in taken)
    renamed |= dict(zip(apart, unused, strict=False))
    # What can't go on is not to get in among what does.
    others = set(turn.line.shown).intersection(kinds).difference(renamed)
    return Renaming(
        place=turn.place(media),
        lists_from=turn.earlier.last + 1,
        renamed=renamed,
        silenced=frozenset({turn.later.pid, *others}),
    )


def _behind(media: _Media, pid: int, place: int) -> NDArray[np.int64]:
    """Where media of that stream begin behind a place."""
    own = media.get(pid, _NOWHERE)
    return own[np.searchsorted(own, place, side="right") :]


def _is_beside(media: _Media, gone: int, pid: int, place: int, until: int) -> bool:
    """Whether a stream goes on when the other has begun that would continue it.

    Its map may come some time before that, and its sound some time behind its picture.
    """
    begun = _behind(media, pid, place - 1)
    if not len(begun):
        return False
    return int(np.searchsorted(_behind(media, gone, int(begun[0])), until)) > _MOST_LATE


def _earlier(programmes: Sequence[SeenMap], lines: Sequence[_Line], number: int) -> int | None:
    """The earlier programme that this one continues; None if it is the first, or runs beside others."""
    later = programmes[number]

    def last(other: int) -> int:
        return programmes[other].last

    before = [other for other in range(number) if last(other) < later.first]
    same = [other for other in before if programmes[other].programme.number == later.programme.number]
    if not same and len(before) == number:
        same = before
    if not same:
        return None
    # One with another number may have come between both.
    line = lines[max(same, key=last)]
    return max((other for other in before if lines[other] is line), key=last)


def _continued(turn: _Turn) -> dict[int, int]:
    """The numbers of what the later one's streams continue: of the same kind, itself, or the next in order.

    First of all what the earlier one has, by the names of its streams, then what it had not for a while.
    """
    earlier, later, names = turn.earlier.programme, turn.later.programme, turn.names
    # Another name for its codec is no other kind: AC-3 that becomes E-AC-3, a descriptor more.
    codecs = {pid: codec_of(kind) for pid, kind in earlier.kinds.items()}
    kept = [pid for pid, kind in later.kinds.items() if codecs.get(pid) == codec_of(kind)]
    pairs = {pid: names[pid] for pid in kept if pid in names}
    left = {names[pid]: kind for pid, kind in earlier.kinds.items() if pid in names}
    left |= {other: kind for other, kind in turn.line.shown.items() if other not in left}
    for pid, kind in later.kinds.items():
        if pid in pairs:
            continue
        used = set(pairs.values())
        partner = next((other for other, its in left.items() if its == kind and other not in used), None)
        if partner is not None:
            pairs[pid] = partner
    return pairs
