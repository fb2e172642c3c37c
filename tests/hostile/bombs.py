"""Small files that claim, or unfold into, far more than they are."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests import clips
from tests.hostile.containers import box, ebml, edit, element, nested

_TINY: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-threads", "1")


def _lavfi(path: Path, source: str, *arguments: str) -> bytes:
    return clips.make(path, "-f", "lavfi", "-i", source, *arguments).read_bytes()


def _film(path: Path) -> bytes:
    return _lavfi(path / "film.mp4", "testsrc2=size=64x64:rate=25:duration=1", *_TINY)


def _in_table(kind: str, change: Callable[[bytes], bytes]) -> Callable[[Path], bytes]:
    return lambda path: edit(_film(path), f"moov/trak/mdia/minf/stbl/{kind}", change)


def _huge_picture(path: Path) -> bytes:
    """A QuickTime film of one PNG: 16384×8640 black pixels in 0.5 MB."""
    width, height = 16384, 8640
    rows = zlib.compress(bytes(width * height // 8 + height), 9)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    picture = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    small = _lavfi(path / "png.mov", "color=size=64x64:rate=25", "-frames:v", "1", "-c:v", "png")
    place = len(small) - len(box("moov", _body(small, "moov")))
    media = small[: small.index(b"mdat") - 4] + box("mdat", picture)
    start = len(media) - len(picture)
    index = small[place:]
    for table, changed in (
        ("stsz", struct.pack(">III", 0, len(picture), 1)),
        ("stco", struct.pack(">III", 0, 1, start)),
    ):
        index = edit(index, f"moov/trak/mdia/minf/stbl/{table}", lambda _, body=changed: body)
    size = struct.pack(">HH", width, height)
    return media + edit(
        index, "moov/trak/mdia/minf/stbl/stsd", lambda body: body[: 8 + 8 + 24] + size + body[8 + 8 + 28 :]
    )


def _body(data: bytes, kind: str) -> bytes:
    found: list[bytes] = []
    edit(data, kind, lambda body: found.append(body) or body)
    return found[0]


def _many_streams(path: Path) -> bytes:
    one = path / "one.mkv"
    _lavfi(one, "color=size=16x16:rate=1:duration=1", "-c:v", "ffv1")
    maps = [word for _ in range(500) for word in ("-map", "0:v")]
    return clips.make(path / "many.mkv", "-i", str(one), *maps, "-c", "copy").read_bytes()


def _without_duration(path: Path) -> bytes:
    """Matroska as it is sent live: pictures over 55 hours, and no word of how long."""
    live = ("-live", "1", *_TINY, "-g", "1")
    return _lavfi(path / "live.mkv", "color=size=16x16:rate=1/1000:duration=198000", *live)


def _apart(path: Path) -> bytes:
    """Matroska that claims to last a second, of 25 pictures a second, and has one every 55 hours."""
    apart = ("-vf", "setpts=N*198000/TB", "-fps_mode", "passthrough", "-frames:v", "3")
    data = _lavfi(path / "apart.mkv", "color=size=16x16:rate=25", *apart, "-c:v", "ffv1")
    return _lasting(data, 1000.0)


def _tags(depth: int) -> bytes:
    inside = b""
    for _ in range(depth):
        inside = element("67C8", inside)
    return inside


def _told_to_last(milliseconds: float) -> Callable[[Path], bytes]:
    def make(path: Path) -> bytes:
        return _lasting(_lavfi(path / "m.mkv", "testsrc2=size=64x64:rate=25:duration=1", *_TINY), milliseconds)

    return make


def _lasting(data: bytes, milliseconds: float) -> bytes:
    place = data.index(bytes.fromhex("448988"))
    return data[: place + 3] + struct.pack(">d", milliseconds) + data[place + 11 :]


def _clusters_in_clusters(_: Path) -> bytes:
    unknown = (1 << 56) - 1
    return ebml(b"".join(element("1F43B675", b"", size=unknown) for _ in range(100_000)))


BOMBS: Final[Mapping[str, Callable[[Path], bytes]]] = {
    "16384x8640 pixels": _huge_picture,
    "a header of 65535x65535 pixels": lambda _: b"YUV4MPEG2 W65535 H65535 F25:1 Ip A1:1 C420jpeg\nFRAME\n",
    "55 hours": lambda path: _lavfi(
        path / "long.mp4", "color=size=16x16:rate=1/100:duration=198000", *_TINY, "-g", "1000"
    ),
    "55 hours without a word of it": _without_duration,
    "pictures 55 hours apart in one second": _apart,
    "100,000 frames a second": lambda path: _lavfi(
        path / "fast.mp4", "color=size=16x16:rate=100000:duration=0.05", *_TINY, "-g", "100000"
    ),
    "500 streams": _many_streams,
    "boxes 10,000 deep": lambda _: nested(10_000),
    "boxes 200,000 deep": lambda _: nested(200_000),
    "metadata boxes 50,000 deep": lambda _: nested(50_000, "udta"),
    "four billion sample sizes": _in_table("stsz", lambda body: body[:8] + b"\xff" * 4 + body[12:]),
    "two billion samples of one byte": _in_table("stsz", lambda _: struct.pack(">III", 0, 1, 0x7FFFFFFF)),
    "two billion samples, timed": lambda path: edit(
        _in_table("stsz", lambda _: struct.pack(">III", 0, 1, 0x7FFFFFFF))(path),
        "moov/trak/mdia/minf/stbl/stts",
        lambda _: struct.pack(">IIII", 0, 1, 0x7FFFFFFF, 1),
    ),
    "a billion samples in a chunk": lambda path: edit(
        _in_table("stsz", lambda _: struct.pack(">III", 0, 1, 0x40000000))(path),
        "moov/trak/mdia/minf/stbl/stsc",
        lambda _: struct.pack(">IIIII", 0, 1, 1, 0x40000000, 1),
    ),
    "four billion times": _in_table("stts", lambda body: body[:4] + b"\xff" * 4 + body[8:]),
    "samples that last for ever": _in_table("stts", lambda _: struct.pack(">IIII", 0, 1, 25, 0x7FFFFFFF)),
    "a compressed index of 4 GB": lambda _: (
        box("ftyp", b"qt  \0\0\2\0qt  ")
        + box(
            "moov",
            box("cmov", box("dcom", b"zlib") + box("cmvd", b"\xff\xff\xff\xf0" + zlib.compress(bytes(1 << 20)))),
        )
    ),
    "a decoder's configuration of 2 GB": lambda path: _film(path).replace(
        struct.pack(">I", 8 + len(_avcc(path))) + b"avcC", b"\x7f\xff\xff\xff" + b"avcC"
    ),
    "no pictures": _in_table("stsz", lambda _: struct.pack(">III", 0, 0, 0)),
    "no clip at all behind the head": lambda _: box("ftyp", b"isom\0\0\2\0isom") + box("moov") + box("mdat"),
    "elements larger than any disk": lambda _: ebml(element("1654AE6B", b"\0" * 64, size=(1 << 56) - 2)),
    "clusters in clusters": _clusters_in_clusters,
    "tags 20,000 deep": lambda _: ebml(element("1254C367", element("7373", _tags(3000)))),
    "a duration that is no number": _told_to_last(float("nan")),
    "an infinite duration": _told_to_last(float("inf")),
    "a negative duration": _told_to_last(-1e12),
}
"""How to make each, in a folder of its own."""


def _avcc(path: Path) -> bytes:
    data = _film(path)
    place = data.index(b"avcC")
    (size,) = struct.unpack_from(">I", data, place - 4)
    return data[place + 4 : place - 4 + size]
