"""Playable at once: the source's own pictures by copy, or the smallest rung before the others."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from tasks.errors import TemporarilyUnavailable
from tasks.media import encode, package
from tasks.media.dash import Picture
from tasks.media.encode import Run
from tasks.media.ladder import Ladder, PlannedRung
from tasks.media.mp4 import boxes
from tasks.media.mp4.boxes import Fragment, Header
from tasks.media.package import MediaPlaylist, Track
from tasks.media.progress import Progress
from tasks.media.source import Source
from tasks.pipeline import packaging, picture_runs
from tasks.pipeline.ingest import ingest
from tasks.pipeline.job import Job
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.pipeline.transcode import transcode
from tasks.records.clip_record import ClipRecord, ClipState
from tests import clips
from tests.media.test_parameter_sets import told_by_ffprobe
from tests.pipeline.published import H264, PICTURE, Put
from tests.pipeline.test_sound_runs import coded

SIZE = "640x360"
TAGGED = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv")


def ladder(services: Services, *, copy_max_bitrate_bps: int, smallest_first: bool = False) -> Services:
    """The services with two rungs of 360 and 180 lines, and these choices of what is played first."""
    start = services.ladder.start.model_copy(
        update={"copy_max_bitrate_bps": copy_max_bitrate_bps, "smallest_first": smallest_first}
    )
    rungs = tuple(services.ladder.rungs[-1].model_copy(update={"height": height}) for height in (360, 180))
    made: Ladder = services.ladder.model_copy(update={"start": start, "rungs": rungs})
    return replace(services, ladder=made)


def published(services: Services, put: Put, name: str, clip: Path) -> tuple[ClipRecord, list[str]]:
    """Bring a clip to its end; returns its record, and each multivariant playlist that readers saw on the way."""
    put(f"clips/{name}.mp4", clip)
    ingest(services, f"clips/{name}.mp4")
    thumbnails(services, name)
    worker = threading.Thread(target=transcode, args=(services, name))
    worker.start()
    seen: list[str] = []
    while True:
        is_last = not worker.is_alive()
        record = services.clips.get(name)
        assert record is not None
        if record.hls and (text := read(services, record, record.hls).decode()) not in seen:
            seen.append(text)
        if is_last:
            break
        time.sleep(0.05)
    worker.join()
    assert record.state is ClipState.READY, record.failure
    return record, seen


def read(services: Services, record: ClipRecord, url: str) -> bytes:
    return services.store.get(services.settings.media_bucket, urljoin(f"clips/{record.name}/", url)).body


def renditions(text: str) -> list[str]:
    return re.findall(r"^([^#\n]+)/index.m3u8$", text, re.MULTILINE)


def made(services: Services, record: ClipRecord, track: str) -> MediaPlaylist:
    """What readers have of a rendition or programme."""
    assert record.hls is not None
    return package.read_media_playlist(
        read(services, record, f"{record.hls.rpartition('/')[0]}/{track}/index.m3u8").decode()
    )


def starts_s(services: Services, record: ClipRecord, track: str) -> list[float]:
    """When each segment of a rendition is presented."""
    assert record.hls is not None
    folder = record.hls.rpartition("/")[0] + f"/{track}/"
    playlist = package.read_media_playlist(read(services, record, folder + "index.m3u8").decode())
    header = boxes.read_header(read(services, record, folder + playlist.init))
    fragments = [boxes.read_fragment(read(services, record, folder + name), header) for name, _ in playlist.segments]
    assert all(fragment.begins_with_key_frame for fragment in fragments)
    return [fragment.start / header.timescale for fragment in fragments]


def test_a_source_that_complies_with_a_rung_is_that_rung_and_the_others_keep_its_key_frames(
    services: Services, put: Put, tmp_path: Path
) -> None:
    # Key frames at irregular distances, as an editor's cuts give them.
    keys = ("-force_key_frames", "0,1.2,2,3.4,4.8,5.2,6", "-g", "250", "-sc_threshold", "0", "-b:v", "500k")
    clip = clips.progressive(tmp_path / "a.mp4", seconds=7, size=SIZE, extra=(*keys, *TAGGED))
    record, seen = published(ladder(services, copy_max_bitrate_bps=5_000_000), put, "120320_COPY1", clip)
    assert [each.name for each in record.renditions] == ["original", "180p"]
    assert starts_s(services, record, "original") == pytest.approx([0, 2, 4.8, 6], abs=0.001)
    assert starts_s(services, record, "180p") == pytest.approx(starts_s(services, record, "original"), abs=0.001)
    assert renditions(seen[0]) == ["original"]
    assert sorted(renditions(seen[-1])) == ["180p", "original"]
    assert record.mp4[0].url.endswith("/mp4/original.mp4")
    # The finished sound is at the ladder's loudness; what was heard at once was as it had been uploaded.
    assert record.sound[0].loudness is not None
    assert "original-audio" in seen[0]
    assert "original-audio" not in seen[-1]


def test_a_source_with_too_many_bits_is_played_by_copy_until_the_ladder_is_done(
    services: Services, put: Put, tmp_path: Path
) -> None:
    rich = ("-b:v", "4M", "-maxrate", "4M", "-bufsize", "2M", "-x264-params", "nal-hrd=cbr", "-g", "50")
    clip = clips.progressive(tmp_path / "a.mp4", seconds=6, size=SIZE, extra=rich)
    record, seen = published(ladder(services, copy_max_bitrate_bps=8_000_000), put, "120320_COPY2", clip)
    assert renditions(seen[0]) == ["original"]
    assert [each.name for each in record.renditions] == ["360p", "180p"]
    assert "original" not in renditions(seen[-1])
    # Whoever began with the original plays it to its end.
    assert starts_s(services, record, "original") == pytest.approx([0, 2, 4], abs=0.001)


@pytest.mark.parametrize("form", ["mpegts", "flv"])
def test_a_recorded_stream_is_played_by_copy_until_the_ladder_is_done(
    services: Services, put: Put, tmp_path: Path, form: str
) -> None:
    clip = clips.progressive(tmp_path / "a", seconds=6, size=SIZE, extra=("-g", "25", "-bf", "2", "-f", form))
    record, seen = published(ladder(services, copy_max_bitrate_bps=8_000_000), put, f"120320_{form.upper()}1", clip)
    assert renditions(seen[0]) == ["original"]
    assert [each.name for each in record.renditions] == ["360p", "180p"]
    assert "original" not in renditions(seen[-1])
    # The sound begins a frame of AAC before the picture.
    assert starts_s(services, record, "original") == pytest.approx([0, 2, 4], abs=0.03)


def test_a_recording_that_begins_in_the_midst_of_a_broadcast_is_not_heard_before_it_is_seen(
    services: Services, put: Put, tmp_path: Path
) -> None:
    clip = clips.progressive(tmp_path / "a.ts", seconds=6, size=SIZE, extra=("-g", "50", "-bf", "2", "-f", "mpegts"))
    clip.write_bytes(clip.read_bytes()[188 * 400 :])
    record, seen = published(ladder(services, copy_max_bitrate_bps=8_000_000), put, "120320_STREAM2", clip)
    assert not any("original" in renditions(each) for each in seen)
    assert [each.name for each in record.renditions] == ["360p", "180p"]


@pytest.mark.parametrize("is_coded", [True, False])
def test_sound_that_only_poses_as_pcm_is_not_played_by_copy_either(
    services: Services, put: Put, tmp_path: Path, is_coded: bool
) -> None:
    raw = ("-f", "s32le", "-ar", "48000", "-ac", "2", "-i", str(coded(tmp_path / "raw", 16)))
    sound = raw if is_coded else ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=4", "-ac", "2")
    clip = clips.make(tmp_path / "a.mp4", *PICTURE, *sound, *H264, "-c:a", "pcm_s16le")
    name = f"120320_POSER{is_coded:d}"
    record, seen = published(ladder(services, copy_max_bitrate_bps=50_000_000), put, name, clip)
    assert ("original" in renditions(seen[0])) != is_coded
    assert ("sound_unreadable" in {each.code for each in record.warnings}) == is_coded


def test_the_smallest_rung_is_played_before_the_others_are_made(
    services: Services, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = clips.progressive(tmp_path / "a.mp4", seconds=8, size=SIZE)
    run = picture_runs.run

    def once_it_plays(job: Job, source: Source, which: Run, *kept: Any, **named: Any) -> Progress:
        # So short a clip is done on an idle machine before anybody has looked.
        deadline = time.monotonic() + 30
        while "360p" in which.tracks and time.monotonic() < deadline:
            record = services.clips.get("120320_LANE1")
            if record is not None and record.hls is not None:
                time.sleep(2)
                break
            time.sleep(0.05)
        return run(job, source, which, *kept, **named)

    monkeypatch.setattr(picture_runs, "run", once_it_plays)
    record, seen = published(ladder(services, copy_max_bitrate_bps=0, smallest_first=True), put, "120320_LANE1", clip)
    assert renditions(seen[0]) == ["180p"]
    assert [each.name for each in record.renditions] == ["360p", "180p"]
    assert starts_s(services, record, "180p") == pytest.approx(starts_s(services, record, "360p"), abs=0.001)


def test_the_sound_of_a_long_clip_is_made_again_where_its_beginning_was_unlike_the_rest(
    services: Services, put: Put, tmp_path: Path
) -> None:
    speech = "sine=frequency=300:sample_rate=48000:duration=65,volume='if(lt(t,25),0.02,0.5)':eval=frame"
    clip = clips.make(
        tmp_path / "a.mp4",
        *("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=10:duration=65", "-f", "lavfi", "-i", speech),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
    )
    record, seen = published(ladder(services, copy_max_bitrate_bps=0), put, "120320_LOUD1", clip)
    assert "/audio/" in seen[0].replace('"audio/', "/audio/")
    assert "audio-whole/index.m3u8" in seen[-1]
    (sound,) = record.sound
    assert sound.loudness is not None
    assert sound.loudness.integrated_lufs + sound.loudness.gain_db == pytest.approx(-16, abs=1)


def test_a_copy_that_was_ended_half_way_leaves_nothing_that_keeps_the_ladder_from_being_published(
    services: Services, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_all = picture_runs.run

    def killed(job: Job, source: Source, run: Run, *kept: Any, **named: Any) -> Progress:
        if not run.sound:
            return run_all(job, source, run, *kept, **named)
        for track in run.tracks:
            begun = job.output / encode.HLS / track
            begun.mkdir(parents=True)
            (begun / "00000.m4s.tmp").write_bytes(b"half a segment")
            (begun / "index.m3u8").write_text("#EXTM3U\n", encoding="utf-8")
        raise TemporarilyUnavailable("encoder_killed", "The encoder was killed from outside.", "signal 9")

    monkeypatch.setattr(picture_runs, "run", killed)
    clip = clips.progressive(tmp_path / "a.mp4", seconds=2, size=SIZE)
    record, _ = published(ladder(services, copy_max_bitrate_bps=8_000_000), put, "120320_COPY3", clip)
    assert [each.name for each in record.renditions] == ["360p", "180p"]
    # Nobody was shown it.
    media = services.store.list(services.settings.media_bucket, f"clips/{record.name}/")
    assert not [each.key for each in media if "/original" in each.key]


def test_a_copy_that_turns_out_to_be_of_fields_is_shown_to_nobody(services: Services, put: Put, tmp_path: Path) -> None:
    # The file says that its pictures are progressive.
    fields = ("-vf", "tinterlace=interleave_top,setfield=prog", "-g", "25", *TAGGED)
    clip = clips.progressive(tmp_path / "a.mp4", seconds=4, size="720x576", rate="50", extra=fields)
    record, seen = published(ladder(services, copy_max_bitrate_bps=20_000_000), put, "120320_COPY5", clip)
    assert record.source is not None
    assert record.source.video is not None
    assert record.source.video.scan == "interlaced_tff"
    assert not any("original" in text for text in seen)
    published_keys = [each.key for each in services.store.list(services.settings.media_bucket, "clips/120320_COPY5/")]
    assert published_keys
    assert not [key for key in published_keys if "original" in key]


def test_a_source_whose_flags_say_fields_where_there_are_none_is_copied_all_the_same(
    services: Services, put: Put, tmp_path: Path
) -> None:
    told = ("-field_order", "tt", "-f", "mov", "-g", "25", *TAGGED)
    clip = clips.progressive(tmp_path / "a.mp4", seconds=4, size="720x576", extra=told)
    _, seen = published(ladder(services, copy_max_bitrate_bps=20_000_000), put, "120320_COPY6", clip)
    assert renditions(seen[0]) == ["original"]


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_copy_says_of_pixels_and_colours_what_the_container_of_the_source_said(
    services: Services, put: Put, tmp_path: Path, ending: str
) -> None:
    coded = ("-g", "50", "-b:v", "500k", *TAGGED, "-movflags", "+write_colr")
    plain = clips.progressive(tmp_path / "a.mp4", seconds=3, size=SIZE, extra=coded)
    changes = "h264_metadata=sample_aspect_ratio=4/3:matrix_coefficients=6:transfer_characteristics=16"
    wide = ("-c", "copy", "-bsf:v", changes, *coded[-2:])
    clip = clips.make(tmp_path / f"wide.{ending}", "-i", str(plain), *wide)
    name = f"120320_WIDE{ending.upper()}1"
    record, _ = published(ladder(services, copy_max_bitrate_bps=20_000_000), put, name, clip)
    assert "original" in record.renditions[0].name
    copied = tmp_path / "original.mp4"
    copied.write_bytes(read(services, record, record.mp4[0].url))
    # Without its container, whose word decoders of browsers don't take.
    bare = clips.make(tmp_path / "bare.h264", "-i", str(copied), "-map", "0:v", "-c", "copy")
    assert told_by_ffprobe(bare) == 1
    assert told_by_ffprobe(bare, "color_space") == "bt709"
    assert told_by_ffprobe(bare, "color_transfer") == "bt709"


def test_renditions_whose_segments_part_are_not_published() -> None:
    def picture(*starts: int) -> Picture:
        one = Fragment(
            decode_time=0, start=0, duration=50, samples=50, offset=0, size_bytes=9, begins_with_key_frame=True
        )
        return Picture(
            name="180p",
            track=Track(peak_bps=1, average_bps=1, codecs="avc1.64001f"),
            header=Header(timescale=25, edit_offset=0, entry="avc1", configuration=b""),
            playlist=MediaPlaylist(init="init.mp4", segments=(), is_complete=True),
            fragments=tuple(one.evolve(start=start) for start in starts),
            rung=PlannedRung(
                name="180p", width=320, height=180, frame_rate=Fraction(25), crf=23, max_bitrate_bps=500_000
            ),
        )

    packaging.verify_aligned([picture(0, 50, 120), picture(0, 50, 120)])
    for other in (picture(0, 50), picture(0, 50, 121)):
        with pytest.raises(TemporarilyUnavailable, match="damaged"):
            packaging.verify_aligned([picture(0, 50, 120), other])
