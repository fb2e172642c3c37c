"""Pictures and sound in a transport stream that nobody gets: of recordings that were joined, those of another codec.

ffmpeg reads the streams that it finds at the beginning, and what can't go on as one of these stays away without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.media.faults import clock
from tasks.media.transport.packets import CLOCK, WRAP, Bytes2D, Packets, Starts, starts
from tasks.records.base import Notice

# The multiplexer's numbers of pictures (ISO/IEC 13818-1, table 2-22), and that of what has a further number: VC-1 (as
# in SMPTE RP 227) and Dirac are pictures, the AC-3 of Blu-ray and AVCHD is not.
_FIRST_PICTURE, _LAST_PICTURE, _EXTENDED = 0xE0, 0xEF, 0xFD
_FIRST_FURTHER, _LAST_FURTHER = 0x55, 0x6F
# What may stand before the extension of a head, and in it before the further number (2.4.3.6): flags, and their bytes.
_BEFORE: Final = ((0x80, 5), (0x40, 5), (0x20, 6), (0x10, 3), (0x08, 1), (0x04, 1), (0x02, 2))
_WITHIN: Final = ((0x80, 16), (0x20, 2), (0x10, 2))
# Those of sound, and of private data, of which some is sound: what AC-3 (ETSI TS 102 366, 4.3.1), DTS (TS 102 114, 5.3)
# and Opus (its mapping to transport streams) begin with.
_FIRST_SOUND, _LAST_SOUND, _PRIVATE = 0xC0, 0xDF, 0xBD
_SOUND_MARKS: Final = ((b"\x0b\x77", b"\xff\xff"), (b"\x7f\xfe", b"\xff\xff"), (b"\x7f\xe0", b"\xff\xe0"))
# Programmes of a whole multiplex have fewer streams; every number may turn up in a damaged one.
_MOST_TRACKS: Final = 64
_LEAST_S: Final = 2.0
_LONGEST_STEP_S: Final = 10.0
# A recording of eight hours at 50 pictures a second has fewer, and what it has of sound, too.
_MOST: Final = 2_000_000


class _Steps(NamedTuple):
    """Steps from one of a stream's media to the next: their places among all that come, and how long they last."""

    firsts: NDArray[np.int64]
    ends: NDArray[np.int64]
    lengths_s: NDArray[np.float64]


@dataclass(kw_only=True)
class Media:
    """When and of which stream media come, in a transport stream that is read from its beginning to its end.

    ``are_meant`` tells of what begins in some packets whether it is one of those media.
    """

    are_meant: Callable[[Packets, Starts], NDArray[np.bool_]]
    _pids: list[NDArray[np.int64]] = field(default_factory=list)
    _times: list[NDArray[np.int64]] = field(default_factory=list)
    _count: int = 0

    def add(self, packets: Packets) -> None:
        """Take in the next packets; once there are too many nothing is told of any."""
        begun = starts(packets)
        are_meant = self.are_meant(packets, begun)
        self._count += int(are_meant.sum())
        if self._count > _MOST:
            self._pids, self._times = [], []
            return
        self._pids.append(packets.pids[begun.numbers[are_meant]])
        self._times.append(begun.times[are_meant])

    def missed_s(self, given: Set[int], *, others: Set[int] = frozenset(), own: Set[int] = frozenset()) -> float:
        """How many seconds of them come while there are none of the streams ``given`` (empty: nobody gets any).

        Those of ``others`` are published, too, and missed by nobody. What runs beside these for most of its time is of
        another programme and does not count, unless it is one of their ``own``. 0 if none of these ever comes: they go
        by other numbers.
        """
        if not self._pids:
            return 0.0
        pids, times = np.concatenate(self._pids), np.concatenate(self._times)
        are_given = np.isin(pids, [*given])
        if given and not are_given.any():
            return 0.0
        tracks, counts = np.unique(pids, return_counts=True)
        longest = tracks[np.argsort(-counts, kind="stable")[:_MOST_TRACKS]]
        # How many of the given ones came before each: the same number for all of a stretch without any.
        stretches = np.cumsum(are_given, dtype=np.int64)
        steps = [
            _alone(chosen, stretches[chosen], times[chosen], is_own=pid in own)
            for pid in longest.tolist()
            if pid not in given and pid not in others and len(chosen := np.flatnonzero(pids == pid)) > 1
        ]
        return _together_s(steps)


def pictures() -> Media:
    """What looks for pictures."""
    return Media(are_meant=_are_pictures)


def sound() -> Media:
    """What looks for sound."""
    return Media(are_meant=_are_sound)


def left_out_notice(unseen_s: float, unheard_s: float) -> tuple[Notice, ...]:
    """A notice of so many seconds of pictures that can't be shown, and of sound that can't be heard."""
    if unseen_s >= _LEAST_S:
        what = f"{clock(unseen_s)} of its picture, and what is heard with it,"
    elif unheard_s >= _LEAST_S:
        what = f"{clock(unheard_s)} of its sound"
    else:
        return ()
    message = (
        f"This file was joined of recordings that are coded in different ways: {what} may be missing. "
        "Upload each recording by itself."
    )
    return (Notice(code="recording_left_out", message=message),)


def _are_pictures(packets: Packets, begun: Starts) -> NDArray[np.bool_]:
    kinds = begun.heads[:, 3]
    found = begun.is_media & (kinds >= _FIRST_PICTURE) & (kinds <= _LAST_PICTURE)
    extended = np.flatnonzero(begun.is_media & (kinds == _EXTENDED))
    further = _further_kinds(packets, begun, extended)
    found[extended] = (further >= _FIRST_FURTHER) & (further <= _LAST_FURTHER)
    return found


def _are_sound(packets: Packets, begun: Starts) -> NDArray[np.bool_]:
    kinds = begun.heads[:, 3]
    found = begun.is_media & (kinds >= _FIRST_SOUND) & (kinds <= _LAST_SOUND)
    unmarked = np.flatnonzero(begun.is_media & ((kinds == _PRIVATE) | (kinds == _EXTENDED)))
    places = begun.columns[unmarked] + 9 + begun.heads[unmarked, 8]
    rows = packets.rows[begun.numbers[unmarked]]
    begins = np.stack([_at(rows, places), _at(rows, places + 1)], axis=1)
    marks = (np.all((begins & [*mask]) == [*mark], axis=1) for mark, mask in _SOUND_MARKS)
    found[unmarked] = np.any([*marks], axis=0) & (places + 1 < rows.shape[1])
    return found


def _further_kinds(packets: Packets, begun: Starts, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """The further numbers (``stream_id_extension``) of what begins there; -1 where there is none."""
    rows, heads = packets.rows[begun.numbers[chosen]], begun.heads[chosen]
    places = begun.columns[chosen] + 9
    for flag, length in _BEFORE:
        places += np.where(heads[:, 7] & flag > 0, length, 0)
    extension = _at(rows, places)
    places += 1
    for flag, length in _WITHIN:
        places += np.where(extension & flag > 0, length, 0)
    further = _at(rows, places + 1)
    # A whole pack header within it (0x40) is of another kind of stream.
    is_there = (heads[:, 7] & 0x01 > 0) & (extension & 0x41 == 0x01) & (further < 0x80)
    return np.where(is_there & (places + 1 < rows.shape[1]), further, -1)


def _at(rows: Bytes2D, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The byte at that place of each row; of a place outside of it, its last one."""
    inside = np.minimum(places, rows.shape[1] - 1)
    return np.take_along_axis(rows, inside[:, None], axis=1)[:, 0].astype(np.int64)


def _alone(
    places: NDArray[np.int64], stretches: NDArray[np.int64], times: NDArray[np.int64], *, is_own: bool
) -> _Steps:
    """This stream's steps in each stretch where the given ones are away; none if they mostly are not."""
    steps = (times[1:] - times[:-1] + WRAP // 2) % WRAP - WRAP // 2
    steps_s = np.where((steps > 0) & (steps < _LONGEST_STEP_S * CLOCK), steps / CLOCK, 0.0)
    is_same = stretches[1:] == stretches[:-1]
    found, numbers = np.unique(stretches, return_inverse=True)
    lengths_s = np.bincount(numbers[1:][is_same], steps_s[is_same], minlength=len(found))
    is_long = lengths_s >= _LEAST_S
    is_missed = is_same & is_long[numbers[1:]] & (steps_s > 0)
    if not is_own and float(lengths_s[is_long].sum()) <= float(steps_s.sum()) / 2:
        is_missed[:] = False
    return _Steps(places[:-1][is_missed], places[1:][is_missed], steps_s[is_missed])


def _together_s(streams: Iterable[_Steps]) -> float:
    """How long these last: languages of one advert, which come by turns, at once; adverts one after the other."""
    told = [each for each in streams if len(each.firsts)]
    if not told:
        return 0.0
    firsts, ends, steps_s = map(np.concatenate, zip(*told, strict=True))
    size = int(ends.max()) + 1
    # How many run at each place: of what several have at once, each counts for its share.
    running = np.cumsum(np.bincount(firsts, minlength=size) - np.bincount(ends, minlength=size))
    shares = np.concatenate([[0.0], np.cumsum(1 / np.maximum(running, 1))])
    return float((steps_s * (shares[ends] - shares[firsts]) / (ends - firsts)).sum())
