"""Containers that say where else their media lie, on disk or on a server: nobody looks there.

Each is read for what it holds itself, or fails under a stable code; `test_references` has the same of Matroska.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ffmpeg
import pytest

from tasks.adapters.ffmpeg import Ffmpeg
from tasks.adapters.ffprobe import Ffprobe
from tasks.errors import SourceRejected
from tasks.media.source_input import SOURCE_FILE, input_options
from tasks.media.source_reading import SourceLimits, read_recording
from tests import clips
from tests.hostile import containers
from tests.hostile.canary import Listener, OpenedFiles, listener, opened_files

PIXELS = 8192 * 4320
LIMITS = SourceLimits(duration_s=3600, pixels=PIXELS, streams=64)
CANARY = "canary.mxf"
DREF = "moov/trak/mdia/minf/dinf/dref"
# SMPTE ST 377-1: how the key of a fill item begins, the key of a network locator's local set,
FILL = bytes.fromhex("060e2b34010101")
NETWORK_LOCATOR = bytes.fromhex("060e2b34025301010d01010101013200")
# and how the key of an element of essence begins.
ESSENCE = bytes.fromhex("060e2b34010201010d010301")


@dataclass(frozen=True, kw_only=True)
class Trap:
    """A job's folder, a folder beside it with a canary, a port; and who touched which."""

    job: Path
    outside: Path
    opened: OpenedFiles
    listener: Listener

    def touched(self) -> set[str]:
        """What was opened since the last call, the upload itself and its folder apart."""
        return self.opened.names() - {"", SOURCE_FILE} | ({"the port"} if self.listener.was_called() else set())


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A second of H.264 in QuickTime, its index behind it."""
    path = tmp_path_factory.mktemp("film") / "film.mov"
    return clips.progressive(path, seconds=1, size="64x64", sound=False).read_bytes()


@pytest.fixture(scope="module")
def atom(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A second of DNxHR in OP-Atom (SMPTE ST 390): the picture alone, as cameras and Avid store it."""
    path = tmp_path_factory.mktemp("atom") / "atom.mxf"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=256x144:rate=25:duration=1", "-pix_fmt", "yuv422p")
    return clips.make(path, *picture, *("-c:v", "dnxhd", "-profile:v", "dnxhr_lb", "-f", "mxf_opatom")).read_bytes()


@pytest.fixture
def trap(tmp_path: Path, film: bytes) -> Iterator[Trap]:
    job, outside = tmp_path / "job", tmp_path / "outside"
    for folder in (job, outside):
        folder.mkdir()
        (folder / CANARY).write_bytes(film)
    with opened_files(job, outside) as opened, listener() as port:
        yield Trap(job=job, outside=outside / CANARY, opened=opened, listener=port)


def located(data: bytes, place: str) -> bytes:
    """The MXF file with a network locator to that place in the room that its header leaves free."""
    text = place.encode("utf-16-be")
    items = struct.pack(">HH16s", 0x3C0A, 16, b"newsreel canary!") + struct.pack(">HH", 0x4001, len(text)) + text
    locator = NETWORK_LOCATOR + b"\x83" + len(items).to_bytes(3) + items
    where = 0
    while (where := data.index(FILL, where)) >= 0:
        width = data[where + 16] - 0x80
        size = int.from_bytes(data[where + 17 : where + 17 + width])
        whole = 17 + width + size
        if whole >= len(locator) + 21:
            rest = whole - len(locator) - 20
            fill = data[where : where + 16] + b"\x83" + rest.to_bytes(3) + bytes(rest)
            return data[:where] + locator + fill + data[where + whole :]
        where += whole
    raise LookupError("no fill item is long enough")


def without_essence(data: bytes) -> bytes:
    """The MXF file up to its picture: what is left when the essence lies elsewhere."""
    return data[: data.index(ESSENCE)]


def url_reference(place: str) -> Callable[[bytes], bytes]:
    """The body of a data reference whose one entry is a URL (ISO/IEC 14496-12, 8.7.2) and says that it is not here."""
    entry = containers.box("url ", struct.pack(">I", 0) + place.encode() + b"\0")
    return lambda _: struct.pack(">II", 0, 1) + entry


def places(trap: Trap) -> dict[str, str]:
    return {
        "beside it": CANARY,
        "relative": f"../outside/{CANARY}",
        "absolute": str(trap.outside),
        "file": trap.outside.as_uri(),
        "http": f"http://127.0.0.1:{trap.listener.port}/{CANARY}",
    }


def outcome(trap: Trap, probe: Ffprobe, run: Ffmpeg) -> str:
    """How reading and decoding the upload ended: ``taken``, or the code of its failure."""
    try:
        read_recording(probe.source(trap.job, SOURCE_FILE, max_pixels=PIXELS), LIMITS)
        output = ffmpeg.input(SOURCE_FILE, **input_options(max_pixels=PIXELS)).output("-", f="null")
        run.run(trap.job, ["-nostdin", "-hide_banner", "-loglevel", "error", *output.get_args()], timeout_s=30)
    except SourceRejected as rejected:
        return rejected.code
    return "taken"


@pytest.mark.parametrize("where", ["beside it", "relative", "absolute", "file", "http"])
@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("an alias in QuickTime", {"undecodable"}),
        # ffmpeg does not know these references at all.
        ("a URL in MP4", {"taken"}),
        ("a locator in OP-Atom", {"taken"}),
        ("a locator in OP-Atom without essence", {"unreadable", "undecodable", "no_video"}),
    ],
)
def test_what_lies_elsewhere_is_not_looked_for(
    trap: Trap,
    film: bytes,
    atom: bytes,
    bare_ffprobe: Ffprobe,
    bare_ffmpeg: Ffmpeg,
    kind: str,
    codes: set[str],
    where: str,
) -> None:
    place = places(trap)[where]
    made = {
        "an alias in QuickTime": lambda: containers.edit(film, DREF, lambda _: containers.external(place)),
        "a URL in MP4": lambda: containers.edit(film, DREF, url_reference(place)),
        "a locator in OP-Atom": lambda: located(atom, place),
        "a locator in OP-Atom without essence": lambda: without_essence(located(atom, place)),
    }
    (trap.job / SOURCE_FILE).write_bytes(made[kind]())
    trap.touched()
    assert outcome(trap, bare_ffprobe, bare_ffmpeg) in codes
    assert trap.touched() == set()


def test_the_alias_is_one_that_ffmpeg_would_follow(trap: Trap, film: bytes, bare_ffmpeg: Ffmpeg) -> None:
    (trap.job / SOURCE_FILE).write_bytes(containers.edit(film, DREF, lambda _: containers.external(CANARY)))
    trap.touched()
    output = ffmpeg.input(SOURCE_FILE, **input_options(max_pixels=PIXELS), enable_drefs=1).output("-", f="null")
    bare_ffmpeg.run(trap.job, ["-nostdin", "-loglevel", "error", *output.get_args()], timeout_s=30)
    assert CANARY in trap.touched()


def test_op_atom_with_its_essence_is_a_clip_without_sound(tmp_path: Path, atom: bytes, bare_ffprobe: Ffprobe) -> None:
    (tmp_path / SOURCE_FILE).write_bytes(atom)
    source = read_recording(bare_ffprobe.source(tmp_path, SOURCE_FILE, max_pixels=PIXELS), LIMITS)
    assert source.video is not None
    assert (source.video.codec, source.video.width, source.video.height) == ("dnxhd", 256, 144)
    assert source.audio == ()
    assert source.duration_s == pytest.approx(1.0, abs=0.1)
