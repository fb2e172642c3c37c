"""Uploads that are mended before anybody reads them: others stay as they are, whatever is damaged ends well."""

from __future__ import annotations

import struct
import subprocess
import time
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.adapters.mending import mend
from tasks.media.mp4.compressed_index import inflated
from tasks.media.transport import joints
from tasks.media.unsuited import UnsuitedError
from tests import clips
from tests.media.fronts.laid import damages, hashes
from tests.media.fronts.test_mp4 import box
from tests.media.fronts.test_ts import NULL, table_packet
from tests.pipeline.test_joined_recordings import OTHER_STREAMS, is_blue, recording

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=3")
TONE = ("-f", "lavfi", "-i", "sine=duration=3")
CODED = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2", "-c:a", "mp2")


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        ("ts", ()),
        ("m2ts", ("-mpegts_m2ts_mode", "1")),
        # 33 bits are full after 26.5 hours.
        ("ts", ("-output_ts_offset", "95441")),
        ("ts", ("-program", "st=0:st=1", "-program", "st=2:st=3")),
        ("mp4", ()),
        ("mkv", ()),
    ],
)
def test_what_is_one_recording_stays_as_it_is(tmp_path: Path, ending: str, options: tuple[str, ...]) -> None:
    twice = ("-map", "0", "-map", "1", "-map", "0", "-map", "1") if "-program" in options else ()
    path = clips.make(tmp_path / f"a.{ending}", *PICTURE, *TONE, *twice, *CODED, *options)
    before = path.read_bytes()
    mend(path)
    assert path.read_bytes() == before


def squeezed(film: bytes, *, claimed: int | None = None) -> bytes:
    """The film with its index compressed; what that takes less is left free, so that nothing else moves."""
    at = film.index(b"moov") - 4
    size = int.from_bytes(film[at : at + 4])
    plain = film[at : at + size]
    claim = (size if claimed is None else claimed).to_bytes(4)
    made = box("moov", box("cmov", box("dcom", b"zlib"), box("cmvd", claim, zlib.compress(plain))))
    rest = film[at + size :]
    return film[:at] + made + (box("free", bytes(size - len(made) - 8)) if rest else b"") + rest


@pytest.fixture(scope="module", params=["front", "end", "to the end"])
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("film") / "a.mov"
    front = () if request.param == "end" else ("-movflags", "+faststart")
    made = clips.make(path, *PICTURE, *TONE, *CODED[:-1], "aac", *front).read_bytes()
    if request.param != "to the end":
        return made
    at = made.index(b"mdat") - 4
    return made[:at] + bytes(4) + made[at + 4 :]


def test_a_compressed_index_is_opened_and_gives_the_same_pictures_and_sound(film: bytes, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(film)
    expected = hashes(("-i", "source"), tmp_path)
    source.write_bytes(squeezed(film))
    mend(source)
    assert len(expected["0"]) == 75
    assert hashes(("-i", "source"), tmp_path) == expected
    command = [str(clips.FFPROBE), "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", "source"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True, timeout=30)
    assert told.stdout.split() == ["h264", "aac"]


@pytest.mark.parametrize("claimed", [0, 100, 2**31])
def test_an_index_that_is_not_what_it_claims_to_be_stays_shut(film: bytes, tmp_path: Path, claimed: int) -> None:
    path = tmp_path / "a.mov"
    path.write_bytes(squeezed(film, claimed=claimed))
    before = path.read_bytes()
    mend(path)
    assert path.read_bytes() == before


def test_an_index_that_grows_without_end_is_not_opened_any_further() -> None:
    bomb = zlib.compress(bytes(256 * 1024**2), 9)
    body = box("cmov", box("dcom", b"zlib"), box("cmvd", (32 * 1024**2).to_bytes(4), bomb))
    tracemalloc.start()
    with pytest.raises(UnsuitedError):
        inflated(body)
    assert tracemalloc.get_traced_memory()[1] < 80 * 1024**2
    tracemalloc.stop()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(data=st.data())
def test_whatever_is_damaged_in_a_compressed_index_ends_well(film: bytes, tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.mov"
    path.write_bytes(data.draw(damages(squeezed(film))))
    before = path.stat().st_size
    mend(path)
    assert path.stat().st_size >= before


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("joined")
    first = recording(folder / "1.ts", "red", 440)
    return first + recording(folder / "2.ts", "blue", 1000, at_s=1, mux=OTHER_STREAMS)


def test_only_what_lies_behind_the_joint_is_written_anew(joined: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    # A recorder stopped in the middle of a packet, and another one left something there.
    begin = joined.index(b"\x47\x40\x11", 100_000)
    assert joined[begin + 188] == 0x47
    path.write_bytes(joined[:begin] + bytes(100) + joined[begin:])
    mend(path)
    after = path.read_bytes()
    assert after[: begin + 100] == joined[:begin] + bytes(100)
    assert len(after) == len(joined) + 100
    assert after[begin + 100 :] != joined[begin:]
    mend(path)
    assert path.read_bytes() == after


def test_a_recording_is_carried_on_though_its_map_was_announced_before(tmp_path: Path) -> None:
    first = recording(tmp_path / "1.ts", "red", 440)
    second = recording(tmp_path / "2.ts", "blue", 1000, at_s=3, mux=OTHER_STREAMS[:2])
    begin = second.index(b"\x47\x50\x00") + 5
    coming = bytearray(second[begin : begin + 3 + second[begin + 2] - 4])
    # It is the current one as long as this bit is set.
    coming[5] &= 0xFE
    before = len(first) // 2 // 188 * 188
    announced = first[:before] + table_packet(0x1000, bytes(coming)) + first[before:]
    plain, path = tmp_path / "a.ts", tmp_path / "b.ts"
    plain.write_bytes(first + second)
    path.write_bytes(announced + second)
    mend(plain)
    mend(path)
    assert plain.read_bytes() != first + second
    assert path.read_bytes() == announced + plain.read_bytes()[len(first) :]


def with_long_maps(upload: bytes, pid: int, descriptor: bytes) -> bytes:
    """The same, with maps of that stream that go on in a second packet, behind one of another stream."""
    head, made = b"\x47" + (0x4000 | pid).to_bytes(2), []
    for place in range(0, len(upload), 188):
        packet = upload[place : place + 188]
        if packet[:3] != head:
            made.append(packet)
            continue
        section = packet[5 : 5 + 3 + packet[7] - 4]
        body = section[3:10] + (0xF000 | len(descriptor)).to_bytes(2) + descriptor + section[12:]
        table = table_packet(pid, b"\x02" + (0xB000 | len(body) + 4).to_bytes(2) + body)
        further = table[188:].ljust(183, b"\xff")
        made += [table[:188], NULL, b"\x47" + pid.to_bytes(2) + b"\x30\x00" + further]
    return b"".join(made)


def test_recordings_whose_maps_take_several_packets_are_joined_as_others_are(tmp_path: Path) -> None:
    first = recording(tmp_path / "1.ts", "red", 440)
    second = recording(tmp_path / "2.ts", "blue", 1000, at_s=3, mux=OTHER_STREAMS)
    # A private descriptor, as broadcasters have them.
    descriptor = b"\x80\xc8" + bytes(200)
    begun, follow = with_long_maps(first, 0x1000, descriptor), with_long_maps(second, 0x1100, descriptor)
    plain, path = tmp_path / "a.ts", tmp_path / "b.ts"
    plain.write_bytes(first + second)
    path.write_bytes(begun + follow)
    mend(plain)
    mend(path)
    assert plain.read_bytes() != first + second
    assert media_of(path) == media_of(plain)


def media_of(path: Path) -> list[bytes]:
    """The packets of the streams from 0x100 to 0x1ff, as the first recording's are."""
    upload = path.read_bytes()
    packets = [upload[place : place + 188] for place in range(0, len(upload), 188)]
    return [packet for packet in packets if packet[1] & 0x1F == 1]


def padded(upload: bytes) -> bytes:
    """The same in packets of 204 bytes."""
    return b"".join(upload[place : place + 188] + bytes(16) for place in range(0, len(upload), 188))


def test_packets_with_bytes_for_correction_behind_them_are_joined_as_others_are(joined: bytes, tmp_path: Path) -> None:
    plain, longer = tmp_path / "a.ts", tmp_path / "b.ts"
    plain.write_bytes(joined)
    longer.write_bytes(padded(joined))
    mend(plain)
    mend(longer)
    assert plain.read_bytes() != joined
    assert longer.read_bytes() == padded(plain.read_bytes())


# As other multiplexers number them.
CLASHING = ("-mpegts_start_pid", "0x101", "-mpegts_pmt_start_pid", "0x100")


@pytest.mark.parametrize(("first", "second"), [((), CLASHING), (CLASHING, ())], ids=["of the first", "of the second"])
def test_pictures_that_have_the_number_of_the_other_recordings_map_are_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    monkeypatch.setattr(joints, "_MOST_TABLES", 20)
    path = tmp_path / "a.ts"
    begun = recording(tmp_path / "1.ts", "red", 440, mux=first)
    path.write_bytes(begun + recording(tmp_path / "2.ts", "blue", 1000, at_s=3, mux=second))
    mend(path)
    pictures = is_blue(path)
    assert len(pictures) >= 149
    assert pictures.index(True) == pytest.approx(75, abs=1)


def as_one_segment(upload: bytes) -> bytes:
    """The same with its tables at the beginning alone, as packagers for HLS write them."""
    packets = [upload[place : place + 188] for place in range(0, len(upload), 188)]
    return b"".join([*packets[:3], *(packet for packet in packets[3:] if packet[1] & 0x1F == 1 or packet[1] & 2)])


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((*OTHER_STREAMS, "-mpegts_service_id", "100"), id="another programme"),
        pytest.param((*OTHER_STREAMS[:2], "-mpegts_service_id", "100"), id="another one whose map has the same number"),
        pytest.param(OTHER_STREAMS[:2], id="another map of the programme"),
    ],
)
def test_an_advert_between_segments_that_begin_with_one_map_each_is_shown_in_its_place(
    tmp_path: Path, other: tuple[str, ...]
) -> None:
    parts = [
        recording(tmp_path / "1.ts", "red", 440),
        recording(tmp_path / "2.ts", "blue", 1000, at_s=3, mux=other),
        recording(tmp_path / "3.ts", "red", 440, at_s=6),
    ]
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(as_one_segment(part) for part in parts))
    mend(path)
    pictures = is_blue(path)
    assert len(pictures) >= 224
    assert [pictures[place] for place in (20, 60, 90, 140, 160, 220)] == [False, False, True, True, False, False]


@pytest.mark.parametrize("cut", [1, 100, 187])
def test_a_stream_that_begins_within_a_packet_is_joined_as_others_are(joined: bytes, tmp_path: Path, cut: int) -> None:
    plain, path = tmp_path / "a.ts", tmp_path / "b.ts"
    plain.write_bytes(joined)
    path.write_bytes(joined[cut:])
    mend(plain)
    mend(path)
    assert plain.read_bytes() != joined
    assert path.read_bytes() == plain.read_bytes()[cut:]


def test_much_damage_behind_a_joint_is_read_in_the_same_parts_both_times(joined: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    empty = b"\x47\x1f\xff\x10" + bytes(184)
    damaged = (bytes(50) + 3 * empty) * 40
    # Eight MiB are read at a time: in those from the joint on there are twice as many gaps.
    lead = empty * 22_000
    data = lead + joined + damaged
    data += empty * ((8 * 1024**2 - len(data)) // 188 + 1) + damaged + empty * 25_000
    path.write_bytes(data)
    mend(path)
    after = path.read_bytes()
    assert len(after) == len(data)
    assert after != data


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_whatever_is_damaged_keeps_its_length(joined: bytes, tmp_path: Path, data: st.DataObject) -> None:
    damaged = data.draw(damages(joined))
    path = tmp_path / "a.ts"
    path.write_bytes(damaged)
    mend(path)
    assert path.stat().st_size == len(damaged)


def list_of_maps(number: int) -> bytes:
    """A packet with a table (PAT) of 42 programmes, one of ten thousand such."""
    entries = b"".join(struct.pack(">HH", each, 0xE000 | (number + each) % 4000 + 256) for each in range(1, 43))
    table = struct.pack(">BHHBBB", 0, 0xB000 | len(entries) + 9, number, 0xC1, 0, 0) + entries + bytes(4)
    return (b"\x47\x40\x00\x10\x00" + table).ljust(188, b"\xff")


@pytest.mark.parametrize("different", [1, 10_000])
def test_a_stream_of_tables_alone_is_looked_through_at_once(tmp_path: Path, different: int) -> None:
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(map(list_of_maps, range(different))) * (400_000 // different))
    begun = time.process_time()
    mend(path)
    # Each by itself they took seven seconds.
    assert time.process_time() - begun < 3
