"""What reading from front to back comes to: an upload as it is laid, and what ffmpeg finds in it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

from tasks.media.fronts.formats import Watching, look
from tasks.media.fronts.index import FrontIndex
from tasks.media.source_input import SOURCE_FILE, piped
from tasks.media.transport.one_recording import JoinedError
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


def noticed_at(watch: Watching, upload: bytes, chunk_bytes: int) -> int:
    """How many bytes pass before it is noticed that they may not be read on; all of them, if they may."""
    for place in range(0, len(upload), chunk_bytes):
        try:
            watch.see(upload[place : place + chunk_bytes])
        except JoinedError:
            return place
    return len(upload)


def assert_a_pipe_gives_the_same(upload: bytes, folder: Path, *, frames: int) -> None:
    """Packets and frames through a pipe are those of the file, so many pictures."""
    (folder / SOURCE_FILE).write_bytes(upload)
    for outcome in (("-c", "copy"), ()):
        by_name = ("-protocol_whitelist", "file", "-i", SOURCE_FILE, "-map", "0:v", "-map", "0:a", *outcome)
        by_pipe = piped(by_name)
        assert by_pipe is not None
        expected = hashes(by_name, folder)
        assert len(expected["0"]) == frames
        assert hashes(by_pipe, folder, upload) == expected


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
