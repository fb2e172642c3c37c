"""What H.264 says of its pixels is read as ffmpeg reads it, out of films of many kinds."""

from __future__ import annotations

import struct
import subprocess
import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.adapters import film_index
from tasks.errors import TemporarilyUnavailable
from tasks.media.parameter_sets import Told, are_described, read_record, records
from tasks.media.unsuited import UnsuitedError
from tests import clips
from tests.media.fronts.test_mp4 import box

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=720x576:rate=25:duration=0.2")


def told_by_ffprobe(path: Path, field: str = "sample_aspect_ratio") -> Fraction | str | None:
    command = [str(clips.FFPROBE), "-v", "error", "-show_entries", f"stream={field}", "-of", "csv=p=0"]
    told = subprocess.run([*command, str(path)], capture_output=True, check=True, text=True, timeout=30).stdout.strip()
    return None if told in ("", "N/A") else Fraction(told.replace(":", "/")) if ":" in told else told


def index_of(path: Path) -> memoryview:
    index = film_index.read(path, path.stat().st_size)
    assert index is not None
    return memoryview(index)


@pytest.mark.parametrize(
    ("options", "aspect"),
    [
        (("-vf", "setsar=0"), None),
        (("-vf", "setsar=1"), 1),
        (("-vf", "setsar=64/45"), Fraction(64, 45)),
        (("-vf", "setsar=16/11", "-x264-params", "cqm=jvt:interlaced=1"), Fraction(16, 11)),
        (("-vf", "setsar=12/11", "-profile:v", "baseline", "-preset", "ultrafast"), Fraction(12, 11)),
        (("-vf", "setsar=2,crop=718:574", "-pix_fmt", "yuv444p10le"), 2),
        (("-vf", "setsar=40/33", "-pix_fmt", "yuv422p", "-x264-params", "cqm8=1,2,3"), Fraction(40, 33)),
    ],
)
def test_the_aspect_is_the_one_that_the_stream_itself_tells(
    tmp_path: Path, options: tuple[str, ...], aspect: Fraction | None
) -> None:
    plain = () if "-pix_fmt" in options else ("-pix_fmt", "yuv420p")
    raw = clips.make(tmp_path / "a.h264", *PICTURE, "-c:v", "libx264", *plain, *options)
    film = clips.make(tmp_path / "a.mp4", "-i", str(raw), "-c", "copy")
    (record,) = records(index_of(film))
    assert [each.pixel_aspect for each in read_record(record)] == [aspect]
    assert told_by_ffprobe(raw) == aspect


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("matrix_coefficients=6:video_full_range_flag=0", Told(is_full_range=False, matrix=6)),
        ("matrix_coefficients=1:video_full_range_flag=1", Told(is_full_range=True, matrix=1)),
        ("video_full_range_flag=1:sample_aspect_ratio=2/1", Told(pixel_aspect=Fraction(2), is_full_range=True)),
        ("colour_primaries=1:overscan_appropriate_flag=1", Told(is_full_range=False, primaries=1)),
        (
            "colour_primaries=9:transfer_characteristics=16:matrix_coefficients=9",
            Told(is_full_range=False, primaries=9, transfer=16, matrix=9),
        ),
    ],
)
def test_colours_are_those_that_the_stream_itself_tells(tmp_path: Path, options: str, told: Told) -> None:
    untold = "setparams=colorspace=unknown:range=unknown:color_primaries=unknown:color_trc=unknown,setsar=0"
    coded = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-vf", untold, "-bsf:v", f"h264_metadata={options}")
    (record,) = records(index_of(clips.make(tmp_path / "a.mp4", *PICTURE, *coded)))
    assert read_record(record) == (told,)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("film") / "a.mov"
    sound = ("-f", "lavfi", "-i", "sine=duration=0.2")
    clips.make(path, *PICTURE, *sound, "-c:v", "libx264", "-x264-params", "cqm=jvt", "-pix_fmt", "yuv420p")
    return bytes(index_of(path))


def test_no_index_keeps_anybody_reading_for_long() -> None:
    # Profile, level, number, 4:4:4, depths, and twelve scaling matrices of which each step has as many bits as one may.
    number = "0" * 31 + "1" + "01" * 12 + "0110100"
    bits = f"{100:08b}" + "0" * 11 + "11111" + "1" + "00100" + "0" + "11" + "01"
    bits += "".join("1" + number * (16 if matrix < 6 else 64) for matrix in range(12)) + "1111" + "0" + "111" + "000"
    unit = b"\x67" + int(bits + "0" * (-len(bits) % 8), 2).to_bytes(-(-len(bits) // 8))
    record = bytes((1, 100, 0, 31, 255, 31)) + (len(unit).to_bytes(2) + unit) * 31
    entries = box("avc1", bytes(78), box("avcC", record)) * 200
    movie = box("trak", box("mdia", box("minf", box("stbl", box("stsd", bytes(8), entries)))))
    begun = time.process_time()
    with pytest.raises(UnsuitedError):
        list(map(read_record, records(memoryview(movie))))
    assert time.process_time() - begun < 1


@given(data=st.data())
def test_whatever_is_damaged_is_told_by_an_error(film: bytes, data: st.DataObject) -> None:
    changed = bytearray(film)
    at = changed.index(b"avcC") - 4
    for place in data.draw(st.lists(st.integers(at, at + 60), min_size=1, max_size=4)):
        changed[place] = data.draw(st.integers(0, 255))
    try:
        for record in records(memoryview(changed)):
            read_record(record)
    except (UnsuitedError, TemporarilyUnavailable, struct.error, ValueError):
        pass


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_samples_and_headers_of_any_kind_are_described_or_not(samples: bytes, record: bytes) -> None:
    assert are_described(samples, 0, box("avcC", record)) in (True, False)


def test_parameter_sets_among_the_samples_are_to_be_those_of_the_header() -> None:
    header = box("avcC", bytes([1, 66, 0, 30, 0xFF, 0xE1, 0, 3, 0x67, 1, 2, 1, 0, 2, 0x68, 3]))

    def samples(*units: bytes) -> bytes:
        return b"before" + b"".join(len(unit).to_bytes(4) + unit for unit in units)

    assert are_described(samples(b"\x65\x88", b"\x41\x88"), 6, header)
    assert are_described(samples(b"\x67\x01\x02", b"\x68\x03\x00", b"\x65\x88"), 6, header)
    assert not are_described(samples(b"\x65\x88", b"\x67\x01\x03", b"\x65\x88"), 6, header)
    assert not are_described(samples(b"\x68\x04", b"\x65\x88"), 6, header)
    assert not are_described(samples(b"\x65\x88")[:-1], 6, header)
    assert not are_described(samples(b"\x65\x88"), 6, b"")


def test_samples_of_more_units_than_an_encoder_makes_are_not_read_to_their_end() -> None:
    header = box("avcC", bytes([1, 66, 0, 30, 0xFF, 0xE1, 0, 3, 0x67, 1, 2, 1, 0, 2, 0x68, 3]))
    filler = b"\0\0\0\x01\x0c"
    assert are_described(filler * 40_000, 0, header)
    assert not are_described(filler * 60_000, 0, header)
