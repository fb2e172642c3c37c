"""An encoder that ends well and leaves less than it says: the clip is tried again, by name, and nothing is published.

The program in ffmpeg's place runs the real one, and then takes something from what that has made.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tasks.adapters.cage import Cage
from tasks.adapters.ffmpeg import Ffmpeg
from tasks.errors import TemporarilyUnavailable
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records.clip_record import ClipState
from tests import clips
from tests.pipeline.published import Put

PROGRAM: Final = """#!{python}
import pathlib, re, subprocess, sys

ended = subprocess.run([{ffmpeg!r}, *sys.argv[1:]]).returncode
for folder in pathlib.Path("out/hls").glob({track!r}):
    playlist = folder / "index.m3u8"
    # Sound and picture are made at the same time, each by a run of its own.
    if ended == 0 and any(f"name:{{folder.name}}" in each for each in sys.argv):
        text = playlist.read_text()
        last = folder / re.findall(r"^[0-9]+[.]m4s$", text, re.MULTILINE)[-2]
        {fault}
sys.exit(ended)
"""
CUT_OFF = "last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])"
LEFT_OUT = (
    r"playlist.write_text(re.sub(r'#EXTINF[^\n]*\n' + last.name + '.*(?=#EXT-X-END)', '', text, flags=re.DOTALL))"
)


@pytest.mark.parametrize(
    ("track", "fault", "named"),
    [("90p", CUT_OFF, "bytes"), ("90p", LEFT_OUT, "frames instead of"), ("audio", LEFT_OUT, "of 6.0 s")],
)
def test_what_an_encoder_left_short_is_not_published(
    services: Services, put: Put, tmp_path: Path, track: str, fault: str, named: str
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(PROGRAM.format(python=sys.executable, ffmpeg=str(clips.FFMPEG), track=track, fault=fault))
    program.chmod(0o755)
    name = f"short {track} {named}"
    source = clips.progressive(tmp_path / "a.mkv", seconds=6, size="160x90", extra=("-g", "250"))
    put(f"clips/{name}.mkv", source)
    ingest(services, f"clips/{name}.mkv")
    thumbnails(services, name)
    with pytest.raises(TemporarilyUnavailable) as raised:
        transcode(replace(services, ffmpeg=Ffmpeg(program, Cage("off"))), name)
    assert raised.value.code == "encoder_output_damaged"
    assert named in raised.value.detail
    record = services.clips.get(name)
    assert record is not None
    assert record.failure is not None
    assert (record.failure.code, record.failure.retryable) == ("encoder_output_damaged", True)
    assert record.state not in (ClipState.READY, ClipState.FAILED)
    assert (record.mp4, record.renditions, record.dash) == ((), (), None)
