"""A transport stream with teletext subtitles, put together by hand since no encoder makes them.

Teletext as in ETS 300 706, in DVB as in ETSI EN 300 472 (the transport packets) and EN 300 468 (the descriptor).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tests import clips

_HAMMING = bytes.fromhex("1502495e6473382fd0c78c9ba1b6fdea")
_PICTURE, _MAP, _TEXT = 0x100, 0x1000, 0x200
_CLOCK = 90_000


Pages = Mapping[int, tuple[str, Mapping[float, str]]]


def teletext(path: Path, said: Mapping[float, str], *, offset_s: float = 0, more: Pages = MappingProxyType({})) -> Path:
    """A clip of six seconds with subtitles in French on page 888, each shown at its time (seconds) for 1.5 s.

    ``more`` are further pages of magazine 8, by their number in it: language, and what is said.
    """
    described = {0x88: ("fre", said), **more}
    plain = clips.make(
        path.with_suffix(".plain.ts"),
        *("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=6", "-f", "lavfi", "-i", "sine=duration=6"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "mp2"),
        # No delay of the multiplexer: ffmpeg believes teletext times only close to the programme clock.
        *("-muxdelay", "0", "-muxpreload", "0", "-output_ts_offset", str(offset_s)),
    ).read_bytes()
    packets = [plain[start : start + 188] for start in range(0, len(plain), 188)]
    first = next(time for packet in packets if (time := _time(packet)) is not None)
    pages = sorted(
        shown
        for page, (_, texts) in described.items()
        for at, text in texts.items()
        for shown in ((at, page, text), (at + 1.5, page, ""))
    )
    waiting = [(first + round(at * _CLOCK), page, text) for at, page, text in pages]
    made, count = [], 0
    for packet in packets:
        time = _time(packet)
        while waiting and time is not None and time >= waiting[0][0]:
            shown, page, text = waiting.pop(0)
            made.append(_packet(_TEXT, count, _pes(shown, page, text)))
            count += 1
        made.append(_named(packet, described) if _pid(packet) == _MAP else packet)
    path.write_bytes(b"".join(made))
    return path


def _pid(packet: bytes) -> int:
    return int.from_bytes(packet[1:3]) & 0x1FFF


def _time(packet: bytes) -> int | None:
    """The presentation time of a picture that begins in this packet."""
    if _pid(packet) != _PICTURE or not packet[1] & 0x40:
        return None
    start = 5 + packet[4] if packet[3] & 0x20 else 4
    clock = packet[start + 9 : start + 14]
    return (clock[0] >> 1 & 7) << 30 | (int.from_bytes(clock[1:3]) >> 1) << 15 | int.from_bytes(clock[3:5]) >> 1


def _packet(pid: int, count: int, payload: bytes, *, begins: bool = True) -> bytes:
    head = bytes([0x47, (0x40 if begins else 0) | pid >> 8, pid & 0xFF, 0x10 | count & 15])
    return head + payload + b"\xff" * (184 - len(payload))


def _named(packet: bytes, described: Pages) -> bytes:
    """The programme map with one stream more."""
    section = packet[5:]
    body = section[: 3 + (int.from_bytes(section[1:3]) & 0xFFF) - 4]
    entries = b"".join(language.encode() + bytes([0x10, page]) for page, (language, _) in described.items())
    descriptor = bytes([0x56, len(entries)]) + entries
    body += bytes([6, 0xE0 | _TEXT >> 8, _TEXT & 0xFF, 0xF0, len(descriptor)]) + descriptor
    body = body[:1] + (0xB000 | len(body) - 3 + 4).to_bytes(2) + body[3:]
    return _packet(_MAP, packet[3] & 15, b"\0" + body + _crc(body).to_bytes(4))


def _crc(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & 0xFFFFFFFF
    return value


def _pes(time: int, page: int, text: str) -> bytes:
    """A page, and the header of the next one, which ends it."""
    rows = [_header(page), _row(22, b"\x0b\x0b" + text.encode("ascii") + b"\x0a\x0a") if text else _header(0xFF)]
    units = b"".join(b"\x03\x2c" + bytes([0xF5, 0xE4]) + bytes(map(_reversed, row)) for row in [*rows, _header(0xFF)])
    clock = [0x21 | time >> 29 & 0xE, time >> 22 & 0xFF, 1 | time >> 14 & 0xFE, time >> 7 & 0xFF, 1 | time << 1 & 0xFE]
    head = b"\0\0\1\xbd" + (184 - 6).to_bytes(2) + b"\x84\x80\x24" + bytes(clock) + b"\xff" * 31
    return head + b"\x10" + units


def _header(page: int) -> bytes:
    # C4 erases the page, C6 marks a subtitle, C7 keeps the header from being shown.
    numbers = [0, 0, page & 15, page >> 4, 0, 8, 0, 8, 1, 0]
    return bytes(_HAMMING[each] for each in numbers) + bytes(map(_odd, b" " * 32))


def _row(number: int, text: bytes) -> bytes:
    return bytes([_HAMMING[(number & 1) << 3], _HAMMING[number >> 1]]) + bytes(map(_odd, text.ljust(40)))


def _odd(byte: int) -> int:
    return byte if byte.bit_count() % 2 else byte | 0x80


def _reversed(byte: int) -> int:
    return int(f"{byte:08b}"[::-1], 2)
