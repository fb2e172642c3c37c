"""Small files that claim or unfold into too much: over in seconds, in little memory, each with a named failure."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from tasks.errors import TemporarilyUnavailable
from tasks.media.mp4 import boxes
from tests.hostile.bombs import BOMBS
from tests.hostile.containers import box, nested

# What is at fault is in the name; those that are taken hold a picture or two that can be decoded.
EXPECTED = {
    "16384x8640 pixels": {"too_large_picture"},
    "a header of 65535x65535 pixels": {"unreadable", "too_large_picture"},
    "55 hours": {"too_long"},
    "55 hours without a word of it": {"too_long"},
    "samples that last for ever": {"too_long"},
    "500 streams": {"too_many_streams"},
    "boxes 10,000 deep": {"unreadable"},
    "no pictures": {"undecodable", "no_video"},
}
REFUSED = {"unreadable", "not_media", "no_video", "undecodable", "too_long", "too_large_picture", "too_many_streams"}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, dict[str, Any]]:
    """How each bomb ended, read by a process of its own."""
    folders = []
    for make in BOMBS.values():
        made = make(tmp_path_factory.mktemp("making"))
        folders.append(tmp_path_factory.mktemp("job"))
        (folders[-1] / "source").write_bytes(made)
        assert len(made) < 3_500_000
    command = [sys.executable, "-m", "tests.hostile.measured", *map(str, folders)]
    lines = subprocess.run(command, capture_output=True, text=True, timeout=150, check=True).stdout.splitlines()
    return dict(zip(BOMBS, map(json.loads, lines), strict=True))


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_over_soon_and_has_a_name(outcomes: Mapping[str, dict[str, Any]], bomb: str) -> None:
    outcome = outcomes[bomb]
    assert outcome["code"] in EXPECTED.get(bomb, REFUSED | {"taken"})
    assert outcome["cpu_s"] < 10
    assert outcome["bytes"] < 512 * 1024**2


@pytest.mark.parametrize(
    "data",
    [
        nested(100_000),
        nested(100_000, "moof"),
        box("moov", b"\xff\xff\xff\xff" * 1000),
        box("moov", box("trak", box("mdia", b"\0\0\0\1mdhd" + b"\xff" * 8))),
        b"\0\0\0\0moof" * 50_000,
        box(
            "moof",
            box("traf", box("tfhd", bytes(8)) + box("tfdt", bytes(8)) + box("trun", b"\0\0\xff\1" + b"\xff" * 64)),
        ),
        b"",
    ],
)
def test_our_own_reader_of_boxes_ends_too(data: bytes) -> None:
    header = boxes.Header(timescale=1000, edit_offset=0, entry="avc1", configuration=b"")
    with pytest.raises(TemporarilyUnavailable):
        boxes.read_header(data)
    with pytest.raises(TemporarilyUnavailable):
        boxes.read_fragment(data, header)
