"""Encrypted files are known by what they say of themselves, and files that merely look alike are not."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Final

import pytest

from tasks.media import protection
from tasks.media.mp4.sample_tables import only
from tests import clips
from tests.hostile.containers import box, edit

SOURCE: Final = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=2")
TONE: Final = ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=2")
KEYS: Final = (
    *("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb"),
    *("-encryption_kid", "a7e61c373e219033c21091fa607bf3b8"),
)


def element(code: str, body: bytes) -> bytes:
    """A short element of EBML, as muxers write it: its size takes one byte."""
    return bytes.fromhex(code) + bytes([0x80 | len(body)]) + body


NAME: Final = "a name as long as what tells of encryption"
ENCRYPTION: Final = element("6240", element("5033", b"\1") + element("5035", element("47E1", b"\5")))
SIGNATURE: Final = element("6240", element("5033", b"\1") + element("5035", element("47E3", b"\0")))
COMPRESSION: Final = element("6240", element("5033", b"\0") + element("5034", element("4254", b"\3")))


def encoded(film: bytes, encoding: bytes) -> bytes:
    """A Matroska file that says this of the track with that name, in its place."""
    name = element("536E", NAME.encode())
    assert name in film
    room = len(name) - len(element("6D80", encoding + element("EC", b"")))
    return film.replace(name, element("6D80", encoding + element("EC", bytes(room))))


def index_of(path: Path) -> bytes:
    return bytes(only(memoryview(path.read_bytes()), "moov"))


def scrambled(stream: bytes) -> bytes:
    """A transport stream whose sound and pictures are noise, as whoever has no key receives it."""
    rows, noise = bytearray(stream), random.Random(1)
    for place in range(0, len(rows), 188):
        pid = int.from_bytes(rows[place + 1 : place + 3]) & 0x1FFF
        if not 0x100 <= pid < 0x1FFF:
            continue
        begin = place + 4 + (1 + rows[place + 4] if rows[place + 3] & 0x20 else 0)
        rows[place + 3] |= 0x80
        rows[begin : place + 188] = noise.randbytes(place + 188 - begin)
    return bytes(rows)


def test_a_film_tells_it_in_its_sample_entries(tmp_path: Path) -> None:
    clear = clips.make(tmp_path / "clear.mp4", *SOURCE, *TONE, "-c:v", "libx264", "-c:a", "aac")
    closed = clips.make(tmp_path / "closed.mp4", *SOURCE, *TONE, "-c:v", "libx264", "-c:a", "aac", *KEYS)
    assert not protection.is_film_protected(memoryview(index_of(clear)))
    index = index_of(closed)
    assert protection.is_film_protected(memoryview(index))
    # Whoever packages for several services may mark tracks that no sample of is encrypted as a rule.
    at = index.index(b"tenc")
    unlocked = index.replace(index[at : at + 11], index[at : at + 10] + b"\0")
    assert not protection.is_film_protected(memoryview(unlocked))
    # But groups of samples may be.
    grouped = edit(unlocked, "trak/mdia/minf/stbl", lambda tables: tables + box("sgpd", bytes(4) + b"seig"))
    assert protection.is_film_protected(memoryview(grouped))
    # And letters in the encoder's name are no box.
    named = edit(index, "trak/mdia/minf/stbl/stsd", lambda body: body[:60] + b"tenc" + bytes(12) + body[76:])
    assert protection.is_film_protected(memoryview(named))


def test_one_odd_track_hides_no_other(tmp_path: Path) -> None:
    closed = clips.make(tmp_path / "closed.mp4", *SOURCE, "-c:v", "libx264", *KEYS)
    assert protection.is_film_protected(memoryview(box("trak", box("tkhd")) + index_of(closed)))


@pytest.mark.parametrize(
    ("entry", "expected"), [("drmi", True), ("drms", True), ("encv", True), ("avc1", False), ("text", False)]
)
def test_older_schemes_are_known_by_the_entry_alone(entry: str, expected: bool) -> None:
    tables = box("stbl", box("stsd", struct.pack(">II", 0, 1) + box(entry, bytes(78))))
    movie = box("trak", box("mdia", box("minf", tables)))
    assert protection.is_film_protected(memoryview(movie)) is expected


@pytest.mark.parametrize("damaged", [b"", b"\0" * 7, box("trak", b"\xff" * 40), box("trak", box("mdia", b""))])
def test_an_index_that_can_not_be_read_tells_nothing(damaged: bytes) -> None:
    assert not protection.is_film_protected(memoryview(damaged))


def test_matroska_tells_it_of_each_track(tmp_path: Path) -> None:
    named = ("-metadata:s:a", f"title={NAME}")
    clear = clips.make(tmp_path / "a.mkv", *SOURCE, *TONE, "-c:v", "libx264", "-c:a", "aac", *named).read_bytes()
    assert not protection.is_protected(clear)
    assert not protection.is_protected(encoded(clear, COMPRESSION))
    assert not protection.is_protected(encoded(clear, SIGNATURE))
    assert not protection.is_protected(encoded(clear, ENCRYPTION.replace(b"\x50\x33\x81\1", b"\x50\x33\x81\0")))
    assert protection.is_protected(encoded(clear, ENCRYPTION))
    cut = encoded(clear, ENCRYPTION)[: clear.index(NAME.encode())]
    assert not protection.is_protected(cut)


def test_windows_media_tells_it_in_its_header(tmp_path: Path) -> None:
    clear = clips.make(tmp_path / "a.wmv", *SOURCE, "-c:v", "wmv2").read_bytes()
    assert not protection.is_protected(clear)
    size = struct.unpack_from("<Q", clear, 16)[0]
    told = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e") + struct.pack("<Q", 24)
    closed = clear[:16] + struct.pack("<Q", size + len(told)) + clear[24:size] + told + clear[size:]
    assert protection.is_protected(closed)
    # Elsewhere it is chance.
    assert not protection.is_protected(clear + told)
    assert not protection.is_protected(clear[:20])


def test_a_transport_stream_tells_it_of_each_packet(tmp_path: Path) -> None:
    clear = clips.make(tmp_path / "a.ts", *SOURCE, *TONE, "-c:v", "libx264", "-c:a", "aac").read_bytes()
    assert not protection.is_scrambled(clear)
    assert protection.is_scrambled(scrambled(clear))
    assert not protection.is_scrambled(b"G" * 100)
