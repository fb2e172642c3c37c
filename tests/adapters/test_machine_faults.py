"""The machine's faults and the upload's: what the real programs say of either, and what follows."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

import pytest

from tasks.adapters import machine_faults
from tasks.adapters.cage import Cage
from tasks.adapters.ffmpeg import Ffmpeg
from tasks.adapters.ffprobe import Ffprobe
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media.progress import Progress
from tests import clips

OFF: Final = Cage("off")
COPY: Final = ("-nostdin", "-v", "error", "-i", "source", "-c", "copy", "-f", "mp4", "-y")
PROGRAM: Final = "[in#0/mpegts @ 0x56118782ad00] "
MP4: Final = "[out#0/mp4 @ 0x564966a61240] "


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return clips.progressive(tmp_path / "clip.mp4", seconds=1, size="160x90").rename(tmp_path / "source")


class CodesOfCage(Cage):
    """Tells exit codes as the cage does, in which no script can run: ffmpeg's may look like deaths by a signal."""

    works = True


def instead(folder: Path, script: str) -> Path:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


# As strace made ffmpeg 9.0.2 (glibc) and ffprobe 8.1.2 (musl) say it, by errors put into their system calls.
@pytest.mark.parametrize(
    ("said", "exit_code", "code"),
    [
        (f"{MP4}Error writing trailer: No space left on device", 228, "disk_full"),
        (f"{MP4}Error opening output o.mp4: Disk quota exceeded", 134, "disk_full"),
        (f"{MP4}Could not write header (incorrect codec parameters ?): Read-only file system", 226, "disk_error"),
        (f"{MP4}Error writing trailer: Input/output error", 251, "disk_error"),
        (f"{PROGRAM}Error during demuxing: Stale file handle", 140, "disk_error"),
        ("Error opening input files: Transport endpoint is not connected", 149, "disk_error"),
        ("Error opening input files: Remote I/O error", 135, "disk_error"),
        (f"{PROGRAM}pthread_create() failed: Resource temporarily unavailable", 245, "encoder_not_started"),
        ("[dec:h264 @ 0x1] Error while opening decoder: Resource temporarily unavailable", 245, "encoder_not_started"),
        ("Error opening input files: Too many open files in system", 233, "encoder_not_started"),
        (f"{PROGRAM}Error during demuxing: Input/output error", 251, "input_error"),
    ],
)
@pytest.mark.parametrize("is_caged", [False, True])
def test_what_ffmpeg_says_of_the_machine_is_held_against_no_upload(
    tmp_path: Path, source: Path, is_caged: bool, said: str, exit_code: int, code: str
) -> None:
    program = instead(tmp_path, f"echo '{said}' >&2; exit {exit_code}")
    with pytest.raises(TemporarilyUnavailable) as raised:
        Ffmpeg(program, CodesOfCage("off") if is_caged else OFF).run(tmp_path, COPY, timeout_s=20)
    assert (raised.value.code, said in raised.value.detail) == (code, True)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("source: Quota exceeded", "disk_full"),
        ("source: Socket not connected", "disk_error"),
        ("source: No file descriptors available", "probe_not_started"),
        ("source: I/O error", "input_error"),
    ],
)
def test_what_ffprobe_says_of_the_machine_is_held_against_no_upload(
    tmp_path: Path, source: Path, said: str, code: str
) -> None:
    probe = Ffprobe(instead(tmp_path, f"echo '{said}' >&2; exit 1"), OFF)
    asked = (
        lambda: probe.source(tmp_path, "source", max_pixels=10**7),
        lambda: probe.key_frame_gap_s(tmp_path, "source", 0),
        lambda: probe.packet_times_s(tmp_path, "source", 0),
    )
    for ask in asked:
        with pytest.raises(TemporarilyUnavailable) as raised:
            ask()
        assert raised.value.code == code


def test_an_upload_that_cannot_be_read_is_the_disks_fault(tmp_path: Path) -> None:
    # Nothing is mapped at the beginning of any process's memory: reading there is an input/output error.
    (tmp_path / "source").symlink_to("/proc/self/mem")
    with pytest.raises(TemporarilyUnavailable) as raised:
        Ffmpeg(clips.FFMPEG, OFF).run(tmp_path, (*COPY, "out"), timeout_s=20)
    assert raised.value.code == "disk_error"
    with pytest.raises(TemporarilyUnavailable) as raised:
        Ffprobe(clips.FFPROBE, OFF).source(tmp_path, "source", max_pixels=10**7)
    assert raised.value.code == "disk_error"


def test_a_run_that_broke_off_and_ended_well_counts_only_where_the_upload_can_be_read(
    tmp_path: Path, source: Path
) -> None:
    broke_off = Ffmpeg(instead(tmp_path, f"echo '{PROGRAM}Error during demuxing: Input/output error' >&2"), OFF)
    assert broke_off.run(tmp_path, COPY, timeout_s=20).exit_code == 0
    source.unlink()
    source.symlink_to("/proc/self/mem")
    with pytest.raises(TemporarilyUnavailable) as raised:
        broke_off.run(tmp_path, COPY, timeout_s=20)
    assert raised.value.code == "disk_error"


def test_a_run_without_files_to_open_is_the_machines_fault(tmp_path: Path, source: Path) -> None:
    scarce = instead(tmp_path, f'ulimit -n 4; exec {clips.FFMPEG} "$@"')
    with pytest.raises(TemporarilyUnavailable) as raised:
        Ffmpeg(scarce, OFF).run(tmp_path, (*COPY, "out"), timeout_s=20)
    assert raised.value.code == "encoder_not_started"


def test_a_disk_that_fails_while_progress_is_looked_at_is_not_said_to_be_the_encoders(
    tmp_path: Path, source: Path
) -> None:
    def look(_: Progress) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    arguments = ("-progress", "pipe:1", *COPY, "copy.mp4")
    with pytest.raises(TemporarilyUnavailable) as ended:
        Ffmpeg(clips.FFMPEG, OFF).run(tmp_path, arguments, timeout_s=30, on_progress=look)
    assert ended.value.code == "disk_error"


@pytest.mark.skipif(not Cage("auto").works, reason="bubblewrap can make no user namespace on this machine")
def test_a_disk_that_can_be_read_only_is_the_machines_fault(tmp_path: Path, source: Path) -> None:
    with pytest.raises(TemporarilyUnavailable) as raised:
        Ffmpeg(clips.FFMPEG, Cage("auto")).run(tmp_path, (*COPY, "/lib/out"), timeout_s=20)
    assert raised.value.code == "disk_error"


def test_a_damaged_upload_is_rejected_as_before(tmp_path: Path, source: Path) -> None:
    source.write_bytes(source.read_bytes()[:600])
    with pytest.raises(SourceRejected) as raised:
        Ffmpeg(clips.FFMPEG, OFF).run(tmp_path, (*COPY, "out"), timeout_s=20)
    assert raised.value.code == "undecodable"
    with pytest.raises(SourceRejected) as raised:
        Ffprobe(clips.FFPROBE, OFF).source(tmp_path, "source", max_pixels=10**7)
    assert raised.value.code == "unreadable"


def test_words_in_the_middle_of_a_line_are_the_uploads(tmp_path: Path) -> None:
    # A file may hold any text, such as a title; what an error ends with is the C library's.
    said = "title: Read-only file system, he said\nflags: Input/output error rate"
    assert machine_faults.of_program(said, tmp_path, reads_upload=True, not_started="x") is None


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "disk_full"), (errno.EDQUOT, "disk_full"), (errno.EIO, "disk_error")]
)
def test_our_own_use_of_the_disk_has_the_same_codes(number: int, code: str) -> None:
    assert machine_faults.of_disk(OSError(number, os.strerror(number))).code == code
