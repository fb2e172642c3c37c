"""What H.264 itself says of pixels and colours, in its sequence parameter sets (ITU-T H.264, 7.3.2.1.1 and Annex E).

A container says it too, and ffmpeg believes that one; Chromium's players believe the stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from mmap import mmap
from typing import Final

from tasks.errors import TemporarilyUnavailable
from tasks.media.mp4.boxes import find
from tasks.media.mp4.sample_tables import only, parts
from tasks.media.unsuited import UnsuitedError
from tasks.records.base import Value

# Unit types of both kinds (table 7-1).
_SETS: Final = (7, 8)
# In a segment of ten seconds: sixty pictures a second, each of some seventy slices.
_MOST_UNITS: Final = 50_000
_SAMPLE_ENTRIES: Final = ("avc1", "avc3")
_ENTRY_BYTES: Final = 78
# Profiles whose parameter sets tell of chroma, depth and scaling matrices.
_HIGH: Final = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 144, 244})
_IN_444: Final = 3
_EXTENDED: Final = 255
# Table E-1; 0 is "unspecified".
_ASPECTS: Final = (
    *((1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11), (80, 33), (18, 11), (15, 11)),
    *((64, 33), (160, 99), (4, 3), (3, 2), (2, 1)),
)
_UNSPECIFIED: Final = 2
_MOST_CYCLE: Final = 255
# Reading a kilobyte takes two milliseconds, and all parameter sets of a film have some hundred bytes.
_MOST_BYTES: Final = 32 * 1024


class Told(Value):
    """What a parameter set tells; None where it doesn't. The last three are code points of ITU-T H.273."""

    pixel_aspect: Fraction | None = None
    is_full_range: bool | None = None
    primaries: int | None = None
    transfer: int | None = None
    matrix: int | None = None


def records(movie: memoryview) -> tuple[bytes, ...]:
    """The decoder configurations (``avcC``) of all H.264 in a film, out of the body of ``moov``.

    Raises:
        UnsuitedError: they are longer than any are; with struct.error, TemporarilyUnavailable: they can't be found.
    """
    found: list[bytes] = []
    for track in (body for kind, body in parts(movie) if kind == "trak"):
        tables = only(only(only(track, "mdia"), "minf"), "stbl")
        for kind, entry in parts(only(tables, "stsd")[8:]):
            if kind in _SAMPLE_ENTRIES:
                found.append(bytes(only(entry[_ENTRY_BYTES:], "avcC")))
    if sum(len(record) for record in found) > _MOST_BYTES:
        raise UnsuitedError
    return tuple(found)


def change(movie: memoryview) -> frozenset[str]:
    """The handlers (``vide``, ``soun``) of tracks, in the body of ``moov``, with several sample entries that differ.

    Films that were joined without being coded anew have one for each part.

    Raises:
        As `records`.
    """
    found: set[str] = set()
    for media in (only(body, "mdia") for kind, body in parts(movie) if kind == "trak"):
        entries = parts(only(only(only(media, "minf"), "stbl"), "stsd")[8:])
        if any(each != entries[0] for each in entries):
            found.add(bytes(only(media, "hdlr")[8:12]).decode("latin-1"))
    return frozenset(found)


def read_record(record: bytes) -> tuple[Told, ...]:
    """What each sequence parameter set of an ``avcC`` tells.

    Raises:
        ValueError: it is damaged.
    """
    return tuple(_told(unit) for unit in _units(record)[0])


def are_described(samples: bytes | mmap, begin: int, configuration: bytes) -> bool:
    """Whether all parameter sets among H.264 samples, from ``begin`` on, stand in their track's ``avcC`` as well.

    The samples' units lie as ISO/IEC 14496-15 has them, each behind its length; ``configuration`` are the boxes of the
    sample entry. What can't be read is not described, nor is what has more units than any encoder makes.
    """
    try:
        record = find(configuration, "avcC") or b""
        known = {unit.rstrip(b"\0") for units in _units(record) for unit in units}
    except (ValueError, TemporarilyUnavailable):
        return False
    width, place, count = (record[4] & 3) + 1, begin, 0
    while place + width < len(samples):
        count += 1
        if count > _MOST_UNITS:
            return False
        end = place + width + int.from_bytes(samples[place : place + width])
        if samples[place + width] & 31 in _SETS and samples[place + width : end].rstrip(b"\0") not in known:
            return False
        place = end
    return place == len(samples)


def _units(record: bytes) -> tuple[list[bytes], list[bytes]]:
    """The sequence and the picture parameter sets of an ``avcC``."""
    if len(record) < 6:
        raise ValueError("too short")
    made, place = [], 5
    for mask in (31, 255):
        count = record[place] & mask if place < len(record) else 0
        units, place = [], place + 1
        for _ in range(count):
            end = place + 2 + int.from_bytes(record[place : place + 2])
            if end > len(record):
                raise ValueError("cut off")
            units.append(record[place + 2 : end])
            place = end
        made.append(units)
    return made[0], made[1]


def _told(unit: bytes) -> Told:
    # Behind two zeros a 3 is put in, so that nothing looks like the beginning of a unit (7.4.1.1).
    bits = _Bits(unit[1:].replace(b"\0\0\3", b"\0\0"))
    profile = bits.number(8)
    bits.number(16)  # constraints, level
    bits.golomb()  # its own number
    if profile in _HIGH:
        _pass_over_formats(bits)
    bits.golomb()  # log2_max_frame_num_minus4
    _pass_over_order(bits)
    bits.golomb()  # max_num_ref_frames
    bits.number(1)  # gaps_in_frame_num_value_allowed_flag
    bits.golomb(), bits.golomb()  # width and height in macroblocks
    if not bits.number(1):  # frame_mbs_only_flag
        bits.number(1)
    bits.number(1)  # direct_8x8_inference_flag
    if bits.number(1):  # frame_cropping_flag
        for _ in range(4):
            bits.golomb()
    if not bits.number(1):  # vui_parameters_present_flag
        return Told()
    told = Told(pixel_aspect=_pixel_aspect(bits) if bits.number(1) else None)
    if bits.number(1):  # overscan_info_present_flag
        bits.number(1)
    if not bits.number(1):  # video_signal_type_present_flag
        return told
    bits.number(3)  # video_format
    told = told.evolve(is_full_range=bool(bits.number(1)))
    if not bits.number(1):  # colour_description_present_flag
        return told
    points = (bits.number(8), bits.number(8), bits.number(8))
    primaries, transfer, matrix = (point if point != _UNSPECIFIED else None for point in points)
    return told.evolve(primaries=primaries, transfer=transfer, matrix=matrix)


def _pixel_aspect(bits: _Bits) -> Fraction | None:
    named = bits.number(8)
    if named == _EXTENDED:
        wide, high = bits.number(16), bits.number(16)
        return Fraction(wide, high) if wide and high else None
    return Fraction(*_ASPECTS[named - 1]) if 0 < named <= len(_ASPECTS) else None


def _pass_over_formats(bits: _Bits) -> None:
    chroma = bits.golomb()
    if chroma == _IN_444:
        bits.number(1)
    bits.golomb(), bits.golomb()  # depths
    bits.number(1)  # qpprime_y_zero_transform_bypass_flag
    if not bits.number(1):  # seq_scaling_matrix_present_flag
        return
    for number in range(12 if chroma == _IN_444 else 8):
        if bits.number(1):
            last = following = 8
            for _ in range(16 if number < 6 else 64):
                if following:
                    following = (last + bits.signed_golomb()) % 256
                last = following or last


def _pass_over_order(bits: _Bits) -> None:
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.number(1)
        bits.golomb(), bits.golomb()
        cycle = bits.golomb()
        if cycle > _MOST_CYCLE:
            raise ValueError("too long a cycle")
        for _ in range(cycle):
            bits.golomb()


class _Bits:
    """Reads bits from the highest on; beyond the end it raises ValueError."""

    def __init__(self, data: bytes) -> None:
        self._bits: Iterator[int] = (byte >> shift & 1 for byte in data for shift in range(7, -1, -1))

    def number(self, count: int) -> int:
        """A number of so many bits."""
        value = 0
        for _ in range(count):
            bit = next(self._bits, None)
            if bit is None:
                raise ValueError("cut off")
            value = value << 1 | bit
        return value

    def golomb(self) -> int:
        """An unsigned Exp-Golomb code (9.1)."""
        zeros = 0
        while not self.number(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("no number")
        return (1 << zeros) - 1 + self.number(zeros)

    def signed_golomb(self) -> int:
        """A signed one (9.1.1)."""
        code = self.golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)
