"""ffmpeg fed with an upload as it arrives: it makes the same of it, and never takes a part for the whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.adapters.arriving import Arriving
from tasks.adapters.cage import Cage
from tasks.adapters.ffmpeg import Ffmpeg
from tasks.errors import TemporarilyUnavailable
from tests import clips
from tests.adapters.arriving.paced import Pace


def framehash(folder: Path, ffmpeg: Ffmpeg, feed: Arriving | None, *sought: str) -> tuple[str, ...]:
    (folder / "hashes").unlink(missing_ok=True)
    ffmpeg.run(
        folder,
        (
            "-nostdin",
            "-v",
            "error",
            "-protocol_whitelist",
            "file",
            *sought,
            "-i",
            "source",
            "-f",
            "framehash",
            "hashes",
        ),
        timeout_s=60,
        feed=feed.part() if feed is not None else None,
    )
    # Between streams the order is the file's or that of the times.
    return tuple(sorted((folder / "hashes").read_text().splitlines()))


@pytest.mark.parametrize("mode", ["off", "auto"])
def test_ffmpeg_reads_an_upload_as_it_arrives_and_makes_the_same_of_it(
    begin: Callable[..., Arriving], pace: Pace, upload: bytes, tmp_path: Path, mode: str
) -> None:
    ffmpeg = Ffmpeg(clips.FFMPEG, Cage(mode))
    pace.let(2)
    with begin("job/source") as arriving:
        threading.Timer(1.0, pace.let).start()
        fed = framehash(tmp_path / "job", ffmpeg, arriving)
        assert arriving.is_whole
        (tmp_path / "whole").mkdir()
        (tmp_path / "whole" / "source").write_bytes(upload)
        assert fed == framehash(tmp_path / "whole", ffmpeg, None)
        assert fed == framehash(tmp_path / "job", ffmpeg, arriving)  # by its name, now


def test_a_run_that_goes_ahead_in_an_upload_waits_for_all_of_it(
    begin: Callable[..., Arriving], pace: Pace, tmp_path: Path
) -> None:
    ffmpeg = Ffmpeg(clips.FFMPEG, Cage("off"))
    pace.let(2)
    with begin("job/source") as arriving:
        threading.Timer(0.5, pace.let).start()
        fed = framehash(tmp_path / "job", ffmpeg, arriving, "-ss", "2.5")
        assert arriving.is_whole
        assert fed == framehash(tmp_path / "job", ffmpeg, None, "-ss", "2.5")


@pytest.mark.parametrize("mode", ["off", "auto"])
def test_ffmpeg_never_takes_a_part_for_the_whole(
    begin: Callable[..., Arriving], pace: Pace, tmp_path: Path, mode: str
) -> None:
    pace.let(2)
    with begin("job/source") as arriving:
        threading.Timer(0.5, lambda: pace.let(4, fails=True)).start()
        with pytest.raises(TemporarilyUnavailable, match="It broke off"):
            framehash(tmp_path / "job", Ffmpeg(clips.FFMPEG, Cage(mode)), arriving)
