"""Looking at an upload ends as soon as its caller wants it to: an order or a shutdown is not kept waiting."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.adapters.clock import utc_now
from tasks.adapters.ffprobe import Ffprobe
from tasks.adapters.process import Stopped
from tasks.media import sampling
from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE
from tasks.pipeline.examine import describe_source, probe
from tasks.pipeline.examine_picture import examine, recall
from tasks.pipeline.ingest import ingest
from tasks.pipeline.services import Services
from tasks.pipeline.thumbnails import thumbnails
from tasks.records import lifecycle
from tasks.records.base import Failure
from tasks.records.clip_record import ClipRecord
from tests import clips
from tests.pipeline.jobs import job_in
from tests.pipeline.published import Put


def test_every_look_ends_when_it_is_told_to(services: Services, tmp_path: Path) -> None:
    clips.progressive(tmp_path / "a.mp4", seconds=1, size="1920x1080").rename(tmp_path / SOURCE_FILE)
    stop = threading.Event()
    source = probe(services, tmp_path, stop=stop)
    assert isinstance(source, Source)
    job = job_in(tmp_path, services, stop=stop)
    examine(job, source)
    stop.set()
    for look in (
        lambda: probe(services, tmp_path, stop=stop),
        lambda: examine(job, source),
        lambda: services.ffprobe.key_frame_gap_s(tmp_path, SOURCE_FILE, 0, stop=stop),
        lambda: services.ffprobe.packet_times_s(tmp_path, SOURCE_FILE, 0, stop=stop),
    ):
        with pytest.raises(Stopped):
            look()


def test_a_scan_is_measured_once_for_all_tasks(
    services: Services, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = clips.progressive(tmp_path / "a.mp4", seconds=1, size="720x576")
    put("clips/SCANNED1.mp4", clip)
    ingest(services, "clips/SCANNED1.mp4")
    record = services.clips.get("SCANNED1")
    assert record is not None
    clip.rename(tmp_path / SOURCE_FILE)
    source = probe(services, tmp_path)
    assert isinstance(source, Source)
    asked, plan = [], sampling.plan_fields

    def note(of: Source, *, max_pixels: int, seeks: bool) -> tuple[str, ...]:
        asked.append(1)
        return plan(of, max_pixels=max_pixels, seeks=seeks)

    monkeypatch.setattr(sampling, "plan_fields", note)
    job = job_in(tmp_path, services, name="SCANNED1", work=record.work)
    recall(job, source)
    assert asked == [1]
    told = replace(source, video=replace(source.video, scan="interlaced_bff", mixed=True))
    facts = describe_source(record.source, told, "0" * 64)

    def describe(current: ClipRecord | None) -> ClipRecord | None:
        taken = lifecycle.take(current, owner="other", now=utc_now(), lease_s=60, max_attempts=3) if current else None
        return lifecycle.describe(taken, owner="other", now=utc_now(), source=facts, warnings=())

    services.clips.update("SCANNED1", describe)
    assert recall(job, source) == told
    assert asked == [1]


def test_what_a_file_without_key_frames_on_its_way_hides_is_found_by_seeking(
    services: Services, tmp_path: Path
) -> None:
    # Film on video, one key frame in all: nothing begins where the glance would.
    clip = clips.make(
        tmp_path / "a.mp4",
        *("-f", "lavfi", "-i", "testsrc2=size=720x480:rate=24000/1001:duration=8"),
        *("-vf", "telecine=pattern=23", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
        *("-g", "9999", "-sc_threshold", "0", "-field_order", "progressive"),
    )
    clip.rename(tmp_path / SOURCE_FILE)
    source = probe(services, tmp_path)
    assert isinstance(source, Source)
    assert source.video.scan == "progressive"
    assert sampling.glances_through(source)
    measured, _ = examine(job_in(tmp_path, services), source)
    assert measured.video.telecined


@pytest.mark.parametrize(("still_s", "looks"), [(8, [False, True]), (0, [False])])
def test_where_a_glance_on_the_way_tells_too_little_the_places_are_sought(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, still_s: int, looks: list[bool]
) -> None:
    picture = f"mandelbrot=size=720x576:rate=25:end_pts=100,loop={25 * still_s}:1:0,trim=duration=8"
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25")
    clips.make(tmp_path / "a.mp4", "-f", "lavfi", "-i", picture, *coded).rename(tmp_path / SOURCE_FILE)
    source = probe(services, tmp_path)
    assert isinstance(source, Source)
    asked, plan = [], sampling.plan_fields

    def note(of: Source, *, max_pixels: int, seeks: bool) -> tuple[str, ...]:
        asked.append(seeks)
        return plan(of, max_pixels=max_pixels, seeks=seeks)

    monkeypatch.setattr(sampling, "plan_fields", note)
    measured, _ = examine(job_in(tmp_path, services), source)
    assert not measured.video.is_interlaced
    assert asked == looks


def test_where_a_glance_on_the_way_finds_few_frames_of_fields_more_are_sought(
    services: Services, tmp_path: Path
) -> None:
    # Somebody who hardly moves, in fields that the file says nothing of.
    moves = "mod(40*(floor(n/24)*3+min(mod(n\\,24)\\,3))\\,600)"
    picture = "color=gray:size=720x576:rate=50:duration=8[still];color=white:size=60x300:rate=50:duration=8[moved];"
    picture += f"[still][moved]overlay=x={moves}:y=100,tinterlace=interleave_top,setfield=prog,format=yuv420p"
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-field_order", "progressive")
    clips.make(tmp_path / "a.mp4", "-f", "lavfi", "-i", picture, *coded).rename(tmp_path / SOURCE_FILE)
    source = probe(services, tmp_path)
    assert isinstance(source, Source)
    assert source.video.scan == "progressive"
    measured, _ = examine(job_in(tmp_path, services), source)
    assert measured.video.scan == "interlaced_tff"


def test_film_that_says_it_is_progressive_is_seen_on_the_way(services: Services, tmp_path: Path) -> None:
    film = ("-f", "lavfi", "-i", "testsrc2=size=720x480:rate=24000/1001:duration=8", "-vf", "telecine=pattern=23")
    coded = (
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-g",
        "30",
        "-field_order",
        "progressive",
    )
    clips.make(tmp_path / "a.mp4", *film, *coded).rename(tmp_path / SOURCE_FILE)
    source = probe(services, tmp_path)
    assert isinstance(source, Source)
    assert sampling.glanced_frames(source) >= 25
    measured, _ = examine(job_in(tmp_path, services), source)
    assert measured.video.telecined


def test_thumbnails_of_a_clip_that_is_no_longer_wanted_end_while_it_is_probed(
    services: Services, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("clips/UNWANTED1.mp4", clips.progressive(tmp_path / "a.mp4", seconds=1))
    ingest(services, "clips/UNWANTED1.mp4")
    record = services.clips.get("UNWANTED1")
    assert record is not None
    version, ask = record.version, Ffprobe.source
    cancelled = Failure(code="cancelled", message="Nobody wants this clip.")

    def endless(
        self: Ffprobe,
        folder: Path,
        name: str,
        *,
        max_pixels: int,
        measures_length: bool = True,
        stop: threading.Event | None = None,
    ) -> dict[str, object]:
        services.clips.update(
            "UNWANTED1",
            lambda current: lifecycle.reject(current, version=version, now=utc_now(), failure=cancelled),
        )
        # A file that keeps ffprobe busy for a minute.
        for _ in range(600):
            ask(self, folder, name, max_pixels=max_pixels, stop=stop)
        return {}

    monkeypatch.setattr(Ffprobe, "source", endless)
    ended = threading.Event()

    def run() -> None:
        thumbnails(services, "UNWANTED1")
        ended.set()

    threading.Thread(target=run, daemon=True).start()
    assert ended.wait(20)
    record = services.clips.get("UNWANTED1")
    assert record is not None
    assert record.failure is not None
    assert record.failure.code == "cancelled"
    assert record.poster is None
