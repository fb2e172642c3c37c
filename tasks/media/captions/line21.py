"""Closed captions inside the picture: CEA-608 byte pairs ("line 21") in the user data of ATSC A/53, part 4.

H.264 and HEVC carry them in SEI messages (registered ITU-T T.35), MPEG-2 in user data. Only those units are copied out
of the upload, so a clip of an hour is searched in seconds, and nothing is decoded. What is found becomes RCWT (raw
captions with time), which ffmpeg's caption decoder reads.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final

from tasks.records.base import Value

# The units that may hold captions: SEI of H.264 and HEVC (prefix and suffix), user data of MPEG-2.
_ANNEX_B: Final[Mapping[str, str]] = {"h264": "h264_mp4toannexb,", "hevc": "hevc_mp4toannexb,", "mpeg2video": ""}
_UNITS: Final[Mapping[str, str]] = {"h264": "6", "hevc": "39|40", "mpeg2video": "178"}
_SIGNATURE: Final = b"GA94\x03"
RCWT_HEADER: Final = bytes.fromhex("ccccedcc00500001000000")
_MOST_PAIRS: Final = 2_000_000


class Line21(Value):
    """What was found: ``rcwt`` is empty where there are no pairs; ``has_708`` tells that CEA-708 services have text."""

    rcwt: bytes
    has_708: bool


def unit_filter(codec: str) -> str | None:
    """The bitstream filter that keeps nothing but the units that may hold captions, None for codecs without any."""
    return f"{_ANNEX_B[codec]}filter_units=pass_types={_UNITS[codec]}" if codec in _UNITS else None


def read_line21(units: bytes, packets: str, *, codec: str, zero_s: float) -> Line21:
    """Gather the byte pairs of all pictures in presentation order.

    ``units`` are the filtered packets behind each other, ``packets`` is ffmpeg's ``framecrc`` of them. The RCWT's times
    begin at the clip's zero.
    """
    pictures: list[tuple[int, bytes]] = []
    has_708, start = False, 0
    for time_s, size in _packets(packets):
        unit, start = units[start : start + size], start + size
        # An escape byte (ITU-T H.264, 7.4.1) keeps data from looking like a start code.
        plain = unit if codec == "mpeg2video" else unit.replace(b"\x00\x00\x03", b"\x00\x00")
        pairs = bytearray()
        for construct in _constructs(plain):
            kind = construct[0] & 3
            if kind == 3:
                # The start of a CEA-708 packet: its head, then that of its first service block with the block's size.
                has_708 = has_708 or bool(construct[2] & 0x1F)
            elif kind < 2 and any(byte & 0x7F for byte in construct[1:3]):
                pairs += construct[:3]
        if pairs and time_s >= zero_s:
            pictures.append((round((time_s - zero_s) * 1000), bytes(pairs)))
    pictures.sort(key=lambda each: each[0])
    blocks = [struct.pack("<qH", time_ms, len(pairs) // 3) + pairs for time_ms, pairs in pictures[:_MOST_PAIRS]]
    return Line21(rcwt=RCWT_HEADER + b"".join(blocks) if blocks else b"", has_708=has_708)


def _packets(text: str) -> Iterator[tuple[Fraction, int]]:
    tick = Fraction(1)
    for line in text.splitlines():
        if found := re.match(r"#tb 0: (\d+)/([1-9]\d*)", line):
            tick = Fraction(int(found[1]), int(found[2]))
        elif found := re.match(r"0,\s*-?\d+,\s*(-?\d+),\s*-?\d+,\s*(\d+),", line):
            yield int(found[1]) * tick, int(found[2])


def _constructs(unit: bytes) -> Iterator[bytes]:
    """Each valid triple (kind and two bytes) of the unit's caption data (cc_data_pkt)."""
    at = unit.find(_SIGNATURE)
    while at >= 0 and at + 7 <= len(unit):
        flags, start = unit[at + 5], at + 7
        count = flags & 0x1F if flags & 0x40 else 0
        for number in range(count):
            triple = unit[start + 3 * number : start + 3 * number + 3]
            if len(triple) == 3 and triple[0] & 4:
                yield triple
        at = unit.find(_SIGNATURE, start)
