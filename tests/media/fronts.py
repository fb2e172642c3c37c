"""What reading from front to back comes to: an upload as it is laid, and what ffmpeg finds in it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

from tasks.media.front_index import FrontIndex
from tasks.media.fronts import look
from tests import clips


def looked_at(size_bytes: int, answer: Callable[[range], bytes]) -> tuple[FrontIndex | None, list[range]]:
    """What comes out of the looks at an object of that size, and what they asked for."""
    looks, asked = look(size_bytes), list[range]()
    try:
        wanted = next(looks)
        while True:
            asked += wanted
            wanted = looks.send(tuple(map(answer, wanted)))
    except StopIteration as ended:
        return ended.value, asked


def looked(upload: bytes) -> tuple[FrontIndex | None, list[range]]:
    return looked_at(len(upload), lambda part: upload[part.start : part.stop])


def laid(upload: bytes) -> bytes:
    front, _ = looked(upload)
    assert front is not None
    return front.prefix + b"".join(upload[first:end] for first, end in front.pieces)


def damages(whole: bytes) -> st.SearchStrategy[bytes]:
    """The upload with other bytes in some places, and perhaps cut off."""

    def damaged(places: list[int], other: bytes, end: int) -> bytes:
        changed = bytearray(whole)
        for place in places:
            changed[place : place + len(other)] = other
        return bytes(changed[:end])

    return st.builds(
        damaged,
        st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4),
        st.binary(min_size=1, max_size=8),
        st.just(len(whole)) | st.integers(0, len(whole)),
    )


def hashes(
    arguments: tuple[str, ...], folder: Path, given: bytes | None = None, *, but: str | None = None
) -> dict[str, list[str]]:
    """Of every stream the lines of ffmpeg's framehash: times, sizes and hashes of what came out.

    It is to complain of nothing ``but`` that.
    """
    command = [str(clips.FFMPEG), "-nostdin", "-v", "error", "-xerror", *arguments, "-f", "framehash", "-"]
    done = subprocess.run(command, cwd=folder, input=given, check=True, timeout=60, capture_output=True)
    told = [line for line in done.stderr.decode().splitlines() if "Last message repeated" not in line]
    assert [line for line in told if but is None or but not in line] == []
    streams: dict[str, list[str]] = {}
    for line in done.stdout.decode().splitlines():
        if not line.startswith("#"):
            streams.setdefault(line.split(",")[0], []).append(line)
    return streams
