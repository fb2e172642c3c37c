"""Real containers with something amiss: boxes and elements put in, counts blown up, references to other files."""

from __future__ import annotations

import struct
from collections.abc import Callable


def box(kind: str, body: bytes = b"") -> bytes:
    """A box of ISO/IEC 14496-12."""
    return struct.pack(">I4s", 8 + len(body), kind.encode("latin-1")) + body


def edit(data: bytes, path: str, change: Callable[[bytes], bytes]) -> bytes:
    """Change the body of the first box at ``path`` (``moov/trak/mdia``), and the sizes of those around it.

    The index must stand behind the media, as ffmpeg writes it by default, so that no offset changes.
    """
    kind, _, rest = path.partition("/")
    place = 0
    while place + 8 <= len(data):
        size, found = struct.unpack_from(">I4s", data, place)
        if found == kind.encode():
            body = data[place + 8 : place + size]
            body = edit(body, rest, change) if rest else change(body)
            return data[:place] + box(kind, body) + data[place + size :]
        place += size
    raise LookupError(kind)


def external(name: str) -> bytes:
    """The body of a QuickTime data reference whose one entry is an alias of another file, relative and absolute."""
    path = name.encode()
    entries = struct.pack(">HH", 2, len(path)) + path + b"\0" * (len(path) % 2) + struct.pack(">hH", -1, 0)
    volume = b"\x04disk" + b"\0" * 23
    # A Pascal string of the last part; the whole path stands in the entry.
    last = path.rpartition(b"/")[2][:63]
    file_name = bytes([len(last)]) + last.ljust(63, b"\0")
    alias = b"\0" * 10 + volume + b"\0" * 12 + file_name + b"\0" * 16 + struct.pack(">HH", 1, 1) + b"\0" * 16 + entries
    return struct.pack(">II", 0, 1) + box("alis", struct.pack(">I", 0) + alias)


def nested(depth: int, kind: str = "moov") -> bytes:
    """Boxes within boxes, ``depth`` of them."""
    sizes = range(8 * depth, 0, -8)
    return box("ftyp", b"isom\0\0\2\0isom") + b"".join(struct.pack(">I4s", size, kind.encode()) for size in sizes)


def element(code: str, body: bytes, *, size: int | None = None) -> bytes:
    """An element of EBML (RFC 8794) that claims ``size`` bytes, by default those it has."""
    claimed = len(body) if size is None else size
    return bytes.fromhex(code) + (claimed | 1 << 56).to_bytes(8) + body


def ebml(*children: bytes) -> bytes:
    """A Matroska file (RFC 9559) of these elements below the segment."""
    head = element("1A45DFA3", element("4282", b"matroska") + element("4287", b"\4") + element("4285", b"\2"))
    return head + element("18538067", b"".join(children))
