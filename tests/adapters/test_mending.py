"""Uploads that are mended before anybody reads them: others stay as they are, whatever is damaged ends well."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.adapters.mending import mend
from tests import clips
from tests.media.fronts import damages
from tests.pipeline.test_joined_way import OTHER_STREAMS, recording

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=3")
TONE = ("-f", "lavfi", "-i", "sine=duration=3")
CODED = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2", "-c:a", "mp2")


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        ("ts", ()),
        ("m2ts", ("-mpegts_m2ts_mode", "1")),
        # 33 bits are full after 26.5 hours.
        ("ts", ("-output_ts_offset", "95441")),
        ("ts", ("-program", "st=0:st=1", "-program", "st=2:st=3")),
        ("mp4", ()),
        ("mkv", ()),
    ],
)
def test_what_is_one_recording_stays_as_it_is(tmp_path: Path, ending: str, options: tuple[str, ...]) -> None:
    twice = ("-map", "0", "-map", "1", "-map", "0", "-map", "1") if "-program" in options else ()
    path = clips.make(tmp_path / f"a.{ending}", *PICTURE, *TONE, *twice, *CODED, *options)
    before = path.read_bytes()
    mend(path)
    assert path.read_bytes() == before


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("joined")
    first = recording(folder / "1.ts", "red", 440)
    return first + recording(folder / "2.ts", "blue", 1000, at_s=1, mux=OTHER_STREAMS)


def test_only_what_lies_behind_the_joint_is_written_anew(joined: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    # A recorder stopped in the middle of a packet, and another one left something there.
    begin = joined.index(b"\x47\x40\x11", 100_000)
    assert joined[begin + 188] == 0x47
    path.write_bytes(joined[:begin] + bytes(100) + joined[begin:])
    mend(path)
    after = path.read_bytes()
    assert after[: begin + 100] == joined[:begin] + bytes(100)
    assert len(after) == len(joined) + 100
    assert after[begin + 100 :] != joined[begin:]
    mend(path)
    assert path.read_bytes() == after


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_whatever_is_damaged_keeps_its_length(joined: bytes, tmp_path: Path, data: st.DataObject) -> None:
    damaged = data.draw(damages(joined))
    path = tmp_path / "a.ts"
    path.write_bytes(damaged)
    mend(path)
    assert path.stat().st_size == len(damaged)
