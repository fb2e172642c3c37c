"""The storyboard's way: the search for the poster leaves the sheets of a short film, and only those that are right."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tasks.adapters.ffmpeg import Ffmpeg
from tasks.errors import SourceRejected
from tasks.media import looks, storyboard
from tasks.pipeline import uploaded
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.records.clip_facts import Storyboard
from tests import clips
from tests.pipeline.published import Put

SHEETS = f"out/{storyboard.FOLDER}/{storyboard.SHEETS}"
Runs = list[tuple[str, ...]]


def grey(arguments: Sequence[str]) -> bytes:
    command = [str(clips.FFMPEG), *arguments, "-pix_fmt", "gray", "-f", "rawvideo", "-"]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """The arguments of every run that makes sheets."""
    seen: Runs = []
    run = Ffmpeg.run

    def note(self: Ffmpeg, folder: Path, arguments: Sequence[str], **more: Any) -> object:
        if SHEETS in arguments:
            seen.append(tuple(arguments))
        return run(self, folder, arguments, **more)

    monkeypatch.setattr(Ffmpeg, "run", note)
    return seen


def film(path: Path, *options: str, keys: int) -> Path:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=9")
    coded = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", str(keys))
    return clips.make(path, *picture, *coded, *options)


def storyboard_of(services: Services, put: Put, path: Path, name: str) -> Storyboard:
    put(f"clips/{name}{path.suffix}", path)
    ingest(services, f"clips/{name}{path.suffix}")
    thumbnails(services, name)
    record = services.clips.get(name)
    assert record is not None
    assert record.storyboard is not None
    return record.storyboard


def stored(services: Services, name: str, board: Storyboard) -> bytes:
    return b"".join(
        services.store.get(services.settings.media_bucket, f"clips/{name}/{image}").body for image in board.images
    )


@pytest.mark.parametrize(("ending", "options"), [("mp4", ()), ("mxf", ("-c:v", "mpeg2video", "-b:v", "8M"))])
def test_of_a_short_film_the_look_for_the_poster_makes_it(
    services: Services,
    put: Put,
    tmp_path: Path,
    runs: Runs,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
    options: tuple[str, ...],
) -> None:
    # Each tile has its key frame: how far these lie apart is not asked.
    monkeypatch.setattr(uploaded, "key_frame_gap_s", lambda *_: pytest.fail("asked"))
    path = film(tmp_path / f"a.{ending}", *options, keys=25)
    board = storyboard_of(services, put, path, f"looked at in {ending}")
    assert len(runs) == 1
    assert f"{looks.FOLDER}/0.rgb" in runs[0]
    sheet = stored(services, f"looked at in {ending}", board)
    assert sheet.startswith(b"\xff\xd8\xff")


def test_where_key_frames_are_rare_all_frames_make_it(services: Services, put: Put, tmp_path: Path, runs: Runs) -> None:
    storyboard_of(services, put, film(tmp_path / "a.mp4", keys=100), "rare")
    assert len(runs) == 2
    assert "-skip_frame" not in runs[1]


@pytest.mark.parametrize("ending", ["mp4", "ts"])
def test_of_open_gops_of_which_key_frames_do_not_come_out_all_frames_make_it(
    services: Services, put: Put, tmp_path: Path, runs: Runs, ending: str
) -> None:
    source = film(tmp_path / f"a.{ending}", "-x264-params", "open-gop=1", keys=25)
    board = storyboard_of(services, put, source, f"open {ending}")
    assert "-skip_frame" not in runs[-1]
    sheet = tmp_path / "sheet.jpg"
    sheet.write_bytes(stored(services, f"open {ending}", board))
    command = ["-nostdin", "-v", "error", "-i", str(sheet), "-vf", "crop=iw/5:ih/5:0:0,scale=1:1"]
    assert int.from_bytes(grey(command)) > 40
    last = ["-vf", "crop=160:90:640:0,scale=1:1"]
    assert int.from_bytes(grey([*command[:-2], *last])) > 40


def test_what_a_look_that_failed_has_left_is_not_published(
    services: Services, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: Runs
) -> None:
    run: Callable[..., object] = Ffmpeg.run

    def fail(self: Ffmpeg, folder: Path, arguments: Sequence[str], **more: Any) -> object:
        finished = run(self, folder, arguments, **more)
        if SHEETS in arguments and f"{looks.FOLDER}/0.rgb" in arguments:
            (sheet,) = (folder / "out" / storyboard.FOLDER).iterdir()
            sheet.write_bytes(b"half of one")
            raise SourceRejected("undecodable", "A damaged stretch.", "for the test")
        return finished

    monkeypatch.setattr(Ffmpeg, "run", fail)
    board = storyboard_of(services, put, film(tmp_path / "a.mp4", keys=25), "damaged")
    assert len(runs) == 2
    assert stored(services, "damaged", board).startswith(b"\xff\xd8\xff")
