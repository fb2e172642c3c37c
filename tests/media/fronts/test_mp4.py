"""Files that can be read front to back: laid so, they give the same packets and frames; others are left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given

from tasks.media.fronts.formats import look
from tasks.media.source_input import piped
from tests import clips
from tests.media.fronts.laid import damages, hashes, laid, looked

H264: Final = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p")
AAC: Final = ("-c:a", "aac")
PICTURE: Final = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=12")
TONE: Final = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=12")
UPLOADS: Final = {
    "front.mp4": (*PICTURE, *TONE, *H264, *AAC, "-movflags", "+faststart"),
    "end.mp4": (*PICTURE, *TONE, *H264, *AAC),
    # Lists of edits: the sound's encoder begins early, and the picture comes later.
    "later.mp4": (*TONE, "-itsoffset", "0.7", *PICTURE, *H264, *AAC),
    "timecode.mov": (*PICTURE, *TONE, *H264, *AAC, "-timecode", "10:00:00:00"),
    "pcm.mov": (*PICTURE, *TONE, *H264, "-c:a", "pcm_s16le"),
    "pcm_front.mov": (*PICTURE, *TONE, *H264, "-c:a", "pcm_s24le", "-movflags", "+faststart"),
    "fine.mp4": (*PICTURE, *TONE, *H264, *AAC, "-chunk_duration", "500000"),
    "seconds.mp4": (*PICTURE, *TONE, *H264, *AAC, "-chunk_duration", "4000000"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("uploads")

    def make(name: str) -> Path:
        path = folder / name / "source"
        if not path.exists():
            path.parent.mkdir()
            clips.make(path.with_name(name), *UPLOADS[name]).rename(path)
        return path

    return make


@pytest.mark.parametrize("name", UPLOADS)
def test_a_pipe_of_what_is_laid_so_gives_the_same_packets_and_frames_as_the_file(
    made: Callable[[str], Path], name: str
) -> None:
    path = made(name)
    upload = path.read_bytes()
    front = laid(upload)
    assert len(front) == len(upload)
    assert front.index(b"moov") < front.index(b"mdat")
    # Streams of time codes are never read; by name ffmpeg would tell of them here.
    for outcome in (("-map", "0:v", "-map", "0:a", "-c", "copy"), ("-map", "0:v", "-map", "0:a")):
        by_name = ("-protocol_whitelist", "file", "-i", "source", *outcome)
        by_pipe = piped(by_name)
        assert by_pipe is not None
        expected = hashes(by_name, path.parent)
        assert len(expected) == 2
        assert len(expected["0"]) == 300
        assert hashes(by_pipe, path.parent, front) == expected


def test_an_index_in_front_stays_as_it_was_uploaded_and_one_look_is_enough(made: Callable[[str], Path]) -> None:
    upload = made("front.mp4").read_bytes()
    front, asked = looked(upload)
    assert front is not None
    assert not front.prefix
    assert front.pieces == ((0, len(upload)),)
    assert upload[front.lead_bytes + 4 : front.lead_bytes + 8] == b"mdat"
    assert asked == [range(len(upload))]


def test_an_index_at_the_end_of_a_large_file_is_asked_for_by_itself(made: Callable[[str], Path]) -> None:
    small = made("end.mp4").read_bytes()
    index_at = small.index(b"moov") - 4
    padding = 3 * 1024**2
    media_at = small.index(b"mdat") - 4
    size = int.from_bytes(small[media_at : media_at + 4]) + padding
    upload = small[:media_at] + size.to_bytes(4) + small[media_at + 4 : index_at] + bytes(padding) + small[index_at:]
    front, asked = looked(upload)
    assert front is not None
    assert asked == [range(1024**2), range(index_at + padding, len(upload))]
    assert front.lead_bytes == media_at + len(small) - index_at
    assert front.prefix


def box(kind: str, *bodies: bytes, wide: bool = False, size: int | None = None) -> bytes:
    body = b"".join(bodies)
    if wide:
        return b"\0\0\0\1" + kind.encode() + (len(body) + 16).to_bytes(8) + body
    return (len(body) + 8 if size is None else size).to_bytes(4) + kind.encode() + body


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(4) for value in values)


def track(
    places: list[int],
    *,
    chunk_bytes: int = 10,
    chunk_s: int = 1,
    handler: bytes = b"vide",
    flags: int = 1,
    edits: tuple[int, ...] = (),
    wide: bool = False,
    more: bytes = b"",
) -> bytes:
    """A track of chunks at those places, of one sample each; ``edits`` are the media times of its edit list."""
    table = b"".join(place.to_bytes(8 if wide else 4) for place in places)
    tables = box(
        "stbl",
        box("stsc", words(0, 1, 1, 1, 1)),
        box("stsz", words(0, chunk_bytes, len(places))),
        box("stts", words(0, 1, len(places), chunk_s)),
        box("co64" if wide else "stco", words(0, len(places)), table),
        more,
    )
    shown = b"".join(words(5) + edit.to_bytes(4, signed=True) + words(0x10000) for edit in edits)
    return box(
        "trak",
        box("edts", box("elst", words(0, len(edits)), shown)) if edits else b"",
        box(
            "mdia",
            box("mdhd", words(0, 0, 0, 1, 60, 0)),
            box("hdlr", words(0, 0), handler, bytes(12)),
            box("minf", box("dinf", box("dref", words(0, 1), box("url ", words(flags)))), tables),
        ),
    )


BRAND: Final = box("ftyp", b"isom", words(512))
MEDIA: Final = bytes(range(60))
PLACES: Final = [len(BRAND) + 8 + 10 * number for number in range(6)]


def upload_of(*tracks: bytes, more: bytes = b"") -> bytes:
    return BRAND + box("mdat", MEDIA) + box("moov", *tracks, more)


@pytest.mark.parametrize("wide", [False, True])
def test_offsets_move_with_the_media_and_those_behind_the_index_stay(wide: bool) -> None:
    upload = upload_of(track(PLACES, wide=wide))
    behind = [len(upload) + 8, len(upload) + 18]
    upload = upload_of(track(PLACES[:4] + behind, wide=wide)) + box("mdat", MEDIA)
    front = laid(upload)
    told = [upload[place : place + 10] for place in PLACES[:4] + behind]
    table = front.index(b"co64" if wide else b"stco") + 12
    step = 8 if wide else 4
    offsets = [int.from_bytes(front[table + step * number : table + step * (number + 1)]) for number in range(6)]
    assert [front[offset : offset + 10] for offset in offsets] == told
    assert offsets[4:] == behind


@pytest.mark.parametrize(
    "upload",
    [
        pytest.param(box("wide") + box("mdat", MEDIA) + box("moov", track([place - 8 for place in PLACES])), id="old"),
        pytest.param(
            BRAND + box("mdat", MEDIA, wide=True) + box("moov", track([place + 8 for place in PLACES]), wide=True),
            id="sizes of 64 bits",
        ),
        pytest.param(BRAND + box("mdat", MEDIA) + box("moov", track(PLACES), size=0), id="an index to the end"),
        pytest.param(upload_of(track(PLACES, edits=(-1, 7))), id="one part, shown later"),
        pytest.param(upload_of(track(PLACES[::2]), track(PLACES[1::2], handler=b"soun")), id="two by turns"),
        pytest.param(upload_of(track(PLACES)) + box("free", bytes(9)) + box("udta"), id="something behind"),
    ],
)
def test_what_can_be_read_so_begins_with_its_index(upload: bytes) -> None:
    front = laid(upload)
    assert front.index(b"moov") < front.index(b"mdat")
    table = front.index(b"stco") + 12
    first = int.from_bytes(front[table : table + 4])
    assert front[first : first + 10] == MEDIA[:10]
    assert len(front) == len(upload)
    again, _ = looked(front)
    assert again is not None
    assert not again.prefix


def test_media_to_the_end_behind_their_index_are_read_as_they_are() -> None:
    index = box("moov", track(PLACES))
    upload = BRAND + box("moov", track([place + len(index) for place in PLACES])) + box("mdat", MEDIA, size=0)
    front, _ = looked(upload)
    assert front is not None
    assert not front.prefix


@pytest.mark.parametrize(
    "upload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x47" + bytes(2000), id="another format"),
        pytest.param(upload_of(track(PLACES))[:-30], id="cut off in the index"),
        pytest.param(BRAND + box("mdat", MEDIA), id="no index"),
        pytest.param(upload_of(track(PLACES)) + box("moov", track(PLACES)), id="two indexes"),
        pytest.param(upload_of(track(PLACES)) + box("moof"), id="fragments"),
        pytest.param(upload_of(track(PLACES), more=box("mvex")), id="fragments are announced"),
        pytest.param(upload_of(track(PLACES)) + box("sidx"), id="segments"),
        pytest.param(box("free") + upload_of(track([place + 8 for place in PLACES])), id="the brand comes second"),
        pytest.param(upload_of(track(PLACES)) + box("meta", words(0), box("iloc")), id="items"),
        pytest.param(upload_of(track(PLACES, more=box("saio"))), id="encrypted"),
        pytest.param(upload_of(track(PLACES[::-1])), id="backwards"),
        pytest.param(upload_of(track(PLACES), track(PLACES, handler=b"soun")), id="the same bytes twice"),
        pytest.param(upload_of(track(PLACES, chunk_bytes=11)), id="chunks overlap"),
        pytest.param(upload_of(track([*PLACES[:5], PLACES[5] + 1])), id="cut off in the media"),
        pytest.param(upload_of(track([0, *PLACES[1:]])), id="media outside their box"),
        pytest.param(upload_of(track(PLACES, flags=0)), id="media in another file"),
        pytest.param(upload_of(track(PLACES, edits=(4, 0))), id="shown in another order"),
        pytest.param(
            upload_of(track(PLACES[:3], chunk_s=600), track(PLACES[3:], chunk_s=600, handler=b"soun")),
            id="sound far behind the picture",
        ),
        pytest.param(upload_of(), id="no track"),
        pytest.param(BRAND + box("mdat", MEDIA, size=2**32 - 1), id="a size beyond the end"),
        pytest.param(BRAND + box("free") * 5000, id="boxes without number"),
        pytest.param(upload_of(track(PLACES, more=box("free") * 5000)), id="boxes without number in the index"),
    ],
)
def test_what_cannot_be_read_so_is_left_as_it_is(upload: bytes) -> None:
    assert looked(upload)[0] is None


def test_offsets_that_would_not_fit_any_more_are_left_alone() -> None:
    # Nearly 4 GiB of media, of which nothing is asked for.
    size = 2**32 - 60
    index = box("moov", track([len(BRAND) + 8, size - 20]))
    head = BRAND + box("mdat", size=size - len(BRAND))

    looks = look(size + len(index))
    next(looks)
    assert looks.send((head + bytes(1024**2 - len(head)),)) == (range(size, size + len(index)),)
    with pytest.raises(StopIteration) as ended:
        looks.send((index,))
    assert ended.value.value is None


def test_an_index_of_more_than_32_mib_is_not_asked_for() -> None:
    size = 64 * 1024**2
    head = BRAND + box("mdat", MEDIA) + box("moov", size=33 * 1024**2)
    looks = look(size)
    next(looks)
    with pytest.raises(StopIteration) as ended:
        looks.send((head + bytes(1024**2 - len(head)),))
    assert ended.value.value is None


WHOLE: Final = upload_of(track(PLACES[::2], edits=(0,)), track(PLACES[1::2], handler=b"soun", wide=True))


@given(upload=damages(WHOLE))
def test_whatever_is_damaged_ends_in_a_file_of_its_length_or_none(upload: bytes) -> None:
    front, asked = looked(upload)
    assert len(asked) <= 8
    assert front is None or len(laid(upload)) == len(upload)
