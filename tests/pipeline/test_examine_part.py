"""Files of which not every stream can be opened are examined by copies, each of which has a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.media import partial
from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE
from tasks.pipeline import examine, examine_part
from tasks.pipeline.job import Job
from tasks.pipeline.services import Services
from tests import clips
from tests.pipeline.jobs import job_in


@pytest.fixture
def job(services: Services, tmp_path: Path) -> Job:
    clips.progressive(tmp_path / "a.mp4", seconds=1, size="160x90").rename(tmp_path / SOURCE_FILE)
    return job_in(tmp_path, services)


@pytest.fixture
def source(job: Job) -> Source:
    probed = examine.probe(job.services, job.folder)
    assert isinstance(probed, Source)
    return probed


def test_two_that_copy_the_pictures_at_once_do_not_share_a_file(job: Job, source: Source) -> None:
    def ask(name: str, _: int) -> bool:
        return name != SOURCE_FILE

    def ask_beside_another(name: str, stream: int) -> bool:
        if name == SOURCE_FILE:
            return False
        examine_part.of_pictures(job, source, ask, first_s=1)
        return (job.folder / name).is_file()

    assert examine_part.of_pictures(job, source, ask_beside_another, first_s=1)
    assert [each.name for each in job.folder.iterdir()] == [SOURCE_FILE]


def test_what_an_earlier_run_left_over_is_not_asked(job: Job, source: Source) -> None:
    (job.folder / partial.PART).write_bytes(b"left over")
    probe = job.services.ffprobe

    def ask(name: str, stream: int) -> list[float]:
        return [] if name == SOURCE_FILE else probe.packet_times_s(job.folder, name, stream)

    assert len(examine_part.of_pictures(job, source, ask, first_s=1)) == 25


def test_a_picture_is_taken_whatever_number_of_damaged_tracks_is_beside_it(services: Services, tmp_path: Path) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=1")
    sound = ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=1")
    tracks = ("-map", "0", *("-map", "1") * 7, "-c:v", "libx264", "-c:a", "libvorbis", "-c:a:6", "aac")
    made = clips.make(tmp_path / "a.mkv", *picture, *sound, *tracks)
    data = made.read_bytes()
    assert data.count(b"\x05vorbis") == 6
    (tmp_path / SOURCE_FILE).write_bytes(data.replace(b"\x05vorbis", bytes(7)))
    probed = examine.probe(services, tmp_path)
    assert isinstance(probed, Source)
    assert [each.codec for each in probed.audio] == ["aac"]
    assert probed.unreadable_audio == 6
