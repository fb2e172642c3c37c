"""Codec strings (RFC 6381), read from the stream itself: a player decides by them whether it can play a rendition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tasks.errors import TemporarilyUnavailable
from tasks.media.mp4.boxes import Header, find


def codec_string(header: Header) -> str:
    """The ``CODECS`` of a track's initialization section.

    Raises:
        TemporarilyUnavailable: it is of no codec that we make, or its configuration is missing
            (``encoder_output_damaged``).
    """
    name, write = _WRITERS.get(header.entry, ("", None))
    record = find(header.configuration, name) if name else None
    if write is None or record is None or len(record) < _SHORTEST[name]:
        raise TemporarilyUnavailable(
            "encoder_output_damaged",
            "The encoder made a damaged file.",
            f"no codec configuration in a sample entry {header.entry!r}",
        )
    return f"{header.entry}.{write(record)}"


def _avc(record: bytes) -> str:
    # ISO/IEC 14496-15: profile, compatibility and level, as they stand in the record.
    return record[1:4].hex()


def _hevc(record: bytes) -> str:
    """ISO/IEC 14496-15, Annex E.3: profile, compatibility flags in reverse bit order, tier and level, constraints."""
    space = ("", "A", "B", "C")[record[1] >> 6]
    tier = "H" if record[1] & 0x20 else "L"
    compatibility = int(f"{int.from_bytes(record[2:6]):032b}"[::-1], 2)
    constraints = record[6:12].rstrip(b"\x00")
    parts = [f"{space}{record[1] & 0x1F}", f"{compatibility:X}", f"{tier}{record[12]}"]
    return ".".join(parts + [f"{byte:X}" for byte in constraints])


def _av1(record: bytes) -> str:
    """AV1 in ISO BMFF, section 5: profile, level and tier, bit depth; the rest has its default values with us."""
    tier = "H" if record[2] & 0x80 else "M"
    depth = 8 if not record[2] & 0x40 else 12 if record[2] & 0x20 else 10
    return f"{record[1] >> 5}.{record[1] & 0x1F:02d}{tier}.{depth:02d}"


_WRITERS: Final[Mapping[str, tuple[str, Callable[[bytes], str]]]] = {
    "avc1": ("avcC", _avc),
    "hvc1": ("hvcC", _hevc),
    "av01": ("av1C", _av1),
}
_SHORTEST: Final = {"avcC": 4, "hvcC": 13, "av1C": 3}
