"""What speaks against a copy while it is made: key frames far apart, and pictures that are coded in another way."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tasks.media.progress import Progress
from tasks.pipeline import original_copy
from tasks.pipeline.copied_segments import CopiedSegments, copied_s
from tasks.pipeline.services import Services
from tests import clips
from tests.described import joined
from tests.media.test_encode import SMALL
from tests.pipeline.published import H264, Put, messages, publish
from tests.pipeline.test_original_copy import SIZE, TAGGED, ladder, made, published, read, renditions, starts_s


def test_a_clip_of_one_key_frame_is_not_shown_as_one_endless_segment(
    services: Services, put: Put, tmp_path: Path
) -> None:
    clip = clips.progressive(tmp_path / "a.mp4", seconds=32, size="160x90", rate="10", extra=("-g", "9999", *TAGGED))
    record, seen = published(ladder(services, copy_max_bitrate_bps=8_000_000), put, "120320_COPY4", clip)
    assert record.renditions
    assert not any("original" in text for text in seen)


def test_a_recorded_stream_is_no_longer_shown_by_copy_once_its_key_frames_are_rare(
    services: Services, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Slowly enough to be shown before it is given up, on a busy machine, too.
    monkeypatch.setattr(original_copy, "sound_pace", lambda *_: 6.0)
    keys = ("-force_key_frames", "0,2,4,6,8,10,12,35", "-g", "9999", "-sc_threshold", "0", "-bf", "2")
    rare = (*keys, "-f", "mpegts", *TAGGED)
    clip = clips.progressive(tmp_path / "a.ts", seconds=40, size=SIZE, rate="10", extra=rare)
    record, seen = published(ladder(services, copy_max_bitrate_bps=8_000_000), put, "120320_RARE1", clip)
    assert renditions(seen[0]) == ["original"]
    assert renditions(seen[-1]) == ["360p", "180p"]
    # Whoever began with it comes to an end, and the ladder was shown before it was complete.
    assert starts_s(services, record, "original") == pytest.approx([0, 2, 4, 6, 8, 10], abs=0.03)
    picture, sound = (made(services, record, track) for track in ("original", "original-audio"))
    assert picture.is_complete
    assert sound.is_complete
    # Nobody is left with sound alone.
    assert sound.duration_s < picture.duration_s + 2.1
    assert len(seen) > 2


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_sound_that_goes_on_long_after_the_picture_is_no_reason_to_give_up_its_copy(
    services: Services, put: Put, tmp_path: Path, ending: str
) -> None:
    picture = ("-f", "lavfi", "-i", f"testsrc2=size={SIZE}:rate=10:duration=31")
    sound = ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=55", "-c:a", "aac")
    clip = clips.make(tmp_path / f"a.{ending}", *picture, *sound, *H264, "-g", "20", "-sc_threshold", "0", *TAGGED)
    # Not every muxer of Matroska tells how long each track lasts.
    clip.write_bytes(clip.read_bytes().replace(b"DURATION", b"OTHERTAG"))
    with capture_logs() as told:
        publish(ladder(services, copy_max_bitrate_bps=8_000_000), put, clip, f"120320_TAIL{ending}")
    assert "playable" in [each["event"] for each in told]
    assert "not copied" not in [each["event"] for each in told]


def test_a_stream_with_one_key_frame_is_not_copied_to_its_end(tmp_path: Path) -> None:
    segments = CopiedSegments(tmp_path, is_short=False)
    assert segments.fault(19.0) is None
    assert segments.fault(21.0) is not None
    assert CopiedSegments(tmp_path, is_short=True).fault(21.0) is None


@pytest.mark.parametrize(
    ("told_s", "frames", "time_s", "expected"),
    [
        pytest.param(31.0, 310, 55.0, 31.0, id="sound behind it"),
        pytest.param(None, 310, 55.0, 31.0, id="sound behind it, and no tag"),
        pytest.param(1.0, 310, 31.0, 31.0, id="a tag that tells too little"),
        pytest.param(60.0, 10, 31.0, 31.0, id="frames left out"),
    ],
)
def test_what_is_copied_of_the_picture_is_known_whatever_is_told_of_its_length(
    told_s: float | None, frames: int, time_s: float, expected: float
) -> None:
    video = replace(SMALL.video, frame_rate=Fraction(10), duration_s=told_s)
    assert copied_s(Progress(frames=frames, time_s=time_s), video) == expected


def test_a_film_whose_parts_are_coded_in_different_ways_is_not_copied(
    services: Services, put: Put, tmp_path: Path
) -> None:
    parts = [
        clips.progressive(
            tmp_path / f"{coder}.mp4", size=SIZE, sound=False, extra=("-g", "25", "-coder", coder, *TAGGED)
        )
        for coder in ("0", "1")
    ]
    clip = joined(tmp_path / "joined.mp4", parts, size=(640, 360))
    record, seen = published(ladder(services, copy_max_bitrate_bps=20_000_000), put, "120320_JOINED1", clip)
    assert not any("original" in text for text in seen)
    made = tmp_path / "made.mp4"
    made.write_bytes(read(services, record, record.mp4[0].url))
    assert "rror" not in messages(made, "-map", "0:v")


@pytest.mark.parametrize("second", [("-s", "320x180"), ("-coder", "1")], ids=["size", "profile"])
def test_what_is_coded_in_another_way_from_somewhere_on_is_not_published_by_copy(
    services: Services, put: Put, tmp_path: Path, second: tuple[str, ...]
) -> None:
    stream = b""
    for number, changes in enumerate(((), second)):
        coded = ("-g", "50", "-b:v", "400k", *TAGGED, *changes, "-output_ts_offset", str(6 * number))
        part = clips.progressive(tmp_path / f"{number}.ts", seconds=6, size=SIZE, sound=False, extra=coded)
        stream += part.read_bytes()
    (tmp_path / "joined.ts").write_bytes(stream)
    clip = clips.make(tmp_path / "joined.mp4", "-i", str(tmp_path / "joined.ts"), "-c", "copy")
    name = f"120320_CODED{len(second[1])}"
    record, _ = published(ladder(services, copy_max_bitrate_bps=20_000_000), put, name, clip)
    assert [each.name for each in record.renditions] == ["360p", "180p"]
    made = tmp_path / "made.mp4"
    made.write_bytes(read(services, record, record.mp4[0].url))
    frames = messages(made, "-map", "0:v", "-vf", "showinfo")
    assert len(re.findall(r" n: *\d+ ", frames)) == 300
    assert set(re.findall(r" s:(\d+x\d+)", frames)) == {SIZE}
