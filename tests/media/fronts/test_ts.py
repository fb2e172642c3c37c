"""Transport streams are read as they are, unless they show themselves to be joined, at first or on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.media.fronts.ts import PROBED_BYTES
from tasks.media.transport import one_recording
from tasks.media.transport.one_recording import Watch
from tasks.media.transport.packets import form_of, found_in, starts
from tasks.media.transport.tables import read_maps
from tests import clips
from tests.media.fronts.laid import assert_a_pipe_gives_the_same, damages, looked, noticed_at

LENGTH_S: Final = 12
PICTURE: Final = ("-f", "lavfi", "-i", f"testsrc2=size=640x360:rate=25:duration={LENGTH_S}")
TONE: Final = ("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={LENGTH_S}")
RATE: Final = ("-maxrate", "4M", "-bufsize", "1M")
# Noise, since streams are not as empty as a pattern is.
CODED: Final = (
    "-vf",
    "noise=alls=20:allf=t",
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-b:v",
    "4M",
    *RATE,
    "-bf",
    "2",
)
OTHER_STREAMS: Final = ("-mpegts_start_pid", "0x200", "-mpegts_pmt_start_pid", "0x1100")
NULL: Final = b"\x47\x1f\xff\x10" + bytes(184)
KINDS: Final = {
    "ts": ((), "a.ts"),
    "m2ts": (("-mpegts_m2ts_mode", "1"), "a.m2ts"),
    # The clock's 33 bits are full after 26.5 hours, here in the middle.
    "wrap": (("-output_ts_offset", "95437"), "a.ts"),
    "late": (("-output_ts_offset", "3600"), "a.ts"),
    "other": (OTHER_STREAMS, "a.ts"),
    "renamed": (OTHER_STREAMS[:2], "a.ts"),
    "ahead": (("-output_ts_offset", "40"), "a.ts"),
}

Made = Callable[[str], bytes]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder, known = tmp_path_factory.mktemp("streams"), dict[str, bytes]()
    coded = clips.make(folder / "coded.mkv", *PICTURE, *TONE, *CODED, "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "mp2")

    def make(kind: str) -> bytes:
        options, name = KINDS[kind]
        if kind not in known:
            known[kind] = clips.make(folder / name, "-i", str(coded), "-c", "copy", *options).read_bytes()
        return known[kind]

    return make


def padded(upload: bytes) -> bytes:
    """The same in packets of 204 bytes, as modulators have them: sixteen for the correction of errors."""
    return b"".join(upload[place : place + 188] + bytes(16) for place in range(0, len(upload), 188))


def part_of(upload: bytes, begin: float, end: float) -> bytes:
    """From one packet on to another, by shares of the whole."""
    first, last = (round(len(upload) * share) // 188 * 188 for share in (begin, end))
    return upload[first:last]


def table_packet(pid: int, section: bytes) -> bytes:
    """A packet with that table, whose checksum is added bit by bit, as the standard defines it."""
    crc = 0xFFFFFFFF
    for bit in "".join(f"{byte:08b}" for byte in section):
        crc = (crc << 1 ^ (0x04C11DB7 if crc >> 31 != int(bit) else 0)) & 0xFFFFFFFF
    head = b"\x47" + (0x4000 | pid).to_bytes(2) + b"\x10\x00"
    return (head + section + crc.to_bytes(4)).ljust(188, b"\xff")


def seen(upload: bytes, chunk_bytes: int = 100_000) -> int:
    """How many bytes pass before another recording is noticed."""
    form = form_of(upload[:1024])
    assert form is not None
    return noticed_at(Watch(form), upload, chunk_bytes)


@pytest.mark.parametrize("kind", ["ts", "m2ts", "wrap", "late"])
def test_a_pipe_gives_the_same_packets_and_frames_as_the_file(made: Made, tmp_path: Path, kind: str) -> None:
    upload = made(kind)
    front, _ = looked(upload)
    assert front is not None
    assert (front.prefix, front.pieces, front.lead_bytes) == (b"", ((0, len(upload)),), PROBED_BYTES)
    assert_a_pipe_gives_the_same(upload, tmp_path, frames=LENGTH_S * 25)


@pytest.mark.parametrize(("kind", "cut"), [("ts", 1), ("ts", 187), ("m2ts", 3), ("m2ts", 4), ("m2ts", 5)])
def test_a_recording_may_begin_within_a_packet(made: Made, kind: str, cut: int) -> None:
    upload = made(kind)[cut:]
    front, _ = looked(upload)
    assert front is not None
    assert front.packets == form_of(made(kind)[:1024])
    assert seen(upload) == len(upload)
    assert seen(upload + made(kind)) < len(upload) + 100_000


@pytest.mark.parametrize("kind", ["ts", "m2ts", "wrap", "late"])
@pytest.mark.parametrize("chunk_bytes", [1024**2, 1021])
def test_one_recording_is_taken_for_one_however_it_comes(made: Made, kind: str, chunk_bytes: int) -> None:
    upload = made(kind)
    assert looked(upload)[0] is not None
    assert seen(upload, chunk_bytes) == len(upload)


def test_packets_with_sums_for_correction_are_packets(made: Made) -> None:
    upload = padded(made("ts"))
    front, _ = looked(upload)
    assert front is not None
    assert front.packets == (204, 0)
    assert seen(upload) == len(upload)


def test_a_list_of_programmes_that_comes_in_parts_is_one_list(made: Made) -> None:
    stream = made("ts")
    # The second part names a programme that was not recorded.
    sections = ("00b00d 0001c10001 0001f000", "00b00d 0001c10101 0002f100", "00b00d 0001c10101 0003f300")
    first, second, other = (table_packet(0, bytes.fromhex(section)) for section in sections)
    packets = [stream[place : place + 188] for place in range(0, len(stream), 188)]

    def listed(*parts: bytes) -> bytes:
        return b"".join(b"".join(parts) if packet[:3] == b"\x47\x40\x00" else packet for packet in packets)

    upload = listed(first, second)
    assert looked(upload)[0] is not None
    assert seen(upload) == len(upload)
    assert seen(upload + listed(first, other)) < len(upload) + 100_000


def test_what_fills_up_or_is_cut_off_does_no_harm(made: Made) -> None:
    stream = made("ts")
    cut = stream[: len(stream) - 1000]
    filled = stream + NULL * 2000
    # A recorder that lost some packets, and left a few bytes of another.
    begin = len(stream) // 2 // 188 * 188
    odd = stream[:begin] + bytes(100) + stream[begin + 188 * 20 :]
    for upload in (cut, filled, odd):
        assert looked(upload)[0] is not None
        assert seen(upload) == len(upload)


@pytest.mark.parametrize("second", ["ts", "other", "renamed", "ahead"])
@pytest.mark.parametrize("joint", [0.1, 0.3, 0.5, 0.97])
def test_wherever_another_recording_follows_it_is_noticed_before_anybody_is_given_it(
    made: Made, second: str, joint: float
) -> None:
    first = part_of(made("ts"), 0, joint)
    upload = first + part_of(made(second), 0, 1 - joint)
    assert len(first) - 100_000 <= seen(upload) <= len(first) + 100_000


@pytest.mark.parametrize("second", ["ts", "other", "renamed"])
@pytest.mark.parametrize("joint", [0.3, 0.5, 0.8])
def test_most_joints_are_seen_by_a_few_looks(made: Made, second: str, joint: float) -> None:
    assert looked(part_of(made("ts"), 0, joint) + part_of(made(second), 0, 1 - joint))[0] is None


def test_another_recording_is_noticed_in_whatever_pieces_it_comes(made: Made) -> None:
    first = part_of(made("ts"), 0, 0.05)
    upload = first + part_of(made("other"), 0, 0.1)
    assert len(first) - 150 <= seen(upload, 150) <= len(first) + 100_000


def test_a_clock_far_ahead_is_seen_by_a_few_looks(made: Made) -> None:
    assert looked(part_of(made("ts"), 0, 0.55) + part_of(made("late"), 0.55, 1))[0] is None


def test_a_step_back_between_two_looks_is_left_to_whoever_watches(made: Made) -> None:
    stream = made("ts")
    # A second comes twice.
    upload = part_of(stream, 0, 0.6) + part_of(stream, 0.6 - 1 / LENGTH_S, 1)
    assert looked(upload)[0] is not None
    assert seen(upload) < len(upload)


def test_a_programme_that_follows_the_other_is_noticed_though_both_were_announced(made: Made) -> None:
    # A table of two maps, in the streams 0x1000 and 0x1100.
    table = table_packet(0, bytes.fromhex("00b011 0001c10000 0001f000 0002f100"))

    def announced(kind: str) -> bytes:
        stream = np.frombuffer(made(kind), np.uint8).reshape(-1, 188).copy()
        is_table = (stream[:, 1] & 0x1F == 0) & (stream[:, 2] == 0)
        stream[is_table] = np.frombuffer(table, np.uint8)
        return stream.tobytes()

    first = announced("ts")
    assert seen(first) == len(first)
    upload = first + announced("other")
    assert seen(upload) <= len(first) + 100_000
    # Of the first there may be as little as a tuner gives before it is set; a look at the beginning shows that.
    for begun in (part_of(first, 0, 0.01), part_of(first, 0, 0.05)):
        upload = begun + announced("other")
        assert seen(upload) < len(begun) + len(upload) // 8


# A table of the streams 0x100 and 0x101 as ffmpeg makes it, H.264 and MPEG sound; and tracks that a broadcast may have
# for a while: signals for advertisements (SCTE-35), teletext, private data, the description for the blind.
MAP: Final = bytes.fromhex("02b017 0001c10000 e100f000 1be100f000 03e101f000")
TRACKS: Final = {
    "signals": "86e1f4f000",
    "teletext": "06e1f5f0075605656e671000",
    "data": "06e1f6f000",
    "description": "03e1f7f000",
}


def with_map(stream: bytes, begin: float, end: float, section: bytes) -> bytes:
    """The stream, with that map from one share of it to another."""
    packets = np.frombuffer(stream, np.uint8).reshape(-1, 188).copy()
    numbers = np.arange(len(packets)) / len(packets)
    is_map = (packets[:, 1] & 0x1F == 0x10) & (packets[:, 2] == 0) & (numbers >= begin) & (numbers < end)
    packets[is_map] = np.frombuffer(table_packet(0x1000, section), np.uint8)
    return packets.tobytes()


def map_with(*tracks: str) -> bytes:
    body = MAP[3:] + b"".join(bytes.fromhex(track) for track in tracks)
    return b"\x02" + (0xB000 | len(body) + 4).to_bytes(2) + body


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize(("begin", "end"), [(0, 0.4), (0.4, 1), (0.3, 0.6)])
def test_a_track_that_comes_or_goes_makes_no_other_recording(made: Made, track: str, begin: float, end: float) -> None:
    upload = with_map(with_map(made("ts"), 0, 1, MAP), begin, end, map_with(TRACKS[track]))
    assert looked(upload)[0] is not None
    assert seen(upload) == len(upload)


def test_a_track_in_the_place_of_another_may_continue_it(made: Made) -> None:
    stream = made("ts")
    for kind in ("teletext", "description"):
        other = TRACKS[kind].replace("e1f", "e1e")
        upload = with_map(with_map(stream, 0, 0.4, map_with(TRACKS[kind])), 0.4, 1, map_with(other))
        assert seen(upload) < len(upload) / 2
        # Though the first is gone for a while.
        upload = with_map(with_map(stream, 0, 0.3, map_with(TRACKS[kind])), 0.6, 1, map_with(other))
        assert seen(upload) < len(upload) * 0.7


@pytest.mark.parametrize(("pid", "byte"), [(0, 15), (0, 16), (0x1000, 17), (0x1000, 22)])
def test_a_table_with_a_damaged_bit_is_no_other_table(made: Made, pid: int, byte: int) -> None:
    stream = bytearray(made("ts"))
    places = [at for at in range(0, len(stream), 188) if stream[at + 1 : at + 3] == (0x4000 | pid).to_bytes(2)]
    stream[places[len(places) // 2] + byte] ^= 0x10
    assert seen(bytes(stream)) == len(stream)


@pytest.mark.parametrize("table", ["00b00d 0001c00000 0001f100", "02b017 0001c00000 e200f000 1be200f000 03e201f000"])
def test_a_table_that_is_announced_is_not_in_force_yet(made: Made, table: str) -> None:
    stream, section = made("ts"), bytes.fromhex(table)
    half = len(stream) // 2 // 188 * 188
    upload = stream[:half] + table_packet(0 if section[0] == 0 else 0x1000, section) + stream[half:]
    assert looked(upload)[0] is not None
    assert seen(upload) == len(upload)


@pytest.mark.parametrize("share", [0.2, 0.52, 0.999])
@pytest.mark.parametrize("pid", [0x100, 0x101])
def test_a_time_stamp_with_a_damaged_bit_is_no_other_clock(made: Made, pid: int, share: float) -> None:
    stream = bytearray(made("ts"))
    (packets,) = found_in(stream, 0, (188, 0))
    begun = starts(packets)
    own = np.flatnonzero(begun.is_media & (packets.pids[begun.numbers] == pid))
    number = own[int(share * len(own))]
    # That of decoding comes after that of presentation, where there are two.
    column = 14 if begun.heads[number, 7] & 0x40 else 9
    stream[begun.numbers[number] * 188 + begun.columns[number] + column + 1] ^= 0x10
    assert looked(bytes(stream))[0] is not None
    assert seen(bytes(stream)) == len(stream)


def test_what_only_looks_like_packets_costs_little_and_is_given_up(made: Made) -> None:
    stream = made("ts")
    noise = (b"\x47" * 188 + bytes(188)) * (4 * 1024**2 // 376)
    begun = time.process_time()
    # A packet is found behind it.
    assert seen(stream + noise + stream[: 188 * 20]) == len(stream + noise + stream[: 188 * 20])
    assert sum(len(part.rows) for part in found_in(bytearray(noise), 0, (188, 0))) <= 1
    assert time.process_time() - begun < 0.6
    assert len(stream) + 7 * 1024**2 < seen(stream + noise * 3, 1024**2) < len(stream) + 10 * 1024**2


def test_what_is_no_stream_of_one_programme_is_left_alone(made: Made) -> None:
    stream = made("ts")
    packets = np.frombuffer(stream, np.uint8).reshape(-1, 188)
    no_tables = packets[~((packets[:, 1] & 0x1F == 0) & (packets[:, 2] == 0))].tobytes()
    empty_end = part_of(stream, 0, 0.6) + bytes(len(stream) // 4)
    for upload in (NULL * 20_000, no_tables, empty_end, stream[:700], bytes(10**6)):
        assert looked(upload)[0] is None


def test_a_table_that_comes_again_and_again_is_read_once(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []

    def note(table: bytes) -> tuple[int, ...]:
        read.append(table)
        return read_maps(table)

    monkeypatch.setattr(one_recording, "read_maps", note)
    stream = made("ts")
    table = next(stream[at : at + 188] for at in range(0, 10**5, 188) if stream[at : at + 3] == b"\x47\x40\x00")
    assert seen(stream + table * 10_000) > len(stream)
    assert len(read) < 20
    # Not one of those that differ is kept for ever.
    others = b"".join(table[:180] + number.to_bytes(8) for number in range(10_000))
    assert len(stream) < seen(stream + others) < len(stream + others)


def test_looks_ask_for_little(made: Made) -> None:
    upload = made("ts")
    far = upload + part_of(made("ts"), 0, 1)
    _, asked = looked(upload)
    assert len(asked) <= 10
    assert sum(map(len, asked[1:])) <= 9 * 256 * 1024
    assert looked(far)[0] is None


@settings(max_examples=30)
@given(data=st.data())
def test_whatever_is_damaged_ends_well(made: Made, data: st.DataObject) -> None:
    damaged = data.draw(damages(made("ts")))
    looked(damaged)
    if form_of(damaged[:1024]) is not None:
        seen(damaged, 1024**2)
