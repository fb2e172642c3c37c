"""A film joined of others without coding them anew, as QuickTime does it: its index describes the coding of each."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests import clips
from tests.media.fronts.test_mp4 import box, words

_TICKS: Final = 512
_BLOCK: Final = 1024
_UPRIGHT: Final = words(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def joined(path: Path, parts: Sequence[Path], *, size: tuple[int, int]) -> Path:
    """Such a film of 25 pictures a second; the parts are MP4 with one track, whose pictures lie in their own order."""
    return _joined(path, parts, "vide", box("vmhd", words(1, 0, 0)), ticks=_TICKS, ticks_per_s=25 * _TICKS, size=size)


def joined_sound(path: Path, parts: Sequence[Path]) -> Path:
    """Such sound of 48,000 samples a second, in AAC; the parts are MP4 with one track."""
    return _joined(path, parts, "soun", box("smhd", words(0, 0)), ticks=_BLOCK, ticks_per_s=48000, size=(0, 0))


def _joined(
    path: Path, parts: Sequence[Path], handler: str, head: bytes, *, ticks: int, ticks_per_s: int, size: tuple[int, int]
) -> Path:
    films = [(part.read_bytes(), _packets(part)) for part in parts]
    samples = [
        (number, film[at : at + length], key)
        for number, (film, all_of) in enumerate(films, 1)
        for at, length, key in all_of
    ]
    lengths = [len(sample) for _, sample, _ in samples]
    kind = box("ftyp", b"isom", words(512), b"isomavc1")
    places = [len(kind) + 8 + sum(lengths[:number]) for number in range(len(samples))]
    firsts = [number for number in range(len(samples)) if number == 0 or samples[number][0] != samples[number - 1][0]]
    keys = [number for number, (_, _, is_key) in enumerate(samples, 1) if is_key]
    tables = box(
        "stbl",
        box("stsd", words(0, len(films)), *(_description(film) for film, _ in films)),
        box("stts", words(0, 1, len(samples), ticks)),
        box("stss", words(0, len(keys), *keys)),
        box("stsc", words(0, len(firsts)), *(words(first + 1, 1, samples[first][0]) for first in firsts)),
        box("stsz", words(0, 0, len(samples), *lengths)),
        box("stco", words(0, len(samples), *places)),
    )
    length = len(samples) * ticks
    media = box(
        "mdia",
        box("mdhd", words(0, 0, 0, ticks_per_s, length, 0x55C40000)),
        box("hdlr", words(0, 0), handler.encode(), bytes(13)),
        box("minf", head, box("dinf", box("dref", words(0, 1), box("url ", words(1)))), tables),
    )
    shown = words(*(pixels << 16 for pixels in size))
    track = box("trak", box("tkhd", words(3, 0, 0, 1, 0, length, 0, 0, 0, 0), _UPRIGHT, shown), media)
    times = box("mvhd", words(0, 0, 0, ticks_per_s, length, 0x10000, 0x01000000, 0, 0), _UPRIGHT, bytes(24), words(2))
    path.write_bytes(kind + box("mdat", *(sample for _, sample, _ in samples)) + box("moov", times, track))
    return path


def _packets(path: Path) -> list[tuple[int, int, bool]]:
    """Of each sample where it lies, how long it is, and whether it is a key frame."""
    command = [str(clips.FFPROBE), "-v", "error", "-show_packets", "-of", "json", str(path)]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)["packets"]
    return [(int(each["pos"]), int(each["size"]), "K" in each["flags"]) for each in told]


def _description(film: bytes) -> bytes:
    """The one sample entry of a film's one track."""
    at = film.rindex(b"stsd") + 12
    return film[at : at + struct.unpack_from(">I", film, at)[0]]
