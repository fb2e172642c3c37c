"""MXF files that can be read front to back: laid so, they give the same packets and frames; others are left alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given

from tasks.media.source_input import piped
from tests import clips
from tests.media.fronts.laid import damages, hashes, laid, looked, looked_at

PICTURE: Final = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=24")
TONE: Final = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=24")
LONG_GOP: Final = (*PICTURE, *TONE, "-map", "0", "-map", "1", "-map", "1", "-c:v", "mpeg2video", "-g", "12", "-bf", "2")
UPLOADS: Final = {
    # More than ten seconds are in several partitions.
    "long.mxf": (*LONG_GOP, "-c:a", "pcm_s16le"),
    "avc.mxf": (*PICTURE, *TONE, "-c:v", "libx264", "-profile:v", "high", "-bf", "3", "-g", "25", "-c:a", "pcm_s24le"),
    "silent.mxf": (*PICTURE, "-c:v", "mpeg2video", "-g", "12", "-bf", "2"),
    "dnxhr.mxf": (*PICTURE, *TONE, "-t", "2", "-c:v", "dnxhd", "-profile:v", "dnxhr_lb", "-c:a", "pcm_s24le"),
    # Frames of one size, of which the table tells but once.
    "imx.mxf": (
        *("-f", "lavfi", "-i", "testsrc2=size=720x608:rate=25:duration=2", *TONE, "-t", "2", "-c:v", "mpeg2video"),
        *(
            "-g",
            "1",
            "-b:v",
            "50M",
            "-minrate",
            "50M",
            "-maxrate",
            "50M",
            "-bufsize",
            "2000k",
            "-qmin",
            "1",
            "-qmax",
            "12",
        ),
        *("-rc_init_occupancy", "2000k", "-flags", "+ildct+low_delay", "-intra_vlc", "1", "-non_linear_quant", "1"),
        *("-qmax", "12", "-ps", "1", "-dc", "10", "-rc_max_vbv_use", "1", "-rc_min_vbv_use", "1"),
        *("-c:a", "pcm_s16le", "-ac", "8", "-f", "mxf_d10"),
    ),
    "dv.mxf": (*PICTURE, *TONE, "-t", "2", "-s", "720x576", "-c:v", "dvvideo", "-c:a", "pcm_s16le"),
}
UNSUITED: Final = {
    "atom.mxf": (*PICTURE, "-t", "2", "-c:v", "dnxhd", "-profile:v", "dnxhr_lb", "-f", "mxf_opatom"),
}
# It knows where the last frame ends by what follows, and says so where nothing does.
LAST_FRAME: Final = "unable to compute the size of the last packet"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("uploads")

    def make(name: str) -> Path:
        path = folder / name / "source"
        if not path.exists():
            path.parent.mkdir()
            options = (UPLOADS | UNSUITED)[name]
            clips.make(path.with_name(name), *options, "-pix_fmt", PIXELS.get(name, "yuv420p")).rename(path)
        return path

    return make


PIXELS: Final = dict.fromkeys(("dnxhr.mxf", "atom.mxf", "imx.mxf"), "yuv422p")


@pytest.mark.parametrize("name", UPLOADS)
def test_a_pipe_of_what_is_laid_so_gives_the_same_packets_and_frames_as_the_file(
    made: Callable[[str], Path], name: str
) -> None:
    path = made(name)
    upload = path.read_bytes()
    front = laid(upload)
    assert len(front) == len(upload)
    for outcome in (("-map", "0:v", "-map", "0:a?", "-c", "copy"), ("-map", "0:v", "-map", "0:a?")):
        by_name = ("-protocol_whitelist", "file", "-i", "source", *outcome)
        by_pipe = piped(by_name)
        assert by_pipe is not None
        expected = hashes(by_name, path.parent)
        assert len(expected["0"]) >= 50
        assert hashes(by_pipe, path.parent, front, but=LAST_FRAME) == expected


def test_what_has_come_of_a_growing_file_tells_the_same_times(made: Callable[[str], Path], tmp_path: Path) -> None:
    path = made("long.mxf")
    front = laid(path.read_bytes())
    # That of the last frame may be cut short.
    (tmp_path / "source").write_bytes(front[: len(front) // 2])
    arguments = ("-i", "source", "-map", "0:v", "-map", "0:a", "-c", "copy", "-t", "10")
    assert hashes(arguments, tmp_path) == hashes(arguments, path.parent)


def test_the_tables_come_first_and_what_is_between_the_parts_of_the_essence_goes(made: Callable[[str], Path]) -> None:
    upload = made("long.mxf").read_bytes()
    front, asked = looked(upload)
    assert front is not None
    assert len(front.pieces) == 3
    assert upload.count(TABLE) == 3
    assert front.prefix.count(TABLE) == 3
    body = front.lead_bytes
    assert body == len(front.prefix)
    essence = b"".join(upload[first:end] for first, end in front.pieces)
    assert TABLE not in essence
    assert PACK not in essence
    # The whole is never asked for, however many parts it has.
    assert sum(len(part) for part in asked) < 1024**2 + 256 * 1024


@pytest.mark.parametrize("name", UNSUITED)
def test_what_has_its_essence_in_one_item_is_left_as_it_is(made: Callable[[str], Path], name: str) -> None:
    assert looked(made(name).read_bytes())[0] is None


PACK: Final = bytes.fromhex("060e2b34020501010d01020101")
TABLE: Final = bytes.fromhex("060e2b34025301010d01020101100100")
FRAME: Final = bytes.fromhex("060e2b34010201010d01030115010500")
SYSTEM: Final = bytes.fromhex("060e2b34020501010d01030104010100")
SET: Final = bytes.fromhex("060e2b34025301010d01010101012f00")
OP1A: Final = bytes.fromhex("060e2b34040101010d01020101010900")
OP1B: Final = bytes.fromhex("060e2b34040101010d01020101020900")


def item(key: bytes, value: bytes) -> bytes:
    return key + b"\x83" + len(value).to_bytes(3) + value


def pack(
    kind: int, place: int, *, table: int = 0, offset: int = 0, body: int = 0, status: int = 4, pattern: bytes = OP1A
) -> bytes:
    words = ((1, 2), (2, 2), (1, 4), (place, 8), (0, 8), (99, 8), (7, 8), (table and 5, 8), (table, 4), (offset, 8))
    told = b"".join(value.to_bytes(size) for value, size in (*words, (body, 4)))
    return item(PACK + bytes([kind, status, 0]), told + pattern + bytes(8))


ESSENCE: Final = (item(SYSTEM, bytes(9)) + item(FRAME, bytes(70))) * 8


def upload_of(
    *,
    head: bytes = b"",
    header: dict[str, object] | None = None,
    bodies: tuple[dict[str, object], ...] = ({"body": 1},),
    essence: bytes = ESSENCE,
    tables: bytes = item(TABLE, b"table" * 9),
    index: Callable[[list[int]], list[int]] = lambda places: places,
    behind: bytes = b"",
) -> bytes:
    made = head + pack(2, 0, **(header or {})) + item(SET, b"set" * 20)
    places = [0]
    come = 0
    for body in bodies:
        places.append(len(made))
        made += pack(3, places[-1], **({"offset": come} | body)) + essence
        come += len(essence)
    places.append(len(made))
    made += pack(4, places[-1], table=2) + tables
    entries = b"".join(bytes(4) + place.to_bytes(8) for place in index(places))
    size = 16 + 4 + len(entries) + 4
    return made + item(PACK + b"\x11\x01\x00", entries + size.to_bytes(4)) + behind


@pytest.mark.parametrize("parts", [1, 2])
def test_all_parts_become_one_behind_their_tables(parts: int) -> None:
    upload = upload_of(bodies=({"body": 1},) * parts)
    front, _ = looked(upload)
    assert front is not None
    whole = laid(upload)
    assert len(whole) == len(upload)
    assert whole.endswith(ESSENCE * parts)
    assert whole.index(b"set") < whole.index(b"table") < front.lead_bytes == len(whole) - parts * len(ESSENCE)
    # It no longer tells of a footer, nor of tables in itself.
    assert (99).to_bytes(8) not in whole[:120]
    # Everything in it can still be walked through.
    place, keys = 0, []
    while place < len(whole):
        keys.append(whole[place : place + 16])
        long = whole[place + 16] & 0x7F
        place += 17 + long + int.from_bytes(whole[place + 17 : place + 17 + long])
    assert place == len(whole)
    assert [key[:13] == PACK and key[13] for key in keys if key[:13] == PACK] == [2, 3]


@pytest.mark.parametrize(
    "upload",
    [
        pytest.param(upload_of()[:-30], id="cut off"),
        pytest.param(upload_of(behind=b"more"), id="something behind"),
        pytest.param(upload_of(head=bytes(11)), id="something before"),
        pytest.param(upload_of(header={"status": 1}), id="a header that was left open"),
        pytest.param(upload_of(header={"status": 3}), id="a header that is not complete"),
        pytest.param(upload_of(header={"pattern": OP1B}), id="another operational pattern"),
        pytest.param(upload_of(tables=b""), id="no tables"),
        pytest.param(upload_of(bodies=()), id="no essence"),
        pytest.param(upload_of(bodies=({"body": 0},)), id="essence without a number"),
        pytest.param(upload_of(bodies=({"body": 1}, {"body": 2})), id="two essences"),
        pytest.param(upload_of(bodies=({"body": 1}, {"body": 1, "offset": 5})), id="parts that do not follow"),
        pytest.param(upload_of(essence=item(SYSTEM, b"") + item(FRAME, bytes(600))), id="all in one item"),
        pytest.param(upload_of(essence=item(FRAME[:8] + bytes(8), bytes(70)) * 8), id="unknown essence"),
        pytest.param(upload_of(index=lambda places: places[:-1]), id="an index without the last partition"),
        pytest.param(upload_of(index=lambda places: places[1:]), id="an index without the first"),
        pytest.param(upload_of(index=lambda places: places[::-1]), id="an index in disorder"),
        pytest.param(upload_of(index=lambda places: [0, places[1] + 1, *places[2:]]), id="an index beside the places"),
        pytest.param(upload_of(index=lambda places: [*places, *range(10**6, 10**6 + 600)]), id="an index without end"),
    ],
)
def test_what_cannot_be_read_so_is_left_as_it_is(upload: bytes) -> None:
    assert looked(upload)[0] is None


def test_a_store_that_once_has_nothing_to_give_leaves_out_no_table() -> None:
    table = [item(TABLE, bytes([number]) * 20_000) for number in range(6)]
    upload = upload_of(essence=ESSENCE * 2000, tables=b"".join(table))
    front, asked = looked(upload)
    assert front is not None
    assert len(asked) > 6

    def without(lost: range, part: range) -> bytes:
        return b"" if part == lost else upload[part.start : part.stop]

    for lost in asked:
        assert looked_at(len(upload), partial(without, lost))[0] in (None, front)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(pack(2, 0) + TABLE + b"\x87" + (7 * 2**30).to_bytes(7), id="a table"),
        pytest.param(pack(2, 0)[:16] + b"\x87" + (7 * 2**30).to_bytes(7), id="a partition's pack"),
        pytest.param(upload_of()[:300], id="an index of partitions"),
    ],
)
def test_what_claims_to_be_huge_is_not_asked_for(head: bytes) -> None:
    size_bytes = 8 * 2**30

    def answer(part: range) -> bytes:
        given = head[part.start : part.stop].ljust(len(part), b"\0")
        # What stands at the end is how long an index of partitions is.
        return given[:-4] + b"\xff\xff\xff\x00" if part.stop == size_bytes else given

    front, asked = looked_at(size_bytes, answer)
    assert front is None
    assert sum(len(part) for part in asked) < 64 * 2**20


WHOLE: Final = upload_of(bodies=({"body": 1}, {"body": 1}))


@given(upload=damages(WHOLE))
def test_whatever_is_damaged_ends_in_a_file_of_its_length_or_none(upload: bytes) -> None:
    front, asked = looked(upload)
    assert sum(len(part) for part in asked) <= 4 * len(WHOLE)
    assert front is None or len(laid(upload)) == len(upload)
