"""Key frames by the index: as far apart as a reader of the whole film finds them, or no word of them."""

from __future__ import annotations

import itertools
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.adapters import film_index
from tasks.errors import TemporarilyUnavailable
from tasks.media.mp4.key_frames import widest_gap_s
from tasks.media.mp4.sample_tables import UnsuitedError
from tests import clips

FRAME_S = 1 / 25
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=8")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-sc_threshold", "0")
FILMS = {
    "steady.mp4": (*X264, "-g", "50", "-bf", "2"),
    "uneven.mov": (*X264, "-g", "999", "-bf", "2", "-force_key_frames", "0,0.4,1,3.2,7", "-movflags", "+faststart"),
    "with sound.mp4": ("-f", "lavfi", "-i", "sine=duration=8", *X264, "-g", "25", "-c:a", "aac", "-shortest"),
    "all of them.mov": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"),
}


def shown_gap_s(path: Path) -> float:
    """As ffprobe finds it in the packets; the last one ends the film."""
    fields = ("-show_entries", "packet=dts_time,flags", "-select_streams", "v", "-of", "csv=p=0", str(path))
    told = subprocess.run(
        [str(clips.FFPROBE), "-v", "error", *fields], check=True, capture_output=True, text=True, timeout=60
    )
    packets = [line.split(",") for line in told.stdout.splitlines()]
    times = [float(time) for time, flags, *_ in packets if flags.startswith("K")]
    times.append(max(float(time) for time, *_ in packets) + FRAME_S)
    return max(later - earlier for earlier, later in itertools.pairwise(times))


def index_of(path: Path) -> bytes:
    index = film_index.read(path, path.stat().st_size)
    assert index is not None
    return index


@pytest.mark.parametrize("name", FILMS)
def test_the_index_tells_what_a_reader_of_the_film_finds(tmp_path: Path, name: str) -> None:
    film = clips.make(tmp_path / name, *PICTURE, *FILMS[name])
    assert widest_gap_s(memoryview(index_of(film))) == pytest.approx(shown_gap_s(film), abs=FRAME_S / 10)


def test_a_film_with_one_key_frame_has_a_gap_up_to_its_end(tmp_path: Path) -> None:
    film = clips.make(tmp_path / "one.mp4", *PICTURE, *X264, "-g", "999")
    assert widest_gap_s(memoryview(index_of(film))) == pytest.approx(8, abs=FRAME_S)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fragmented.mp4", (*X264, "-g", "25", "-movflags", "+frag_keyframe+empty_moov")),
        ("two pictures.mov", ("-map", "0:v", "-map", "0:v", *X264, "-g", "25")),
        # Key frames of open GOPs may be marked elsewhere.
        ("open.mov", ("-c:v", "mpeg2video", "-g", "12", "-bf", "2")),
    ],
)
def test_where_the_index_does_not_tell_all_it_is_not_believed(
    tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    film = clips.make(tmp_path / name, *PICTURE, *options)
    with pytest.raises(UnsuitedError):
        widest_gap_s(memoryview(index_of(film)))


def test_an_index_that_has_not_come_yet_is_not_there(tmp_path: Path) -> None:
    behind = clips.make(tmp_path / "behind.mp4", *PICTURE, *X264)
    before = clips.make(tmp_path / "before.mp4", *PICTURE, *X264, "-movflags", "+faststart")
    size = behind.stat().st_size
    assert film_index.read(behind, size - 1) is None
    assert film_index.read(behind, size // 2) is None
    assert film_index.read(before, 100) is None
    assert film_index.read(before, before.stat().st_size // 2) == index_of(before)


@pytest.mark.parametrize("size", [2**64 - 1, 2**63 - 17, 2**40, 0])
def test_a_box_of_an_absurd_size_hides_the_index(tmp_path: Path, size: int) -> None:
    path = tmp_path / "absurd.mp4"
    path.write_bytes(struct.pack(">I4sQ", 1, b"free", size) + bytes(100))
    assert film_index.read(path, path.stat().st_size) is None


@given(st.binary(max_size=64))
def test_whatever_is_no_film_has_no_index(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any bytes"
    path.write_bytes(data)
    assert film_index.read(path, len(data)) is None or b"moov" in data


@given(data=st.data())
def test_a_damaged_index_is_refused_or_tells_some_time(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    film = tmp_path_factory.getbasetemp() / "to be damaged.mp4"
    if not film.exists():
        clips.make(film, *PICTURE, *FILMS["steady.mp4"])
    index = bytearray(index_of(film))
    for _ in range(data.draw(st.integers(1, 4))):
        index[data.draw(st.integers(0, len(index) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(index)))
    try:
        gap_s = widest_gap_s(memoryview(bytes(index[:cut] if data.draw(st.booleans()) else index)))
    except (UnsuitedError, TemporarilyUnavailable, struct.error, ValueError, LookupError):
        return
    assert gap_s is None or gap_s >= 0
