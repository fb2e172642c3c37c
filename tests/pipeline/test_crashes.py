"""An ffmpeg that crashes on an upload: what it is asked for otherwise may do, and nothing is tried without end.

The program in ffmpeg's place crashes on certain runs, and is the real one otherwise.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tasks.adapters.cage import Cage
from tasks.adapters.ffmpeg import CRASHED, Ffmpeg
from tasks.errors import TemporarilyUnavailable
from tasks.media import looks, storyboard
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records.clip_record import ClipRecord, ClipState
from tests import clips
from tests.pipeline.published import Put

PROGRAM: Final = """#!{python}
import os, signal, sys

given = " ".join(sys.argv)
if {crashes}:
    os.kill(os.getpid(), signal.SIGSEGV)
os.execv({ffmpeg!r}, [{ffmpeg!r}, *sys.argv[1:]])
"""
DROPS = f"'drop=' in given and ({looks.FOLDER + '/'!r} in given or {storyboard.FOLDER + '/'!r} in given)"


def crashing(services: Services, folder: Path, crashes: str) -> Services:
    """The services with such a program; ``crashes`` is the condition, in Python, on the arguments ``given``."""
    program = folder / "ffmpeg"
    program.write_text(PROGRAM.format(python=sys.executable, ffmpeg=str(clips.FFMPEG), crashes=crashes))
    program.chmod(0o755)
    return replace(services, ffmpeg=Ffmpeg(program, Cage("off")))


def arrived(services: Services, put: Put, folder: Path, name: str) -> None:
    put(f"clips/{name}.mp4", clips.progressive(folder / "a.mp4", size="160x90", extra=("-g", "25")))
    ingest(services, f"clips/{name}.mp4")


def known(services: Services, name: str) -> ClipRecord:
    record = services.clips.get(name)
    assert record is not None
    return record


def test_what_crashes_where_packets_are_passed_over_has_its_pictures(
    services: Services, put: Put, tmp_path: Path
) -> None:
    arrived(services, put, tmp_path, "passed over")
    thumbnails(crashing(services, tmp_path, DROPS), "passed over")
    record = known(services, "passed over")
    assert record.work.poster is not None
    assert record.work.storyboard is not None


def test_a_storyboard_that_can_only_crash_is_given_up_and_told_of(services: Services, put: Put, tmp_path: Path) -> None:
    arrived(services, put, tmp_path, "no storyboard")
    thumbnails(crashing(services, tmp_path, f"{storyboard.FOLDER + '/sheet'!r} in given"), "no storyboard")
    record = known(services, "no storyboard")
    assert record.work.poster is not None
    assert not record.work.lacks_pictures
    assert "no_poster" in {each.code for each in record.work.warnings}


def test_an_encode_that_crashes_is_tried_again_and_says_so(services: Services, put: Put, tmp_path: Path) -> None:
    arrived(services, put, tmp_path, "crash")
    thumbnails(services, "crash")
    with pytest.raises(TemporarilyUnavailable) as raised:
        transcode(crashing(services, tmp_path, "'libx264' in given"), "crash")
    assert raised.value.code == CRASHED
    assert "signal 11" in raised.value.detail
    record = known(services, "crash")
    assert record.failure is not None
    assert (record.failure.code, record.failure.retryable) == (CRASHED, True)
    assert record.state is not ClipState.FAILED
