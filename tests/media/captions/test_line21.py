"""Raw captions out of a picture's units, byte by byte."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.media.captions import line21

PACKETS = "#software: x\n#tb 0: 1/25\n#media_type 0: video\n"


def unit(*triples: tuple[int, int, int]) -> bytes:
    """MPEG-2 user data as of ATSC A/53; the kinds are valid ones."""
    data = b"".join(bytes([0xFC | kind, first, second]) for kind, first, second in triples)
    return b"\0\0\1\xb2GA94\x03" + bytes([0x40 | len(triples), 0xFF]) + data + b"\xff"


def listed(*pictures: tuple[int, bytes]) -> str:
    """ffmpeg's framecrc of packets at these ticks."""
    return PACKETS + "".join(f"0, {tick - 2:10}, {tick:10}, 1, {len(data):8}, 0x1234\n" for tick, data in pictures)


def blocks(rcwt: bytes) -> list[tuple[int, bytes]]:
    """Time in milliseconds and triples of each block."""
    found, at = [], len(line21.RCWT_HEADER)
    while at < len(rcwt):
        time_ms, count = struct.unpack_from("<qH", rcwt, at)
        found.append((time_ms, rcwt[at + 10 : at + 10 + 3 * count]))
        at += 10 + 3 * count
    return found


def test_pairs_come_in_the_order_of_showing_from_the_clips_zero_without_padding() -> None:
    pictures = [
        (50, unit((0, 0xC8, 0x45), (1, 0x80, 0x80))),
        (75, unit((0, 0x4C, 0x4C))),
        (60, unit((0, 0x80, 0x80), (1, 0x94, 0x20))),
        (49, unit((0, 0xC8, 0xC8))),
        (80, unit((0, 0x80, 0x80))),
    ]
    units = b"".join(data for _, data in pictures)
    made = line21.read_line21(units, listed(*pictures), codec="mpeg2video", zero_s=2.0)
    assert blocks(made.rcwt) == [(0, b"\xfc\xc8\x45"), (400, b"\xfd\x94\x20"), (1000, b"\xfc\x4c\x4c")]
    assert not made.has_708


def test_escape_bytes_of_h264_are_taken_out_and_those_of_mpeg_2_are_none() -> None:
    data = b"\0\0\0\1\x06\x04\x11\xb5\x00\x31GA94\x03\x41\xff\xfc\x00\x00\x03\x01\xff\x80"
    plain = data.replace(b"\xfc\x00\x00\x03\x01", b"\xfc\xc1\x00\x00\x03\x01")
    made = line21.read_line21(plain, listed((0, plain)), codec="h264", zero_s=0)
    assert blocks(made.rcwt) == [(0, b"\xfc\xc1\x00")]
    escaped = b"GA94\x03\x42\xff\xfc\x00\x00\x03\xfd\x41\x41\xff"
    assert blocks(line21.read_line21(escaped, listed((0, escaped)), codec="h264", zero_s=0).rcwt) == [
        (0, b"\xfd\x41\x41")
    ]


@pytest.mark.parametrize(("block", "told"), [(0x2C, True), (0x20, False)])
def test_cea_708_is_told_of_where_its_packets_hold_something(block: int, told: bool) -> None:
    data = unit((3, 0x02, block))
    made = line21.read_line21(data, listed((0, data)), codec="mpeg2video", zero_s=0)
    assert (made.rcwt, made.has_708) == (b"", told)


def test_data_that_is_not_valid_or_not_to_be_processed_is_passed_over() -> None:
    invalid = b"GA94\x03\x41\xff\xf8\xc8\x45\xff"
    idle = b"GA94\x03\x01\xff\xfc\xc8\x45\xff"
    for data in (invalid, idle):
        assert not line21.read_line21(data, listed((0, data)), codec="mpeg2video", zero_s=0).rcwt


@given(st.binary(max_size=200), st.text(max_size=200), st.sampled_from(["h264", "mpeg2video"]))
def test_no_input_breaks_the_reader(data: bytes, packets: str, codec: str) -> None:
    packets = f"{PACKETS}0, 0, 0, 1, {len(data)}, 0x0\n{packets}"
    made = line21.read_line21(b"GA94\x03" + data, packets, codec=codec, zero_s=float(Fraction(1, 3)))
    assert all(time_ms >= 0 for time_ms, _ in blocks(made.rcwt))


def test_only_codecs_with_a_place_for_captions_are_searched() -> None:
    assert line21.unit_filter("h264") == "h264_mp4toannexb,filter_units=pass_types=6"
    assert line21.unit_filter("hevc") == "hevc_mp4toannexb,filter_units=pass_types=39|40"
    assert line21.unit_filter("mpeg2video") == "filter_units=pass_types=178"
    assert line21.unit_filter("prores") is None
