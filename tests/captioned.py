"""Clips with captions of every kind, made on the spot: text tracks, and CEA-608 inside the picture and beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests import clips

RATE = 30000 / 1001
Pair = tuple[int, int]


def text_tracks(path: Path, tracks: Sequence[tuple[str, str, str]], *, extra: Sequence[str] = ()) -> Path:
    """A clip of six seconds with text tracks: language, codec, and what is said from second 1 to 2.5 and 4 to 5.5."""
    inputs: list[str] = ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=6"]
    inputs += ["-f", "lavfi", "-i", "sine=sample_rate=48000:duration=6"]
    outputs = [
        "-map",
        "0",
        "-map",
        "1",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
    ]
    for number, (language, codec, said) in enumerate(tracks):
        written = path.with_suffix(f".{number}.srt")
        written.write_text(
            f"1\n00:00:01,000 --> 00:00:02,500\n{said}\n\n2\n00:00:04,000 --> 00:00:05,500\n{said} again\n",
            encoding="utf-8",
        )
        inputs += ["-i", str(written)]
        outputs += ["-map", str(number + 2), f"-c:s:{number}", codec]
        outputs += [f"-metadata:s:s:{number}", f"language={language}"]
    return clips.make(path, *inputs, *outputs, *extra)


def pop_on(text: str, *, channel: int = 1) -> list[Pair]:
    """The byte pairs (CEA-608, without parity) that show one line on row 15: they load it, and the last shows it."""
    letters = text.encode("ascii") + b"\0" * (len(text) % 2)
    code = 0x14 if channel == 1 else 0x1C
    load = [(code, 0x20)] * 2 + [(code, 0x2E)] * 2 + [(code, 0x70)] * 2
    return [*load, *zip(letters[::2], letters[1::2], strict=True), (code, 0x2F), (code, 0x2F)]


ERASE: list[Pair] = [(0x14, 0x2C)] * 2


def line_21(
    path: Path,
    said: Mapping[float, str],
    *,
    seconds: int = 6,
    field: int = 1,
    kind: int | None = None,
    second_channel: Mapping[float, str] | None = None,
) -> Path:
    """H.264 at 29.97 fps whose pictures carry CEA-608 pairs; each line is shown at its time (seconds) for 1.5 s.

    ``second_channel`` is said in the same field and never erased. ``kind`` puts other triples of CEA-708 in their
    place, with the same bytes.
    """
    plain = clips.make(
        path.with_suffix(".plain.h264"),
        *("-f", "lavfi", "-i", f"testsrc2=size=160x90:rate=30000/1001:duration={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-x264-params", "aud=1", "-pix_fmt", "yuv420p"),
    )
    delimiter = b"\0\0\0\1\x09"
    units = plain.read_bytes().split(delimiter)[1:]
    pairs: list[Pair] = [(0, 0)] * len(units)
    for time_s, text in said.items():
        load = pop_on(text)
        # Shown with the first of the last two, which are the same.
        at = round(time_s * RATE) - len(load) + 2
        pairs[at : at + len(load)] = load
        end = round((time_s + 1.5) * RATE)
        pairs[end : end + 2] = ERASE
    for time_s, text in (second_channel or {}).items():
        load = pop_on(text, channel=2)
        at = round(time_s * RATE) - len(load) + 2
        pairs[at : at + len(load)] = load
    kinds = (kind, kind) if kind is not None else (0, 1)
    other = (0, 0)
    bare = path.with_suffix(".h264")
    bare.write_bytes(
        b"".join(
            delimiter + unit[:1] + _sei([pair, other] if field == 1 else [other, pair], kinds) + unit[1:]
            for unit, pair in zip(units, pairs, strict=True)
        )
    )
    return clips.make(path, "-r", "30000/1001", "-f", "h264", "-i", str(bare), "-c", "copy")


def _sei(pairs: Sequence[Pair], kinds: tuple[int, int]) -> bytes:
    """ATSC A/53 caption data in an SEI message of H.264: user data registered by ITU-T T.35."""
    triples = b"".join(bytes([0xFC | kind, *map(_odd, pair)]) for kind, pair in zip(kinds, pairs, strict=True))
    data = b"\xb5\x00\x31GA94\x03" + bytes([0x40 | len(pairs), 0xFF]) + triples + b"\xff"
    body, zeros = bytearray(), 0
    for byte in bytes([4, len(data)]) + data + b"\x80":
        if zeros >= 2 and byte <= 3:
            body.append(3)
            zeros = 0
        body.append(byte)
        zeros = 0 if byte else zeros + 1
    return b"\0\0\0\1\x06" + bytes(body)


def _odd(byte: int) -> int:
    return byte if byte.bit_count() % 2 else byte | 0x80
