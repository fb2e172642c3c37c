"""The index of an AVI: pictures dropped at its end are counted, whatever else it holds."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.adapters.avi_index import dropped_at_end


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body


def film(*entries: tuple[bytes, int], behind: bytes = b"") -> bytes:
    """An AVI of nothing but an index, with chunks of such names and sizes."""
    index = b"".join(struct.pack("<4sIII", name, 0, 4, size) for name, size in entries)
    return b"RIFF" + bytes(4) + b"AVI " + chunk(b"LIST", b"hdrl") + chunk(b"idx1", index) + behind


SEEN, EMPTY, SOUND = (b"00dc", 900), (b"00dc", 0), (b"01wb", 400)


@pytest.mark.parametrize(
    ("content", "dropped"),
    [
        (film(SEEN, SOUND, EMPTY, SEEN), 0),
        (film(SEEN, SOUND, EMPTY, SOUND, EMPTY, SOUND), 2),
        (film(SEEN, (b"01dc", 0)), 0),
        (film(SEEN, (b"00db", 0)), 1),
        (film(EMPTY, EMPTY), 0),
        (film(SEEN, EMPTY)[:-1], 0),
        (film(SEEN, EMPTY, behind=chunk(b"RIFF", b"AVIX")), 0),
        (b"RIFF", 0),
    ],
)
def test_pictures_are_counted_that_are_empty_from_the_last_shown_one_on(
    tmp_path: Path, content: bytes, dropped: int
) -> None:
    path = tmp_path / "a.avi"
    path.write_bytes(content)
    assert dropped_at_end(path, 0) == dropped


def test_an_index_of_any_size_is_read_only_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    index_bytes = 16 * 20_000_000 + 7
    with path.open("wb") as file:
        file.write(b"RIFF" + bytes(4) + b"AVI " + b"idx1" + struct.pack("<I", index_bytes))
        # A hole but for its last whole entries; a rounding byte behind it.
        file.seek(20 + index_bytes // 16 * 16 - 48)
        file.write(b"".join(struct.pack("<4sIII", name, 0, 4, size) for name, size in (SEEN, EMPTY, EMPTY)))
        file.truncate(20 + index_bytes + 1)
    tracemalloc.start()
    try:
        assert dropped_at_end(path, 0) == 2
        assert tracemalloc.get_traced_memory()[1] < 32 * 1024**2
    finally:
        tracemalloc.stop()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80))
def test_any_bytes_are_read_to_an_end(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.avi"
    path.write_bytes(b"RIFF....AVI " + content)
    assert dropped_at_end(path, 0) >= 0
