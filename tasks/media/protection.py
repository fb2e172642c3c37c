"""Copy protection: what in a file tells that its media are encrypted, so that nobody can play them.

Packets that ffprobe reads tell it too, but protection may begin later, or hide of what kind a stream is. Sample entries
of MP4 have another type under common encryption (ISO/IEC 23001-7) and FairPlay; Matroska and WebM say it of each track
(RFC 9559, 5.1.4.1.31), ASF in its header, and a transport stream of each packet (ISO/IEC 13818-1, 2.4.3.3).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media.fronts import mkv
from tasks.media.fronts.ebml import elements, head_at
from tasks.media.mp4.sample_tables import only, parts
from tasks.media.transport import packets
from tasks.media.unsuited import UnsuitedError

HEAD_BYTES: Final = 1024**2
"""Of what isn't MP4 so much of the beginning tells."""

_COMMON: Final = ("encv", "enca")
_FAIRPLAY: Final = ("drmi", "drms")
# Of the box that says how tracks are encrypted as a rule: behind its type, version, flags, and two reserved bytes.
_PROTECTED_AT: Final = 10
_CONTENT_ENCODINGS, _CONTENT_ENCODING, _CONTENT_ENCRYPTION = 0x6D80, 0x6240, 0x5035
_ASF: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_SIZE: Final = struct.Struct("<16xQ")
# The objects of content encryption: of version 1 of Windows Media's protection, and of all others.
_ASF_PROTECTION: Final = (
    bytes.fromhex("fbb31122 23bdd211 b4b700a0 c955fc6e"),
    bytes.fromhex("14e68a29 2226174c b935dae0 7ee9289c"),
)
_FIRST_OF_MEDIA: Final = 0x20
_MOSTLY: Final = 0.5


def encrypted() -> SourceRejected:
    """The error to raise of such a file."""
    words = "This file is encrypted (copy protection): nobody can play it. Upload it without protection."
    return SourceRejected("encrypted", words)


def is_film_protected(movie: memoryview) -> bool:
    """Whether sound or picture of an MP4 or MOV file is, if only in part, by the body of its ``moov``."""
    with suppress(UnsuitedError, TemporarilyUnavailable, struct.error, ValueError):
        for track in (body for kind, body in parts(movie) if kind == "trak"):
            tables = only(only(only(track, "mdia"), "minf"), "stbl")
            if any(_is_entry_protected(kind, bytes(entry)) for kind, entry in parts(only(tables, "stsd")[8:])):
                return True
    return False


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

    Some multiplexers set the mark on packets that are clear: ask only of what can't be read.
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


def _is_entry_protected(kind: str, entry: bytes) -> bool:
    if kind in _FAIRPLAY:
        return True
    told = entry.find(b"tenc")
    # Other schemes don't say so.
    return kind in _COMMON and (told < 0 or entry[told + _PROTECTED_AT : told + _PROTECTED_AT + 1] != b"\0")


def _track_entries(head: bytes) -> Iterator[bytes]:
    """The entries of a Matroska file's tracks, if these stand before its first cluster and whole in ``head``.

    Raises:
        ValueError: it can't be understood.
    """
    place = 0
    while (found := head_at(head, place)) is not None and found.code != mkv.CLUSTER:
        begin = place + found.head_bytes
        if found.code == mkv.TRACKS and found.body_bytes is not None:
            tracks = head[begin : begin + found.body_bytes]
            yield from (body for code, body in elements(tracks) if code == mkv.TRACK_ENTRY)
        # Of the segment each element is looked at.
        place = begin if found.code == mkv.SEGMENT else begin + (found.body_bytes or 0)


def _is_track_protected(entry: bytes) -> bool:
    return any(
        code == _CONTENT_ENCRYPTION
        for outer, encodings in elements(entry)
        if outer == _CONTENT_ENCODINGS
        for inner, encoding in elements(encodings)
        if inner == _CONTENT_ENCODING
        for code, _ in elements(encoding)
    )
