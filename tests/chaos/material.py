"""What is uploaded: short clips of one colour each, told apart by their pictures and their bytes, and articles."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests import clips
from tests.chaos.plan import ArticleUpload, ClipUpload

COLOURS: Final = tuple(
    (red, green, blue) for red in (32, 128, 224) for green in (32, 128, 224) for blue in (32, 128, 224)
)
"""Far enough from each other that no encoder mixes two of them up."""
LENGTHS_S: Final = (1.0, 1.4, 2.0)

LADDER: Final = """\
# As little encoding as still goes every way that a clip goes.
segment_s = 1.0
gop_s = 1.0
preset = "ultrafast"
max_frame_rate = 25.0

[audio]
bitrate_bps = 64_000
sample_rate = 48_000

[mp4]
max_height = 144

[poster]
widths = [160]

[storyboard]
interval_s = 1.0
max_tiles = 4
tile_width = 64
columns = 2
rows = 2

[[rungs]]
height = 144
crf = 28
max_bitrate_bps = 200_000
"""
_SENTENCE: Final = "Đoạn thứ {number} của bài {article} kể về chuyến đi mà máy quay số {number} đã ghi lại hôm ấy."


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """What was uploaded last under a clip's name, as the store and the record tell of it."""

    name: str
    number: int
    colour: int
    etag: str
    size_bytes: int
    sha256: str


class BaseClips:
    """The base clips, made once in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def body(self, upload: ClipUpload) -> bytes:
        """The bytes of that upload: its base clip, and a ``free`` box (ISO/IEC 14496-12, 8.1.2) that no other has."""
        mark = f"{upload.name} {upload.number}".encode()
        base = self._base(upload.colour, LENGTHS_S[upload.length]).read_bytes()
        return base + (8 + len(mark)).to_bytes(4, "big") + b"free" + mark

    def _base(self, colour: int, length_s: float) -> Path:
        path = self._folder / f"{colour}-{length_s:g}.mp4"
        if not path.exists():
            red, green, blue = COLOURS[colour]
            clips.make(
                path,
                *("-f", "lavfi", "-i", f"color=c=0x{red:02x}{green:02x}{blue:02x}:size=256x144:rate=25:d={length_s}"),
                *("-f", "lavfi", "-i", f"sine=frequency={300 + 20 * colour}:sample_rate=48000:duration={length_s}"),
                *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
            )
        return path


def uploaded(upload: ClipUpload, body: bytes) -> Uploaded:
    """What the store and the record will say of that upload; a single PUT's ETag is its MD5."""
    return Uploaded(
        name=upload.name,
        number=upload.number,
        colour=upload.colour,
        etag=hashlib.md5(body, usedforsecurity=False).hexdigest(),
        size_bytes=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
    )


def article_text(upload: ArticleUpload) -> bytes:
    """The article, a paragraph and a ``Video:`` line for each of its clips."""
    title = f"Bài {upload.article_id}"
    body = (
        f"{_SENTENCE.format(number=name.partition('CHAOS')[2], article=upload.article_id)}\n\nVideo: {name}.mp4"
        for name in upload.clips
    )
    return "\n\n".join((title, "Thứ 5, 03.12.2020 | 18:00:30", *body, "")).encode()


def colours_of(pictures: Sequence[Path]) -> list[int | None]:
    """Which of `COLOURS` each poster or clip shows, by its first picture; None for one that can't be decoded."""
    command = [str(clips.FFMPEG), "-nostdin", "-loglevel", "error", "-y"]
    for picture in pictures:
        command += ["-i", str(picture)]
    outputs = [picture.with_name(f"{picture.name}.rgb") for picture in pictures]
    for number, output in enumerate(outputs):
        command += ["-map", f"{number}:v:0", "-frames:v", "1", "-vf", "scale=1:1:flags=area"]
        command += ["-f", "rawvideo", "-pix_fmt", "rgb24", str(output)]
    done = subprocess.run(command, check=False, capture_output=True, timeout=120)
    if done.returncode != 0 and len(pictures) > 1:
        # One that is damaged takes all others along: each by itself.
        return [colour for picture in pictures for colour in colours_of([picture])]
    seen = [output.read_bytes() if output.exists() else b"" for output in outputs]
    return [nearest(each[:3]) if len(each) >= 3 else None for each in seen]


def nearest(seen: Iterable[int]) -> int:
    """The index of the colour that is nearest to this one."""
    pixel = tuple(seen)
    return min(
        range(len(COLOURS)), key=lambda each: sum((a - b) ** 2 for a, b in zip(COLOURS[each], pixel, strict=True))
    )
