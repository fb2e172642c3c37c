"""Copy protection: what in a file tells that its media are encrypted, so that nobody can play them.

Packets that ffprobe reads tell it too, but protection may begin later, or hide of what kind a stream is. Sample entries
of MP4 have another type under common encryption (ISO/IEC 23001-7) and FairPlay; Matroska and WebM say it of each track
(RFC 9559, 5.1.4.1.31), ASF in its header, and a transport stream of each packet (ISO/IEC 13818-1, 2.4.3.3).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Final

from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media.fronts import mkv
from tasks.media.fronts.ebml import elements, head_at
from tasks.media.mp4.sample_tables import only, parts
from tasks.media.transport import packets
from tasks.media.unsuited import UnsuitedError

HEAD_BYTES: Final = 1024**2
"""Of what isn't MP4 so much of the beginning tells."""

_MOST_TRACKS: Final = 64
_COMMON: Final = ("encv", "enca")
_FAIRPLAY: Final = ("drmi", "drms")
# Of the box that says how samples are encrypted as a rule: behind its type, version, flags, and two reserved bytes.
_PROTECTED_AT: Final = 10
_MOST_ELEMENTS: Final = 100
_CONTENT_ENCODINGS, _CONTENT_ENCODING = 0x6D80, 0x6240
_TYPE, _ENCRYPTION, _ALGORITHM = 0x5033, 0x5035, 0x47E1
_ENCRYPTED: Final = 1
_ASF: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_SIZE: Final = struct.Struct("<16xQ")
# The objects of content encryption, extended content encryption, and advanced content encryption.
_ASF_PROTECTION: Final = (
    bytes.fromhex("fbb31122 23bdd211 b4b700a0 c955fc6e"),
    bytes.fromhex("14e68a29 2226174c b935dae0 7ee9289c"),
    bytes.fromhex("33850543 8169e649 9b74ad12 cb86d58c"),
)
_FIRST_OF_MEDIA: Final = 0x20
_MOSTLY: Final = 0.5


def encrypted() -> SourceRejected:
    """The error to raise of such a file."""
    words = "This file is encrypted (copy protection): nobody can play it. Upload it without protection."
    return SourceRejected("encrypted", words)


def is_film_protected(movie: memoryview) -> bool:
    """Whether sound or picture of an MP4 or MOV file is, by the body of its ``moov``.

    That only a part of the samples is, or may be, counts as well: the others are of no use without it.
    """
    tracks: list[memoryview] = []
    with suppress(UnsuitedError, TemporarilyUnavailable, struct.error, ValueError):
        tracks = [body for kind, body in parts(movie) if kind == "trak"]
    return len(tracks) <= _MOST_TRACKS and any(_is_film_track_protected(track) for track in tracks)


def is_protected(head: bytes) -> bool:
    """Whether a Matroska, WebM or ASF file is, by its first `HEAD_BYTES`; False of all others."""
    if head.startswith(_ASF) and len(head) >= _ASF_SIZE.size:
        (size,) = _ASF_SIZE.unpack_from(head)
        return any(each in head[:size] for each in _ASF_PROTECTION)
    if head.startswith(mkv.EBML.to_bytes(4)):
        with suppress(ValueError):
            return any(_is_track_protected(entry) for entry in _track_entries(head))
    return False


def is_scrambled(head: bytes) -> bool:
    """Whether a transport stream is, by its first `HEAD_BYTES`.

    Some multiplexers mark packets that are clear: ask only of what can't be read.
    """
    form = packets.form_of(head)
    if form is None:
        return False
    marked = all_of = 0
    with suppress(packets.UnclearError):
        for found in packets.found_in(bytearray(head), 0, form):
            is_media = (found.pids >= _FIRST_OF_MEDIA) & (found.pids != packets.NO_PROGRAMME)
            all_of += int(is_media.sum())
            marked += int((is_media & (found.rows[:, 3] >> 6 > 1)).sum())
    return marked > _MOSTLY * all_of


def _is_film_track_protected(track: memoryview) -> bool:
    with suppress(UnsuitedError, TemporarilyUnavailable, struct.error, ValueError):
        tables = only(only(only(track, "mdia"), "minf"), "stbl")
        by_groups = any(kind == "sgpd" and bytes(body[4:8]) == b"seig" for kind, body in parts(tables))
        entries = parts(only(tables, "stsd")[8:])
        return any(_is_entry_protected(kind, bytes(entry), by_groups=by_groups) for kind, entry in entries)
    return False


def _is_entry_protected(kind: str, entry: bytes, *, by_groups: bool) -> bool:
    if kind in _FAIRPLAY:
        return True
    # The scheme's own box is the last: letters that happen to be the same may stand in names before it.
    told = entry.find(b"tenc", max(0, entry.rfind(b"schi")))
    is_rule = told < 0 or entry[told + _PROTECTED_AT : told + _PROTECTED_AT + 1] != b"\0"
    # Where nothing is encrypted as a rule, groups of samples may be; older schemes don't tell a rule.
    return kind in _COMMON and (is_rule or by_groups)


def _track_entries(head: bytes) -> Iterator[bytes]:
    """The entries of a Matroska file's tracks, if these stand before its first cluster and whole in ``head``.

    Raises:
        ValueError: it can't be understood.
    """
    place = 0
    for _ in range(_MOST_ELEMENTS):
        found = head_at(head, place)
        if found is None or found.code == mkv.CLUSTER:
            return
        begin = place + found.head_bytes
        if found.code == mkv.TRACKS and found.body_bytes is not None:
            tracks = islice(elements(head[begin : begin + found.body_bytes]), _MOST_ELEMENTS)
            yield from (body for code, body in tracks if code == mkv.TRACK_ENTRY)
        # Of the segment each element is looked at.
        place = begin if found.code == mkv.SEGMENT else begin + (found.body_bytes or 0)


def _is_track_protected(entry: bytes) -> bool:
    with suppress(ValueError):
        return any(
            _is_encoding_encryption(encoding)
            for outer, encodings in islice(elements(entry), _MOST_ELEMENTS)
            if outer == _CONTENT_ENCODINGS
            for inner, encoding in islice(elements(encodings), _MOST_ELEMENTS)
            if inner == _CONTENT_ENCODING
        )
    return False


def _is_encoding_encryption(encoding: bytes) -> bool:
    """Whether it is no compression, and no signature of what is clear."""
    told = dict(islice(elements(encoding), _MOST_ELEMENTS))
    by = dict(islice(elements(told.get(_ENCRYPTION, b"")), _MOST_ELEMENTS))
    return int.from_bytes(told.get(_TYPE, b"")) == _ENCRYPTED and int.from_bytes(by.get(_ALGORITHM, b"")) != 0
