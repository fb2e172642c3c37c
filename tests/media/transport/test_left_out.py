"""Pictures that nobody sees and sound that nobody hears are told from what is numbered like them, in bounded time."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tasks.adapters import mending
from tasks.media.partial import as_of_whole, read_listing
from tasks.media.transport import left_out
from tasks.media.transport.packets import CLOCK, Packets
from tests import clips

SHOWN, OTHER = 0x100, 0x200
VC1, AC3 = b"\x01\x81\x55", b"\x01\x81\x71"
# Private data and a counter before the further number.
VC1_LATER = b"\xa1" + bytes(18) + b"\x81\x55"


def begun(pid: int, time_s: float, *, stream_id: int = 0xE0, extension: bytes = b"", media: bytes = b"") -> bytes:
    """A packet in which such media of that time begin, with a presentation and a decoding time."""
    ticks = int(time_s * CLOCK)
    stamp = bytes([0x31 | ticks >> 29 & 0x0E, ticks >> 22 & 0xFF, ticks >> 14 & 0xFE | 1, ticks >> 7 & 0xFF])
    stamp += bytes([ticks << 1 & 0xFE | 1])
    head = bytes([0, 0, 1, stream_id, 0, 0, 0x80, 0xC0 | bool(extension), 10 + len(extension)])
    packet = bytes([0x47, 0x40 | pid >> 8, pid & 0xFF, 0x10]) + head + stamp + stamp + extension + media
    return packet.ljust(188, b"\xff")


def packets(*made: bytes) -> Packets:
    return Packets(place=0, stride=188, rows=np.frombuffer(bytearray(b"".join(made)), np.uint8).reshape(-1, 188))


def unseen_s(shown: int, *made: bytes) -> float:
    pictures = left_out.pictures()
    pictures.add(packets(*made))
    return pictures.missed_s({shown})


def steady(
    pid: int, first_s: float, *, stream_id: int = 0xE0, extension: bytes = b"", media: bytes = b""
) -> list[bytes]:
    """Five seconds of it, four times a second."""
    times_s = [first_s + number / 4 for number in range(21)]
    return [begun(pid, time_s, stream_id=stream_id, extension=extension, media=media) for time_s in times_s]


@pytest.mark.parametrize(
    ("stream_id", "extension", "expected_s"),
    [(0xE0, b"", 5), (0xFD, VC1, 5), (0xFD, VC1_LATER, 5), (0xFD, AC3, 0), (0xFD, b"", 0), (0xC0, b"", 0)],
)
def test_what_follows_the_shown_pictures_counts_if_it_is_pictures(
    stream_id: int, extension: bytes, expected_s: float
) -> None:
    behind = steady(OTHER, 5, stream_id=stream_id, extension=extension)
    assert unseen_s(SHOWN, *steady(SHOWN, 0), *behind) == pytest.approx(expected_s)


@pytest.mark.parametrize(
    ("stream_id", "extension", "media", "expected_s"),
    [
        pytest.param(0xC0, b"", b"", 5, id="MPEG sound"),
        pytest.param(0xBD, b"", b"\x0b\x77", 5, id="AC-3"),
        pytest.param(0xFD, AC3, b"\x0b\x77", 5, id="AC-3 of Blu-ray"),
        pytest.param(0xBD, b"", b"\x7f\xfe\x80\x01", 5, id="DTS"),
        pytest.param(0xBD, b"", b"\x7f\xe1\x00", 5, id="Opus"),
        pytest.param(0xBD, b"", b"\x10\x03\x2c", 0, id="teletext"),
        pytest.param(0xBD, b"", b"\x20\x00\x0f", 0, id="subtitles"),
        pytest.param(0xE0, b"", b"\x0b\x77", 0, id="pictures"),
    ],
)
def test_what_follows_the_heard_sound_counts_if_it_is_sound(
    stream_id: int, extension: bytes, media: bytes, expected_s: float
) -> None:
    watcher = left_out.sound()
    behind = steady(OTHER, 5, stream_id=stream_id, extension=extension, media=media)
    watcher.add(packets(*steady(SHOWN, 0, stream_id=0xC0), *behind))
    assert watcher.missed_s({SHOWN, 0x300}) == pytest.approx(expected_s)


def heard(pid: int, first_s: float) -> list[bytes]:
    return steady(pid, first_s, stream_id=0xC0)


def together(*streams: list[bytes]) -> list[bytes]:
    return [packet for packets in zip(*streams, strict=True) for packet in packets]


def test_of_several_languages_of_one_advert_the_time_counts_once() -> None:
    watcher = left_out.sound()
    watcher.add(packets(*heard(SHOWN, 0), *together(heard(OTHER, 5), heard(0x201, 5)), *heard(SHOWN, 10)))
    assert watcher.missed_s({SHOWN}) == pytest.approx(5, abs=0.3)


def lasting(pid: int, first_s: float, length_s: float) -> list[bytes]:
    return [begun(pid, first_s + number / 4, stream_id=0xC0) for number in range(int(4 * length_s) + 1)]


FIRST, SECOND = lasting(0x202, 5, 15), lasting(0x203, 20, 15)


@pytest.mark.parametrize(
    ("adverts", "expected_s"),
    [
        ([*lasting(0x202, 5, 7), *lasting(0x201, 12, 4)], 11),
        # Two languages of one, then another one.
        ([*together(lasting(0x202, 5, 4), lasting(0x201, 5, 4)), *lasting(0x203, 9, 7)], 11),
        # The next one's sound begins before the last of this one's.
        ([*FIRST[:-1], SECOND[0], FIRST[-1], *SECOND[1:]], 30),
        # The first again, after a while and soon.
        ([*lasting(0x202, 5, 4), *lasting(0x203, 9, 12), *lasting(0x202, 21, 4)], 20),
        ([*lasting(0x202, 5, 4), *lasting(0x203, 9, 3), *lasting(0x202, 12, 4)], 11),
    ],
)
def test_of_several_adverts_one_after_the_other_each_counts(adverts: list[bytes], expected_s: float) -> None:
    watcher = left_out.sound()
    watcher.add(packets(*heard(SHOWN, 0), *adverts, *heard(SHOWN, 40)))
    assert watcher.missed_s({SHOWN}) == pytest.approx(expected_s, abs=0.5)


def test_another_language_that_is_published_is_not_missed() -> None:
    watcher = left_out.sound()
    watcher.add(packets(*heard(SHOWN, 0), *heard(OTHER, 5)))
    assert watcher.missed_s({SHOWN}, others={OTHER}) == 0


def test_a_track_of_the_same_programme_is_missed_where_it_alone_goes_on() -> None:
    watcher = left_out.sound()
    beside = [together(heard(SHOWN, at_s), heard(OTHER, at_s)) for at_s in (0, 10, 15)]
    watcher.add(packets(*beside[0], *heard(OTHER, 5), *beside[1], *beside[2]))
    assert watcher.missed_s({SHOWN}, own={SHOWN, OTHER}) == pytest.approx(5.25, abs=0.3)
    assert watcher.missed_s({SHOWN}) == 0, "a programme that runs beside it"


def test_of_too_much_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_out, "_MOST", 30)
    watcher = left_out.sound()
    for part in (heard(SHOWN, 0), heard(OTHER, 5), heard(OTHER, 10)):
        watcher.add(packets(*part))
    assert watcher.missed_s({SHOWN}) == 0


def test_a_head_that_claims_to_be_longer_than_its_packet_tells_nothing() -> None:
    watcher = left_out.sound()
    for time_s in (0, 1, 2, 3):
        packet = begun(OTHER, time_s, stream_id=0xBD)
        watcher.add(packets(packet[:12] + b"\xff" + packet[13:-2] + b"\x0b\x77"))
    assert watcher.missed_s(set()) == 0


def test_nothing_is_told_where_the_shown_stream_never_comes() -> None:
    assert unseen_s(0x333, *steady(SHOWN, 0)) == 0


def test_pictures_of_every_number_are_counted_in_bounded_time() -> None:
    each = [begun(pid, number) for number, pid in enumerate([SHOWN] * 5 + list(range(0x20, 0x1FF0)))]
    pictures = left_out.pictures()
    many = packets(*each * 4)
    for _ in range(40):
        pictures.add(many)
    started = time.monotonic()
    assert pictures.missed_s({SHOWN}) >= 0
    assert time.monotonic() - started < 4


@pytest.mark.parametrize("has_picture", [True, False])
def test_ac3_of_blu_ray_is_no_picture(tmp_path: Path, has_picture: bool) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=2")
    sound = ("-f", "lavfi", "-i", "sine=duration=8", "-c:v", "libx264", "-c:a", "ac3")
    muxed = ("-mpegts_m2ts_mode", "1", "-f", "mpegts")
    path = clips.make(tmp_path / "a.m2ts", *(picture if has_picture else ()), *sound, *muxed)
    pictures = left_out.pictures()
    assert mending.watch(path, pictures)
    assert pictures.missed_s({0x1011} if has_picture else set()) == 0


def test_a_stream_keeps_its_number_where_another_cannot_be_opened() -> None:
    listing = read_listing(
        "Input #0, mpegts, from 'source':\n"
        "  Duration: 00:00:10.00, start: 1.400000, bitrate: 283 kb/s\n"
        "  Stream #0:0[0x1100]: Audio: dts, 48000 Hz\n"
        "  Stream #0:1[0x1011](und): Video: h264 (High), yuv420p\n"
        "Could not open codec for input stream 0\n"
    )
    assert listing is not None
    answer = as_of_whole({"streams": [{"index": 0, "id": "0x100", "codec_type": "video"}]}, listing, [0])
    assert answer["streams"] == [
        {"index": 1, "id": "0x1011", "codec_type": "video", "disposition": {}},
        {"index": 0, "codec_type": "audio"},
    ]
