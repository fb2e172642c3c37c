"""Reading Matroska and WebM from front to back: they are made for that too, and stay as they are.

A file (RFC 9559) is one segment: what is in it, its tracks and, as a rule, their tags, then clusters of sound and
picture, then an index of key frames, the cues, by which only seeking is quicker. A directory, the seek head, tells
where all that is. What else it names behind the clusters ffmpeg would know of the whole, and not of its beginning.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Final

from tasks.media.fronts.ebml import FILLERS, MOST_HEAD_BYTES, Head, elements, head_at
from tasks.media.fronts.index import FrontIndex, Looking, Window
from tasks.media.unsuited import UnsuitedError

EBML: Final = 0x1A45DFA3
"""The identifier with which a file begins."""

SEGMENT: Final = 0x18538067
TRACKS: Final = 0x1654AE6B
TRACK_ENTRY: Final = 0xAE
SEEK_HEAD: Final = 0x114D9B74
CLUSTER: Final = 0x1F43B675
CUES: Final = 0x1C53BB6B
TAGS: Final = 0x1254C367
CHAPTERS: Final = 0x1043A770
ATTACHMENTS: Final = 0x1941A469
_INFO: Final = 0x1549A966
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
_DURATION: Final = 0x4489
# By the length of the number, in bytes.
_FLOATS: Final = {4: struct.Struct(">f"), 8: struct.Struct(">d")}

PROBED_BYTES: Final = 4 * 1024**2
"""Of the clusters ffprobe reads five megabytes at most: with what is always downloaded beside these, they are there."""

_MOST_ELEMENTS: Final = 100
# A megabyte of small ones takes two seconds.
_MOST_READ_BYTES: Final = 1024**2
# A part of the file is estimated as a share of all of it, and some MiB more: covers and fonts are to be no more.
_MOST_LEAD_BYTES: Final = 4 * 1024**2


@dataclass(kw_only=True)
class _Found:
    """What stands before the first cluster: of each place the element's identifier, and what the seek heads name."""

    segment_at: int
    places: dict[int, int] = field(default_factory=dict)
    named: list[tuple[int, int]] = field(default_factory=list)

    def note(self, head: Head, place: int, body: bytes) -> None:
        """Take in the element that begins there.

        Raises:
            UnsuitedError: it is the second of a kind that is there once, or does not say what it has to say.
        """
        if head.code in (_INFO, TRACKS) and head.code in self.places.values():
            raise UnsuitedError
        self.places[place] = head.code
        if head.code == _INFO:
            _check_length(body)
        elif head.code == TRACKS:
            _check_tracks(body)
        elif head.code == SEEK_HEAD:
            self.named += (_named(seek) for code, seek in elements(body) if code == _SEEK)

    def check(self, clusters_at: int) -> None:
        """Check that reading on tells all that ffmpeg reads where the seek heads send it.

        Raises:
            UnsuitedError: it does not.
        """
        if not {_INFO, TRACKS} <= set(self.places.values()):
            raise UnsuitedError
        for code, position in self.named:
            place = self.segment_at + position
            if code not in (CUES, CLUSTER) and (place >= clusters_at or self.places.get(place) != code):
                raise UnsuitedError


def laid(window: Window) -> Looking[FrontIndex]:
    """The layout of the Matroska file behind ``window``.

    Raises:
        UnsuitedError: it does not tell its length or its end (as it is sent live), has tags or attachments behind its
            clusters or very large ones before them, isn't whole, or is several files.
        struct.error, ValueError, OverflowError: it can't be understood.
    """
    place = yield from _segment(window)
    found, read_bytes = _Found(segment_at=place), 0
    for _ in range(_MOST_ELEMENTS):
        head = yield from _head(window, place)
        end = _end(head, place)
        if end > window.size_bytes or place > _MOST_LEAD_BYTES:
            raise UnsuitedError
        if head.code == CLUSTER:
            found.check(place)
            return FrontIndex(
                prefix=b"", pieces=((0, window.size_bytes),), lead_bytes=place + PROBED_BYTES, clusters_at=place
            )
        body = b""
        if head.code in (SEEK_HEAD, _INFO, TRACKS):
            read_bytes += end - place
            if read_bytes > _MOST_READ_BYTES:
                raise UnsuitedError
            body = yield from window.read(place + head.head_bytes, end)
        elif head.code not in (CUES, TAGS, CHAPTERS, ATTACHMENTS, *FILLERS):
            raise UnsuitedError
        found.note(head, place, body)
        place = end
    raise UnsuitedError


def _segment(window: Window) -> Looking[int]:
    """Where the segment's first element begins; the segment ends with the file."""
    head = yield from _head(window, 0)
    place = _end(head, 0)
    segment = yield from _head(window, place)
    if head.code != EBML or segment.code != SEGMENT or _end(segment, place) != window.size_bytes:
        raise UnsuitedError
    return place + segment.head_bytes


def _head(window: Window, place: int) -> Looking[Head]:
    data = yield from window.read(place, min(place + MOST_HEAD_BYTES, window.size_bytes))
    head = head_at(data, 0)
    if head is None:
        raise UnsuitedError
    return head


def _end(head: Head, place: int) -> int:
    if head.body_bytes is None:
        raise UnsuitedError
    return place + head.head_bytes + head.body_bytes


def _check_length(info: bytes) -> None:
    told = [body for code, body in elements(info) if code == _DURATION and body]
    form = _FLOATS.get(len(told[0])) if len(told) == 1 else None
    if form is None:
        raise UnsuitedError
    (length,) = form.unpack(told[0])
    if not (math.isfinite(length) and length > 0):
        raise UnsuitedError


def _check_tracks(tracks: bytes) -> None:
    entries = [list(elements(body)) for code, body in elements(tracks) if code == TRACK_ENTRY]
    if not all(entries) or not entries:
        raise UnsuitedError


def _named(seek: bytes) -> tuple[int, int]:
    """The identifier and the place, from the segment's first element on, of what an entry of a seek head names."""
    told = dict(elements(seek))
    if not {_SEEK_ID, _SEEK_POSITION} <= told.keys():
        raise UnsuitedError
    return int.from_bytes(told[_SEEK_ID]), int.from_bytes(told[_SEEK_POSITION])
