"""Pictures in a transport stream that nobody sees: of recordings that were joined, those of another codec.

ffmpeg reads the streams that it finds at the beginning, and what can't go on as one of these stays away without a word.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.media.faults import clock
from tasks.media.transport import CLOCK, WRAP, Packets, Starts, UnclearError, starts
from tasks.records.base import Notice

# The multiplexer's numbers of pictures (ISO/IEC 13818-1, table 2-22), and that of what has a further number: VC-1 (as
# in SMPTE RP 227) and Dirac are pictures, the AC-3 of Blu-ray and AVCHD is not.
_FIRST_PICTURE, _LAST_PICTURE, _EXTENDED = 0xE0, 0xEF, 0xFD
_FIRST_FURTHER, _LAST_FURTHER = 0x55, 0x6F
# What may stand before the extension of a head, and in it before the further number (2.4.3.6): flags, and their bytes.
_BEFORE: Final = ((0x80, 5), (0x40, 5), (0x20, 6), (0x10, 3), (0x08, 1), (0x04, 1), (0x02, 2))
_WITHIN: Final = ((0x80, 16), (0x20, 2), (0x10, 2))
# Programmes of a whole multiplex have fewer pictures; every number may turn up in a damaged one.
_MOST_TRACKS: Final = 64
_LEAST_S: Final = 2.0
_LONGEST_STEP_S: Final = 10.0
# A recording of eight hours at 50 pictures a second has fewer.
_MOST_PICTURES: Final = 2_000_000


@dataclass(kw_only=True)
class Pictures:
    """When and of which stream pictures come, in a transport stream that is read from its beginning to its end."""

    _pids: list[NDArray[np.int64]] = field(default_factory=list)
    _times: list[NDArray[np.int64]] = field(default_factory=list)
    _count: int = 0

    def add(self, packets: Packets) -> None:
        """Take in the next packets.

        Raises:
            UnclearError: that is too much.
        """
        begun = starts(packets)
        kinds = begun.heads[:, 3]
        are_seen = begun.is_media & (kinds >= _FIRST_PICTURE) & (kinds <= _LAST_PICTURE)
        extended = np.flatnonzero(begun.is_media & (kinds == _EXTENDED))
        further = _further_kinds(packets, begun, extended)
        are_seen[extended] = (further >= _FIRST_FURTHER) & (further <= _LAST_FURTHER)
        self._count += int(are_seen.sum())
        if self._count > _MOST_PICTURES:
            raise UnclearError
        self._pids.append(packets.pids[begun.numbers[are_seen]])
        self._times.append(begun.times[are_seen])

    def unseen_s(self, shown: int | None) -> float:
        """How many seconds of pictures come while there are none of the stream ``shown`` (None: nothing is shown).

        Those of a programme that runs beside it do not count. 0 if that stream never comes: it goes by another number.
        """
        if not self._count:
            return 0.0
        pids, times = np.concatenate(self._pids), np.concatenate(self._times)
        if shown is not None and not np.any(pids == shown):
            return 0.0
        tracks, counts = np.unique(pids, return_counts=True)
        longest = tracks[np.argsort(-counts, kind="stable")[:_MOST_TRACKS]]
        # How many of the shown ones came before each: the same number for all of a stretch without any.
        stretches = np.cumsum(pids == shown)
        return sum(_alone_s(stretches[pids == pid], times[pids == pid]) for pid in longest if pid != shown)


def left_out_notice(unseen_s: float) -> tuple[Notice, ...]:
    """A notice of so many seconds of pictures that can't be shown."""
    if unseen_s < _LEAST_S:
        return ()
    message = (
        f"This file was joined of recordings that are coded in different ways: {clock(unseen_s)} of its picture, and "
        "what is heard with it, may be missing. Upload each recording by itself."
    )
    return (Notice(code="recording_left_out", message=message),)


def _further_kinds(packets: Packets, begun: Starts, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """The further numbers (``stream_id_extension``) of what begins there; -1 where there is none."""
    rows, heads = packets.rows[begun.numbers[chosen]], begun.heads[chosen]
    places = begun.columns[chosen] + 9

    def at(places: NDArray[np.int64]) -> NDArray[np.int64]:
        inside = np.minimum(places, rows.shape[1] - 1)
        return np.take_along_axis(rows, inside[:, None], axis=1)[:, 0].astype(np.int64)

    for flag, length in _BEFORE:
        places += np.where(heads[:, 7] & flag > 0, length, 0)
    extension = at(places)
    places += 1
    for flag, length in _WITHIN:
        places += np.where(extension & flag > 0, length, 0)
    further = at(places + 1)
    # A whole pack header within it (0x40) is of another kind of stream.
    is_there = (heads[:, 7] & 0x01 > 0) & (extension & 0x41 == 0x01) & (further < 0x80)
    return np.where(is_there & (places + 1 < rows.shape[1]), further, -1)


def _alone_s(stretches: NDArray[np.int64], times: NDArray[np.int64]) -> float:
    """How long this stream's pictures run in stretches where the shown ones are away; 0 if they mostly are not."""
    steps = (times[1:] - times[:-1] + WRAP // 2) % WRAP - WRAP // 2
    steps_s = np.where((steps > 0) & (steps < _LONGEST_STEP_S * CLOCK), steps / CLOCK, 0.0)
    is_same = stretches[1:] == stretches[:-1]
    _, numbers = np.unique(stretches, return_inverse=True)
    lengths_s = np.bincount(numbers[1:][is_same], steps_s[is_same])
    alone_s = float(lengths_s[lengths_s >= _LEAST_S].sum())
    return alone_s if alone_s > float(steps_s.sum()) / 2 else 0.0
