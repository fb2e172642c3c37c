"""What was made is read back without its media, and what goes wrong beside an encode is told."""

from __future__ import annotations

import struct
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from tasks.adapters.process import Stopped
from tasks.media import encode
from tasks.media.mp4 import boxes
from tasks.media.sound.programmes import Programme
from tasks.media.source import AudioStream
from tasks.pipeline import packaging
from tasks.pipeline.lease import Lease
from tasks.pipeline.services import Services
from tasks.pipeline.streaming import beside_the_encode
from tests import clips

STEREO = Programme(tracks=(AudioStream(index=0, codec="aac", channels=2, sample_rate=48000, language=None),))
LARGE_BYTES = 200_000_000


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A finished programme of one segment, in the folder of its name."""
    folder = tmp_path / STEREO.name
    folder.mkdir()
    clips.make(
        folder / encode.MEDIA_PLAYLIST,
        *("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=1", "-c:a", "aac", "-f", "hls", "-hls_time", "9"),
        *("-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", "init.mp4", "-hls_playlist_type", "event"),
        *("-hls_segment_options", "movflags=+cmaf", "-hls_segment_filename", str(folder / "%05d.m4s")),
    )
    return folder


def test_the_boxes_before_the_media_tell_all_that_the_whole_segment_does(made: Path) -> None:
    header = boxes.read_header((made / "init.mp4").read_bytes())
    segment = (made / "00000.m4s").read_bytes()
    enough = boxes.bytes_before_media(segment[:4096], len(segment))
    assert enough is not None
    assert enough < len(segment) / 2
    assert boxes.read_fragment(segment[:enough], header, len(segment)) == boxes.read_fragment(segment, header)
    assert boxes.bytes_before_media(segment[:16], len(segment)) is None
    assert boxes.bytes_before_media(segment[:4096], len(segment) + 9) is None


def test_a_segment_larger_than_memory_is_read_back(made: Path) -> None:
    path = made / "00000.m4s"
    whole = path.read_bytes()
    place = whole.index(b"mdat") - 4
    with path.open("r+b") as file:
        file.seek(place)
        file.write(struct.pack(">I", LARGE_BYTES - place))
        file.truncate(LARGE_BYTES)
    tracemalloc.start()
    try:
        sound = packaging.read_sound(made.parent, STEREO)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 2_000_000
    assert sound.track.peak_bps > LARGE_BYTES


class Broken:
    """A stream with a fault in it that nobody thought of."""

    def advance(self) -> None:
        raise ZeroDivisionError("of no rungs")


def test_a_fault_of_the_stream_that_nobody_foresaw_ends_the_encode_and_is_told(services: Services) -> None:
    lease, broken = Lease(services, "120320_FAULT1", "somebody"), Broken()
    stream: Any = broken
    with pytest.raises(ZeroDivisionError, match="of no rungs"), beside_the_encode(stream, lease):  # noqa: PT012
        assert lease.stop.wait(60)
        raise Stopped("as ffmpeg does when it is told to")
    with pytest.raises(ZeroDivisionError), beside_the_encode(stream, Lease(services, "120320_FAULT2", "somebody")):
        threading.Event().wait(1)
