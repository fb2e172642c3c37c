"""The sample tables of an index (``moov``): where each track's chunks are in the file, and when their samples are due.

Boxes and fields are those of ISO/IEC 14496-12, 8.5 to 8.7; QuickTime's are the same. Whatever a file claims, work and
memory are bounded by the size of its index.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.media.mp4.boxes import boxes, ticks_per_s
from tasks.media.unsuited import UnsuitedError

_MOST_BOXES: Final = 1000
_MOST_TRACKS: Final = 64
_MOST_CHUNKS: Final = 2_000_000
_MOST_BYTES: Final = 2**61
_SELF_CONTAINED: Final = 1
_HEARD_OR_SEEN: Final = (b"vide", b"soun")
# ffmpeg holds back what comes first for ten seconds of media at most; beyond that, outputs would be cut otherwise.
_FURTHEST_APART_S: Final = 9.0


@dataclass(frozen=True, kw_only=True)
class Track:
    """A track's chunks in its own order: where they start and end in the file, and by when they are played, in seconds.

    ``offsets`` is the table in the index itself.
    """

    offsets: NDArray[np.unsignedinteger]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    until_s: NDArray[np.float64]
    is_heard_or_seen: bool


def read(movie: memoryview) -> list[Track]:
    """The tracks that have chunks, from the body of ``moov``, which is writable.

    Raises:
        UnsuitedError: other files, fragments or a cut make it more than one way through this file.
        struct.error, ValueError, TemporarilyUnavailable: it is damaged.
    """
    inside = parts(movie)
    bodies = [body for kind, body in inside if kind == "trak"]
    if len(bodies) > _MOST_TRACKS or any(kind == "mvex" for kind, _ in inside):
        raise UnsuitedError
    tracks = [_track(body) for body in bodies]
    if sum(len(track.starts) for track in tracks) > _MOST_CHUNKS:
        raise UnsuitedError
    return [track for track in tracks if len(track.starts)]


def check(tracks: Sequence[Track], media: Sequence[tuple[int, int]]) -> None:
    """Check that all chunks are in ``media``, not overlapping, each track's in order, and none far from its time.

    Raises:
        UnsuitedError: it is not so.
    """
    if not tracks or any(np.any(np.diff(track.starts) < 0) for track in tracks):
        raise UnsuitedError
    starts = np.concatenate([track.starts for track in tracks])
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.concatenate([track.ends for track in tracks])[order]
    if np.any(ends[:-1] > starts[1:]):
        raise UnsuitedError
    firsts, lasts = np.array(media, dtype=np.int64).T
    box = np.searchsorted(firsts, starts, side="right") - 1
    if np.any(box < 0) or np.any(ends > lasts[box]):
        raise UnsuitedError
    if _apart_s(tracks, order) > _FURTHEST_APART_S:
        raise UnsuitedError


def move(tracks: Sequence[Track], *, before: int, by: int) -> None:
    """Change the index for media before that place in the file having moved by so many bytes.

    Raises:
        UnsuitedError: an offset of 32 bits would not hold it.
    """
    for track in tracks:
        moved = np.where(track.starts < before, track.starts + by, track.starts)
        if np.any(moved > np.iinfo(track.offsets.dtype).max):
            raise UnsuitedError
        track.offsets[:] = moved


def _track(body: memoryview) -> Track:
    if _cuts(body) > 1:
        raise UnsuitedError
    media = only(body, "mdia")
    handler = bytes(only(media, "hdlr")[8:12])
    ticks = ticks_per_s(only(media, "mdhd"))
    information = only(media, "minf")
    references = parts(only(only(information, "dinf"), "dref")[8:])
    if not ticks or not all(int.from_bytes(each[1:4]) & _SELF_CONTAINED for _, each in references):
        raise UnsuitedError
    tables = only(information, "stbl")
    offsets = _offsets(tables)
    if len(offsets) > _MOST_CHUNKS or np.any(offsets > _MOST_BYTES):
        raise UnsuitedError
    starts = offsets.astype(np.int64)
    firsts, lasts, sizes = _samples(tables, len(starts))
    return Track(
        offsets=offsets,
        starts=starts,
        ends=starts + sizes,
        until_s=times(tables, lasts) / ticks,
        is_heard_or_seen=handler in _HEARD_OR_SEEN and bool(np.any(lasts > firsts)),
    )


def _offsets(tables: memoryview) -> NDArray[np.unsignedinteger]:
    found = [(kind, body) for kind, body in parts(tables) if kind in {"stco", "co64"}]
    if len(found) != 1:
        raise UnsuitedError
    kind, body = found[0]
    (count,) = struct.unpack_from(">I", body, 4)
    return np.frombuffer(body, ">u4" if kind == "stco" else ">u8", count, 8)


def _samples(tables: memoryview, chunks: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of each chunk, the number of its first sample, that of the next one's, and the bytes between."""
    runs = table(only(tables, "stsc"), columns=3)
    if not chunks:
        none = np.zeros(0, np.int64)
        return none, none, none
    begins = np.minimum(runs[:, 0], chunks + 1)
    if not len(runs) or begins[0] != 1 or np.any(np.diff(begins) < 0):
        raise UnsuitedError
    counts = np.repeat(runs[:, 1], np.diff(begins, append=chunks + 1))
    sizes = only(tables, "stsz")
    each, samples = struct.unpack_from(">II", sizes, 4)
    if each * samples > _MOST_BYTES:
        raise UnsuitedError
    # The last chunk may be told longer than it is.
    lasts = np.minimum(np.cumsum(counts), samples)
    firsts = np.concatenate((np.zeros(1, np.int64), lasts[:-1]))
    if each:
        return firsts, lasts, (lasts - firsts) * each
    places = np.concatenate(
        (np.zeros(1, np.int64), np.cumsum(np.frombuffer(sizes, ">u4", samples, 12), dtype=np.int64))
    )
    return firsts, lasts, places[lasts] - places[firsts]


def times(tables: memoryview, samples: NDArray[np.int64]) -> NDArray[np.float64]:
    """When, in ticks, each of these samples (counted from 0) is decoded, or the last one before it ends.

    Raises:
        As `read`.
    """
    runs = table(only(tables, "stts"), columns=2).astype(np.float64)
    if not len(runs):
        return np.zeros(len(samples))
    numbers = np.cumsum(np.concatenate(([0.0], runs[:, 0])))
    times = np.cumsum(np.concatenate(([0.0], runs[:, 0] * runs[:, 1])))
    return np.asarray(np.interp(samples, numbers, times))


def table(body: memoryview, *, columns: int) -> NDArray[np.int64]:
    """The entries of a table of numbers of 32 bits, ``columns`` in each.

    Raises:
        struct.error, ValueError: there are fewer than it says.
    """
    (count,) = struct.unpack_from(">I", body, 4)
    return np.frombuffer(body, ">u4", count * columns, 8).astype(np.int64).reshape(count, columns)


def _apart_s(tracks: Sequence[Track], order: NDArray[np.intp]) -> float:
    """The largest distance between the track furthest ahead and the one furthest behind, as the file is read."""
    ahead, behind = np.full(len(order), -np.inf), np.full(len(order), np.inf)
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    place = 0
    for track in tracks:
        own = rank[place : place + len(track.starts)]
        place += len(track.starts)
        if track.is_heard_or_seen:
            reached = np.zeros(len(order))
            reached[own] = track.until_s
            reached = np.maximum.accumulate(reached)
            ahead = np.maximum(ahead, reached)
            # What has been read whole waits for nobody.
            reached[own[-1] :] = np.inf
            behind = np.minimum(behind, reached)
    waiting = np.isfinite(ahead) & np.isfinite(behind)
    return float(np.max(ahead[waiting] - behind[waiting], initial=0.0))


def _cuts(track: memoryview) -> int:
    """How many parts of the track its edit list shows: more than one may be shown in another order than they lie in."""
    lists = [each for kind, body in parts(track) if kind == "edts" for inner, each in parts(body) if inner == "elst"]
    shown = 0
    for entries in lists:
        (count,) = struct.unpack_from(">I", entries, 4)
        if count > _MOST_BOXES:
            raise UnsuitedError
        form, step = (">Qq", 20) if entries[0] else (">Ii", 12)
        shown += sum(struct.unpack_from(form, entries, 8 + number * step)[1] >= 0 for number in range(count))
    return shown


def parts(body: memoryview) -> list[tuple[str, memoryview]]:
    """The boxes side by side in a body: type and body.

    Raises:
        UnsuitedError: there are too many; struct.error, TemporarilyUnavailable: it is damaged.
    """
    found = list(islice(boxes(body), _MOST_BOXES + 1))
    if len(found) > _MOST_BOXES:
        raise UnsuitedError
    return found


def only(body: memoryview, kind: str) -> memoryview:
    """The body of the one box of that type.

    Raises:
        As `parts`; UnsuitedError: there is none, or there are more.
    """
    found = [each for name, each in parts(body) if name == kind]
    if len(found) != 1:
        raise UnsuitedError
    return found[0]
