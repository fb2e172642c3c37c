"""Real clips that point at other files: they are taken for what they hold themselves."""

from __future__ import annotations

import json
from pathlib import Path

import ffmpeg
import pytest

from tasks.adapters.ffmpeg import Ffmpeg
from tasks.adapters.ffprobe import Ffprobe
from tasks.errors import SourceRejected
from tasks.media.source_input import SOURCE_FILE, input_options
from tests import clips
from tests.hostile import containers
from tests.hostile.canary import opened_files

PIXELS = 8192 * 4320
CANARY = "canary.mp4"


def decode(adapter: Ffmpeg, job: Path, **further: object) -> None:
    output = ffmpeg.input(SOURCE_FILE, **input_options(max_pixels=PIXELS), **further).output("-", f="null")
    adapter.run(job, ["-nostdin", "-hide_banner", "-loglevel", "error", *output.get_args()], timeout_s=30)


@pytest.fixture
def aliased(tmp_path: Path) -> Path:
    """A folder with a QuickTime film whose media lie in the file beside it."""
    film = clips.progressive(tmp_path / "film.mov", seconds=1, size="64x64", sound=False)
    (tmp_path / CANARY).write_bytes(film.read_bytes())
    path = "moov/trak/mdia/minf/dinf/dref"
    (tmp_path / SOURCE_FILE).write_bytes(
        containers.edit(film.read_bytes(), path, lambda _: containers.external(CANARY))
    )
    return tmp_path


def test_a_film_whose_media_lie_elsewhere_opens_no_other_file(
    aliased: Path, bare_ffprobe: Ffprobe, bare_ffmpeg: Ffmpeg
) -> None:
    with opened_files(aliased) as opened:
        bare_ffprobe.source(aliased, SOURCE_FILE, max_pixels=PIXELS)
        with pytest.raises(SourceRejected, match="can't be decoded"):
            decode(bare_ffmpeg, aliased)
        assert opened.names() == {SOURCE_FILE}


def test_it_would_if_it_were_allowed(aliased: Path, bare_ffmpeg: Ffmpeg) -> None:
    with opened_files(aliased) as opened:
        decode(bare_ffmpeg, aliased, enable_drefs=1)
        assert CANARY in opened.names()


def test_attachments_and_linked_segments_of_matroska_are_left_alone(
    tmp_path: Path, bare_ffprobe: Ffprobe, bare_ffmpeg: Ffmpeg
) -> None:
    (tmp_path / "canary.ttf").write_bytes(b"\0\1\0\0canary")
    job = tmp_path / "job"
    job.mkdir()
    subtitles = job / "words.ass"
    subtitles.write_text(
        "[Script Info]\nScriptType: v4.00+\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,canary\n"
        "[Events]\nFormat: Start, End, Style, Text\nDialogue: 0:00:00.00,0:00:01.00,Default,{\\fn/etc/passwd}words\n"
    )
    made = clips.make(
        job / "made.mkv",
        *("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=1", "-i", str(subtitles)),
        *("-c:v", "libx264", "-attach", str(tmp_path / "canary.ttf"), "-metadata:s:t", "mimetype=font/ttf"),
        *("-metadata:s:t", "filename=../../canary.ttf"),
    )
    data = made.read_bytes()
    # PrevFilename and NextFilename: the clip before and the one after.
    info = containers.element(
        "1549A966", b"".join(containers.element(code, b"words.ass") for code in ("3C83AB", "3E83BB"))
    )
    place = data.index(bytes.fromhex("1549A966"))
    (job / SOURCE_FILE).write_bytes(data[:place] + info + data[place:])
    with opened_files(job, tmp_path) as opened:
        answer = bare_ffprobe.source(job, SOURCE_FILE, max_pixels=PIXELS)
        decode(bare_ffmpeg, job)
        assert opened.names() - {""} == {SOURCE_FILE}
    assert "canary" in json.dumps(answer), "the attachment is in the file"


def test_a_codec_that_no_newsroom_uses_is_not_decoded(tmp_path: Path, bare_ffmpeg: Ffmpeg) -> None:
    clips.make(tmp_path / "game.avi", "-f", "lavfi", "-i", "testsrc2=size=64x64:duration=1", "-c:v", "zmbv")
    (tmp_path / SOURCE_FILE).write_bytes((tmp_path / "game.avi").read_bytes())
    with pytest.raises(SourceRejected) as refused:
        decode(bare_ffmpeg, tmp_path)
    assert refused.value.code == "undecodable"
    assert "not on the list" in (refused.value.detail or "")
    assert len(refused.value.detail or "") < 1000, "the list itself tells nobody anything"


def test_a_codec_that_is_not_taken_is_named(tmp_path: Path, bare_ffprobe: Ffprobe) -> None:
    clips.make(tmp_path / "odd.avi", "-f", "lavfi", "-i", "testsrc2=size=64x64:duration=1", "-c:v", "cljr")
    (tmp_path / "odd.avi").rename(tmp_path / SOURCE_FILE)
    with pytest.raises(SourceRejected) as refused:
        bare_ffprobe.source(tmp_path, SOURCE_FILE, max_pixels=PIXELS)
    assert refused.value.code == "unreadable"
    assert "“cljr”" in refused.value.message
