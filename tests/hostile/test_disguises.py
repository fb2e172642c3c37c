"""A playlist under a clip's name makes ffmpeg open nothing but the upload itself, whatever it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ffmpeg
import pytest

from tasks.adapters import ffprobe as ffprobe_adapter
from tasks.adapters.ffmpeg import Ffmpeg
from tasks.adapters.ffprobe import Ffprobe
from tasks.errors import SourceRejected
from tasks.media.source_input import SOURCE_FILE, input_options
from tests import clips
from tests.hostile.canary import Listener, OpenedFiles, listener, opened_files
from tests.hostile.disguises import CANARY, Disguise, disguises, ffconcat, manifest, media_playlist

PIXELS = 8192 * 4320
EVERY_PROTOCOL = "file,http,tcp,udp,rtp,crypto,data,concat,subfile"
KINDS = [each.kind for each in disguises(Path("/outside/canary.ts"), 1)]


@dataclass(frozen=True, kw_only=True)
class Trap:
    """A job's folder with canaries in it, one elsewhere, a port; and who touched which."""

    job: Path
    outside: Path
    port: int
    opened: OpenedFiles
    listener: Listener

    def touched(self) -> set[str]:
        """What was opened since the last call, the upload itself and its folder apart."""
        return self.opened.names() - {"", SOURCE_FILE} | ({"the port"} if self.listener.was_called() else set())

    def disguise(self, kind: str) -> Disguise:
        return next(each for each in disguises(self.outside, self.port) if each.kind == kind)


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trap]:
    root = tmp_path_factory.mktemp("trap")
    job, elsewhere = root / "job", root / "elsewhere"
    for folder in (job, elsewhere):
        folder.mkdir()
        clips.progressive(folder / CANARY, seconds=1, size="64x64", sound=False)
    fragmented = ("-movflags", "+frag_keyframe+empty_moov+default_base_moof")
    clips.progressive(job / "canary.mp4", seconds=1, size="64x64", sound=False, extra=fragmented)
    for name in ("canary.ttf", "ASSETMAP.xml", "canary001.png", "key"):
        (job / name).write_bytes(b"canary")
    with opened_files(job, elsewhere) as opened, listener() as port:
        made = Trap(job=job, outside=elsewhere / CANARY, port=port.port, opened=opened, listener=port)
        yield made


def null_run(**options: object) -> list[str]:
    """Arguments that decode the upload into nothing."""
    output = ffmpeg.input(SOURCE_FILE, **options).output("-", f="null")
    return ["-nostdin", "-hide_banner", "-loglevel", "error", *output.get_args()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_disguised_list_is_refused_and_nothing_it_names_is_touched(
    trap: Trap, bare_ffprobe: Ffprobe, bare_ffmpeg: Ffmpeg, kind: str
) -> None:
    (trap.job / SOURCE_FILE).write_bytes(trap.disguise(kind).content)
    trap.touched()
    with pytest.raises(SourceRejected) as probed:
        bare_ffprobe.source(trap.job, SOURCE_FILE, max_pixels=PIXELS)
    with pytest.raises(SourceRejected) as decoded:
        bare_ffmpeg.run(trap.job, null_run(**input_options(max_pixels=PIXELS)), timeout_s=30)
    assert (probed.value.code, decoded.value.code) == ("unreadable", "undecodable")
    assert trap.touched() == set()


@pytest.mark.parametrize("kind", ["hls-relative", "hls-http", "hls-file", "ffconcat-relative", "dash-relative"])
def test_a_list_is_refused_even_where_its_format_is_known(trap: Trap, bare_ffmpeg: Ffmpeg, kind: str) -> None:
    """What ffmpeg makes of names and beginnings of files changes with its releases; the list of formats does not."""
    (trap.job / SOURCE_FILE).write_bytes(trap.disguise(kind).content)
    trap.touched()
    known = {"f": kind.partition("-")[0].removeprefix("ff"), **input_options(max_pixels=PIXELS)}
    with pytest.raises(SourceRejected):
        bare_ffmpeg.run(trap.job, null_run(**known), timeout_s=30)
    assert trap.touched() == set()


@pytest.mark.parametrize(
    ("content", "form", "touched"),
    [
        (ffconcat(CANARY), None, CANARY),
        (manifest("canary.mp4"), None, "canary.mp4"),
        (media_playlist(CANARY), "hls", CANARY),
        (media_playlist("http://127.0.0.1:{port}/canary.ts"), "hls", "the port"),
    ],
)
def test_without_the_list_of_formats_the_canaries_would_be_touched(
    trap: Trap, bare_ffmpeg: Ffmpeg, content: str, form: str | None, touched: str
) -> None:
    """The traps work: the same files, run with nothing forbidden."""
    (trap.job / SOURCE_FILE).write_text(content.format(port=trap.port))
    trap.touched()
    options = {"protocol_whitelist": EVERY_PROTOCOL, "t": "1"} | ({"f": form, "rw_timeout": 500_000} if form else {})
    try:
        bare_ffmpeg.run(trap.job, null_run(**options), timeout_s=30)
    except SourceRejected:
        assert touched == "the port", "who answers nothing delivers nothing"
    assert touched in trap.touched()


def test_the_canaries_would_be_touched_by_ffprobe_too(
    trap: Trap, bare_ffprobe: Ffprobe, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trap.job / SOURCE_FILE).write_text(ffconcat(CANARY))
    monkeypatch.setattr(ffprobe_adapter, "_UNTRUSTED", ("-v", "error"))
    trap.touched()
    bare_ffprobe.source(trap.job, SOURCE_FILE, max_pixels=PIXELS)
    assert CANARY in trap.touched()
