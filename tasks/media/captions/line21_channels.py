"""The services that share a field of line 21 (ANSI/CTA-608-E): its two channels, separated as they alternate.

ffmpeg's decoder doesn't tell them apart: it would show Spanish among English, and pages of text (links of interactive
television) among what is spoken. So they are parted first, and the second channel is spelt as if it were the first.
"""

from __future__ import annotations

import struct
from typing import Final

from tasks.media.captions.line21 import RCWT_HEADER

_HEAD: Final = struct.Struct("<qH")
_SECOND: Final = 0x08
# What resumes captions or text; all else goes on with what the channel does.
_CAPTIONS: Final = (0x20, 0x25, 0x26, 0x27, 0x29)
_TEXT: Final = (0x2A, 0x2B)
# Erasing and flipping captions' memories, which holds whatever the channel does.
_ALWAYS_CAPTIONS: Final = (0x2C, 0x2E, 0x2F)


# Between two commands that are alike it tells that the second is no mere repetition of the first.
_NOTHING: Final = b"\x80\x80"


class _Field:
    """The state of one field; only the second one has data on the programme (XDS)."""

    def __init__(self, *, has_data: bool) -> None:
        self._has_data = has_data
        self._channel = 0
        self._is_text = [False, False]
        self._is_aside = False

    def channel_of(self, first: int, second: int) -> int | None:
        """The channel (0 or 1) whose captions a pair of bytes without parity belongs to, None for all other data."""
        if 0 < first < 0x10:
            # Data on the programme, until they end or a caption breaks in; else a byte that came wrong.
            self._is_aside = self._has_data and first != 0x0F
            return None
        if not 0x10 <= first < 0x20:
            return None if self._is_aside or self._is_text[self._channel] else self._channel
        self._is_aside = False
        self._channel = 1 if first & _SECOND else 0
        if first & ~_SECOND in (0x14, 0x15):
            if second in _ALWAYS_CAPTIONS:
                self._is_text[self._channel] = self._is_text[self._channel] and second != 0x2F
                return self._channel
            if second in _CAPTIONS or second in _TEXT:
                self._is_text[self._channel] = second in _TEXT
        return None if self._is_text[self._channel] else self._channel


def parted(rcwt: bytes) -> tuple[bytes, bytes]:
    """The raw captions of the first channels of both fields (CC1, CC3), and those of the second ones (CC2, CC4).

    Both are RCWT, empty where there is nothing; in each stand null pairs for what is the other's. What is cut off at
    the end is left out.
    """
    made, says_something = (bytearray(), bytearray()), [False, False]
    fields = (_Field(has_data=False), _Field(has_data=True))
    at = len(RCWT_HEADER)
    while at + _HEAD.size <= len(rcwt):
        time_ms, count = _HEAD.unpack_from(rcwt, at)
        at += _HEAD.size
        found = (bytearray(), bytearray())
        for start in range(at, min(at + 3 * count, len(rcwt) - 2), 3):
            kind, first, second = rcwt[start], rcwt[start + 1], rcwt[start + 2]
            # Bit 2 says that it is valid; of the kinds 0 and 1 are line 21.
            if kind & 0b110 != 0b100:
                continue
            is_null = not (first | second) & 0x7F
            channel = None if is_null else fields[kind & 1].channel_of(first & 0x7F, second & 0x7F)
            for number, pairs in enumerate(found):
                if number != channel:
                    pairs += bytes((kind,)) + _NOTHING
                    continue
                says_something[number] = True
                is_control = 0x10 <= first & 0x7F < 0x20
                # The parity of a byte is odd, and so it stays.
                pairs += bytes((kind, first ^ 0x88 if number and is_control else first, second))
        for one, pairs in zip(made, found, strict=True):
            if pairs:
                one += _HEAD.pack(time_ms, len(pairs) // 3) + pairs
        at += 3 * count
    first_channels, second_channels = (
        RCWT_HEADER + bytes(each) if says else b"" for each, says in zip(made, says_something, strict=True)
    )
    return first_channels, second_channels
