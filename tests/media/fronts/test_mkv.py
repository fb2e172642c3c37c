"""Matroska and WebM are read as they are, if their front tells all, and goes on as it should."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.media.fronts import clusters, formats
from tasks.media.fronts.mkv import PROBED_BYTES
from tasks.media.transport.one_recording import JoinedError
from tests import clips
from tests.hostile.containers import element
from tests.media.fronts.laid import assert_a_pipe_gives_the_same, damages, looked, noticed_at

LENGTH_S: Final = 4
PICTURE: Final = ("-f", "lavfi", "-i", f"testsrc2=size=320x180:rate=25:duration={LENGTH_S}")
TONE: Final = ("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={LENGTH_S}")
H264: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "aac")
VP9: Final = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", "-c:a", "libopus")
COVER: Final = ("-f", "lavfi", "-i", "testsrc2=size=640x360", "-frames:v", "1")
KINDS: Final = {
    "mkv": (H264, "a.mkv"),
    "webm": (VP9, "a.webm"),
    "short clusters": ((*H264, "-cluster_time_limit", "100"), "b.mkv"),
    "cues in front": ((*H264, "-cues_to_front", "1"), "c.mkv"),
    "room for cues": ((*H264, "-reserve_index_space", "4000"), "d.mkv"),
    "tagged": ((*H264, "-metadata", "title=A", "-metadata:s:a", "language=vie", "-timecode", "01:00:00:00"), "e.mkv"),
    "late": ((*H264, "-output_ts_offset", "0.7"), "f.mkv"),
    "live": ((*H264, "-live", "1"), "g.mkv"),
}
HEAD: Final = element("1A45DFA3", element("4282", b"matroska"))
TRACKS: Final = element("1654AE6B", element("AE", element("D7", b"\1")))
BLOCK: Final = element("A3", bytes(40))
CLUSTER: Final = element("1F43B675", element("E7", b"\0") + BLOCK)
# As large as that if its size, of one byte, were one.
ENDLESS: Final = bytes.fromhex("1F43B675FF") + element("E7", b"\0") + element("EC", bytes(108))
CUES: Final = element("1C53BB6B", element("BB", bytes(9)))
VOID: Final = element("EC", bytes(100))


def described(*more: bytes, length_ms: float = 4000.0) -> bytes:
    return element("1549A966", element("4489", struct.pack(">d", length_ms)) + b"".join(more))


INFO: Final = described()
Made = Callable[[str], bytes]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder, known = tmp_path_factory.mktemp("mkv"), dict[str, bytes]()

    def make(kind: str) -> bytes:
        options, name = KINDS[kind]
        if kind not in known:
            known[kind] = clips.make(folder / name, *PICTURE, *TONE, *options).read_bytes()
        return known[kind]

    return make


def segment(*children: bytes, size: int | None = None) -> bytes:
    return HEAD + element("18538067", b"".join(children), size=size)


def named(*seeks: tuple[str, int]) -> bytes:
    """A seek head that names these elements, by their places from the segment's first one on."""
    entries = (element("53AB", bytes.fromhex(code)) + element("53AC", place.to_bytes(8)) for code, place in seeks)
    return element("114D9B74", b"".join(element("4DBB", entry) for entry in entries))


def seen(upload: bytes, chunk_bytes: int = 100_000) -> int:
    """How many bytes pass before something is noticed."""
    front, _ = looked(upload)
    assert front is not None
    watch = formats.watch(front)
    assert watch is not None
    return noticed_at(watch, upload, chunk_bytes)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "live"])
def test_a_pipe_gives_the_same_packets_and_frames_as_the_file(made: Made, tmp_path: Path, kind: str) -> None:
    upload = made(kind)
    front, asked = looked(upload)
    assert front is not None
    assert (front.prefix, front.pieces) == (b"", ((0, len(upload)),))
    clusters_at = upload.index(bytes.fromhex("1F43B675"), upload.index(bytes.fromhex("1654AE6B")))
    assert (front.clusters_at, front.lead_bytes) == (clusters_at, clusters_at + PROBED_BYTES)
    assert len(asked) == 1
    assert_a_pipe_gives_the_same(upload, tmp_path, frames=LENGTH_S * 25)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "live"])
@pytest.mark.parametrize("chunk_bytes", [1024**2, 1021, 7])
def test_what_is_whole_goes_on_as_it_should_however_it_comes(made: Made, kind: str, chunk_bytes: int) -> None:
    assert seen(made(kind), chunk_bytes) == len(made(kind))


def test_covers_in_front_are_no_hindrance(made: Made, tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(made("mkv"))
    cover = clips.make(tmp_path / "cover.png", *COVER)
    attached = ("-attach", str(cover), "-metadata:s:t", "mimetype=image/png")
    upload = clips.make(tmp_path / "b.mkv", "-i", str(tmp_path / "a.mkv"), "-c", "copy", *attached).read_bytes()
    front, _ = looked(upload)
    assert front is not None
    assert front.clusters_at is not None
    assert front.clusters_at > cover.stat().st_size
    assert seen(upload) == len(upload)


def test_what_was_made_by_hand_is_taken() -> None:
    body = (VOID, INFO, element("BF", bytes(4)), TRACKS, CLUSTER, VOID, CLUSTER)
    front, _ = looked(segment(*body, CUES))
    assert front is not None
    assert front.clusters_at == len(segment(*body[:4]))
    assert seen(segment(*body, CUES), 5) == len(segment(*body, CUES))


def test_cues_may_lie_wherever_they_like() -> None:
    head = named(("1C53BB6B", 10**6), ("1F43B675", 10**6))
    assert looked(segment(head, INFO, TRACKS, CLUSTER, CUES))[0] is not None
    assert looked(segment(INFO, TRACKS, CUES, CLUSTER))[0] is not None


@pytest.mark.parametrize(
    "upload",
    [
        pytest.param(segment(INFO, TRACKS, CLUSTER, size=(1 << 56) - 1), id="a segment without an end"),
        pytest.param(segment(INFO, TRACKS, CLUSTER, size=10**6), id="a segment that is cut off"),
        pytest.param(segment(INFO, TRACKS, CLUSTER) * 2, id="two segments"),
        pytest.param(segment(INFO, TRACKS, CLUSTER) + b"\0" * 9, id="something behind the segment"),
        pytest.param(segment(TRACKS, CLUSTER), id="no word of its length"),
        pytest.param(segment(element("1549A966", b""), TRACKS, CLUSTER), id="no length"),
        pytest.param(segment(described(length_ms=0.0), TRACKS, CLUSTER), id="no time"),
        pytest.param(segment(described(length_ms=math.nan), TRACKS, CLUSTER), id="a length that is no number"),
        pytest.param(
            segment(element("1549A966", element("4489", bytes(10))), TRACKS, CLUSTER), id="a length in ten bytes"
        ),
        pytest.param(segment(INFO, INFO, TRACKS, CLUSTER), id="two lengths"),
        pytest.param(segment(INFO, CLUSTER, TRACKS), id="tracks behind the clusters"),
        pytest.param(segment(INFO, TRACKS, TRACKS, CLUSTER), id="tracks twice"),
        pytest.param(segment(INFO, element("1654AE6B", b""), CLUSTER), id="no track"),
        pytest.param(segment(INFO, element("1654AE6B", element("AE", b"\xd7\x87")), CLUSTER), id="a damaged track"),
        pytest.param(segment(INFO, TRACKS), id="no cluster"),
        pytest.param(
            segment(INFO, TRACKS, element("1F43B675", b"", size=(1 << 56) - 1)), id="a cluster without an end"
        ),
        pytest.param(segment(named(("1254C367", 300)), INFO, TRACKS, CLUSTER), id="tags behind the clusters"),
        pytest.param(segment(named(("1941A469", 300)), INFO, TRACKS, CLUSTER), id="attachments behind the clusters"),
        pytest.param(segment(named(("1254C367", 120)), INFO, TRACKS, VOID, CLUSTER), id="tags in something else"),
        pytest.param(segment(element("114D9B74", element("4DBB", b"")), INFO, TRACKS, CLUSTER), id="nothing named"),
        pytest.param(segment(INFO, TRACKS, element("1254C367", b"", size=1 << 50), CLUSTER), id="an absurd size"),
        pytest.param(
            segment(INFO, TRACKS, element("1941A469", bytes(5 * 1024**2)), CLUSTER), id="a lot before the clusters"
        ),
        pytest.param(segment(described(element("EC", bytes(2 * 1024**2))), TRACKS, CLUSTER), id="a large description"),
        pytest.param(
            segment(INFO, TRACKS, *[element("114D9B74", element("EC", bytes(600_000)))] * 2, CLUSTER),
            id="large directories",
        ),
        pytest.param(segment(*[element("EC", b"")] * 200, INFO, TRACKS, CLUSTER), id="many elements"),
        pytest.param(segment(INFO, TRACKS, element("1F43B674", b"\0" * 9), CLUSTER), id="an unknown element"),
        pytest.param(segment(INFO, TRACKS, bytes(20), CLUSTER), id="no element"),
        pytest.param(HEAD, id="a head alone"),
        pytest.param(HEAD[:7], id="half a head"),
    ],
)
def test_what_its_front_does_not_tell_is_waited_for(upload: bytes) -> None:
    front, asked = looked(upload)
    assert front is None
    assert len(asked) <= 8


def test_what_is_sent_live_is_waited_for(made: Made) -> None:
    assert looked(made("live"))[0] is None


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_what_is_cut_off_is_waited_for(made: Made, share: float) -> None:
    upload = made("mkv")
    assert looked(upload[: round(len(upload) * share)])[0] is None


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(bytes(100), id="nothing"),
        pytest.param(element("1F43B675", b"", size=10**6), id="a cluster beyond the end"),
        pytest.param(element("1F43B675", BLOCK, size=(1 << 56) - 1), id="a cluster without an end"),
        pytest.param(ENDLESS, id="a cluster without an end, in short"),
        pytest.param(element("1F43B675", element("A3", bytes(40), size=60)), id="a block beyond its cluster"),
        pytest.param(element("1F43B675", element("EE", bytes(40))), id="an unknown element in a cluster"),
        pytest.param(element("1F43B675", element("E7", bytes(9))), id="too long a number"),
        pytest.param(
            element("1F43B675", element("A0", element("A1", bytes(9)) + element("9B", bytes(9)))), id="in a group"
        ),
        pytest.param(TRACKS, id="other tracks"),
        pytest.param(HEAD, id="another file"),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [11, 100_000])
def test_what_is_damaged_is_noticed_before_anybody_is_given_it(damaged: bytes, chunk_bytes: int) -> None:
    before = segment(INFO, TRACKS, *[CLUSTER] * 20)
    upload = segment(INFO, TRACKS, *[CLUSTER] * 20, damaged, CLUSTER)
    assert len(before) - chunk_bytes < seen(upload, chunk_bytes) <= len(before) + len(damaged)


def test_a_real_file_whose_middle_is_damaged_is_noticed(made: Made) -> None:
    upload = bytearray(made("short clusters"))
    place = upload.index(bytes.fromhex("1F43B675"), len(upload) // 2)
    upload[place + 1] ^= 1
    assert seen(bytes(upload), 1000) <= place


def test_groups_are_looked_into() -> None:
    group = element("A0", element("A1", bytes(40)) + element("9B", b"\x28") + element("75A2", b"\1") + VOID)
    upload = segment(INFO, TRACKS, element("1F43B675", element("E7", b"\0") + group + BLOCK + group), CLUSTER, CUES)
    assert seen(upload) == seen(upload, 3) == len(upload)


def test_a_flood_of_empty_elements_is_not_looked_at_one_by_one() -> None:
    upload = segment(INFO, TRACKS, element("1F43B675", b"\xec\x80" * 200_000))
    front, _ = looked(upload)
    assert front is not None
    watch = formats.watch(front)
    assert isinstance(watch, clusters.ClusterWatch)
    with pytest.raises(JoinedError):
        watch.see(upload)
    assert watch._elements < 20_000


@settings(max_examples=30)
@given(data=st.data())
def test_whatever_is_damaged_ends_well(made: Made, data: st.DataObject) -> None:
    damaged = data.draw(damages(made("mkv")))
    if looked(damaged)[0] is not None:
        seen(damaged, 1024**2)
