"""Damaged and altered media by the thousand: each ends as a named refusal, or as a clip; nothing hangs or crashes.

The readers of our own take thousands of cases in a second. ffprobe and ffmpeg take some in every run, and as many as
``NEWSREEL_FUZZ`` says in a run of its own: ``NEWSREEL_FUZZ=1000 pytest tests/hostile/test_fuzz.py``. A case that fails
names its seed.
"""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.adapters.cage import Cage
from tasks.adapters.ffprobe import Ffprobe
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.events import parse_events
from tasks.media.mp4 import boxes
from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE
from tasks.media.source_reading import read_recording
from tests import clips
from tests.hostile.measured import LIMITS, PIXELS, read

CASES = int(os.environ.get("NEWSREEL_FUZZ", "36"))
REFUSALS = {
    *("unreadable", "probe_overran", "not_media", "no_video", "undecodable"),
    *("too_many_streams", "too_large_picture", "too_long", "encrypted"),
}
TRANSIENT = {"probe_killed", "encoder_killed", "out_of_memory"}
_PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=0.4")
_BOTH = (*_PICTURE, "-f", "lavfi", "-i", "sine=duration=0.4:sample_rate=48000")
FORMS = {
    "a.mp4": (*_BOTH, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"),
    "a.ts": (*_BOTH, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"),
    "a.mxf": (*_BOTH, "-c:v", "mpeg2video", "-c:a", "pcm_s16le"),
    "a.mkv": (*_BOTH, "-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libopus"),
    "a.avi": (*_BOTH, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le"),
    "a.mov": (*_PICTURE, "-c:v", "prores_ks"),
}


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("bases")
    return [clips.make(folder / name, *arguments).read_bytes() for name, arguments in FORMS.items()]


def altered(data: bytes, seed: int) -> bytes:
    """A copy with bits flipped, bytes overwritten, pieces taken out, doubled or cut off; the head is hit most often."""
    chance = random.Random(seed)
    made = bytearray(data)
    for _ in range(chance.choice((1, 2, 4, 16, 64))):
        place = chance.randrange(chance.choice((64, 1024, len(made)))) % len(made)
        length = chance.choice((1, 4, 16, 200))
        match chance.randrange(6):
            case 0:
                made[place] ^= 1 << chance.randrange(8)
            case 1:
                made[place : place + 4] = chance.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\x80\0\0\0"))
            case 2:
                made[place : place + length] = chance.randbytes(length)
            case 3:
                del made[place : place + length]
            case 4:
                made[place:place] = made[place : place + length]
            case _:
                source = chance.randrange(len(made))
                made[place : place + length] = made[source : source + length]
        made = made or bytearray(b"\0")
    return bytes(made[: chance.randrange(len(made))] if chance.random() < 0.1 else made)


def test_altered_media_end_as_a_clip_or_with_a_name(bases: list[bytes], tmp_path: Path) -> None:
    ended: Counter[str] = Counter()
    for seed in range(CASES):
        data = altered(bases[seed % len(bases)], seed)
        (tmp_path / SOURCE_FILE).write_bytes(data)
        try:
            code = read(tmp_path)
        except Exception as error:
            error.add_note(f"seed {seed}, made of {list(FORMS)[seed % len(bases)]}")
            raise
        assert code in REFUSALS | TRANSIENT | {"taken"}, f"seed {seed}"
        ended[code] += 1
    print(dict(ended))
    assert sum(ended[code] for code in TRANSIENT) <= CASES / 50, "a file is at fault, not the machine"
    assert ended["taken"]
    assert ended.total() - ended["taken"] > 0


@pytest.fixture(scope="module")
def answers(bases: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """ffprobe's answers of all forms."""
    folder = tmp_path_factory.mktemp("answers")
    found = []
    for base in bases:
        (folder / SOURCE_FILE).write_bytes(base)
        found.append(Ffprobe(clips.FFPROBE, Cage("off")).source(folder, SOURCE_FILE, max_pixels=PIXELS))
    return found


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, -(2**63), 2**31 - 1, 10**400, -1, 0]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["N/A", "nan", "inf", "-inf", "1/0", "0/0", "0/1", "1e400", "-1/25", "100000/1", "1/100000", "9" * 5000]
    ),
    st.sampled_from([[], {}, [None], {"index": "x"}, [[]]]),
)


@given(data=st.data())
def test_whatever_ffprobe_says_is_read_or_refused(answers: list[dict[str, Any]], data: st.DataObject) -> None:
    answer = copy.deepcopy(data.draw(st.sampled_from(answers)))
    for _ in range(data.draw(st.integers(1, 6))):
        here: Any = answer
        while True:
            place = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
            if isinstance(here[place], dict | list) and here[place] and data.draw(st.booleans()):
                here = here[place]
                continue
            here[place] = data.draw(ODD)
            break
    try:
        source = read_recording(answer, LIMITS)
    except SourceRejected as error:
        assert error.code in REFUSALS  # noqa: PT017 # either end is right
        return
    assert 0 <= source.duration_s <= LIMITS.duration_s
    if not isinstance(source, Source):
        return
    assert 0 < source.video.frame_rate <= Fraction(240)
    assert 0 < source.video.coded_width * source.video.coded_height <= LIMITS.pixels
    assert source.video.width > 0
    assert source.video.height > 0


@pytest.fixture(scope="module")
def segments(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """An initialization section and a segment, as our encodes make them."""
    folder = tmp_path_factory.mktemp("cmaf")
    cmaf = ("-f", "hls", "-hls_segment_type", "fmp4", "-hls_segment_options", "movflags=+cmaf", "-hls_list_size", "0")
    command = [str(clips.FFMPEG), "-v", "error", *_PICTURE, "-c:v", "libx264", "-preset", "ultrafast", *cmaf, "p.m3u8"]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    return [(folder / "init.mp4").read_bytes(), (folder / "p0.m4s").read_bytes()]


@given(seed=st.integers(0, 2**32))
def test_altered_boxes_are_read_or_refused(segments: list[bytes], seed: int) -> None:
    init, segment = segments
    header = boxes.read_header(init)
    readers: tuple[Callable[[], object], ...] = (
        lambda: boxes.read_header(altered(init, seed)),
        lambda: boxes.read_fragment(altered(segment, seed), header),
    )
    for reader in readers:
        try:
            reader()
        except TemporarilyUnavailable as error:
            assert error.code == "encoder_output_damaged"  # noqa: PT017 # either end is right


EVENT = json.dumps(
    {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": "incoming"}, "object": {"key": "clips/a+b%20c.mp4", "size": 3, "eTag": "x"}},
            }
        ]
    }
).encode()


@given(seed=st.integers(0, 2**32))
def test_altered_events_are_read_or_refused(seed: int) -> None:
    try:
        parse_events(altered(EVENT, seed))
    except SourceRejected as error:
        assert error.code == "event_unreadable"  # noqa: PT017 # either end is right


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"Message":' * 50_000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b"9" * 10_000]
)
def test_events_nested_or_numbered_without_end_are_refused(body: bytes) -> None:
    with pytest.raises(SourceRejected):
        parse_events(body)
