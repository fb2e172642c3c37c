"""Reads files as a worker does, each in a process of its own, and prints as JSON how it ended, its time and its memory.

Memory is that of the largest of the processes that took part: the reader's own, ffprobe, ffmpeg.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from fractions import Fraction
from pathlib import Path

import ffmpeg

from tasks.adapters.cage import Cage
from tasks.adapters.ffmpeg import Ffmpeg
from tasks.adapters.ffprobe import Ffprobe
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE, input_options
from tasks.media.source_reading import SourceLimits, read_recording
from tests import clips

PIXELS = 8192 * 4320
LIMITS = SourceLimits(duration_s=6 * 3600.0, pixels=PIXELS, streams=64)
_MOST_S = 20.0


def read(folder: Path) -> str:
    """Probe, measure and decode the folder's ``source``; the code it is refused with, or ``taken``."""
    # The limits hold in the cage and out of it alike, but bubblewrap does not tell what its program used.
    cage = Cage("off")
    probe, decoder = Ffprobe(clips.FFPROBE, cage), Ffmpeg(clips.FFMPEG, cage)
    try:
        source = read_recording(probe.source(folder, SOURCE_FILE, max_pixels=PIXELS), LIMITS)
        if not isinstance(source, Source):
            return "no_video"
        probe.packet_times_s(folder, SOURCE_FILE, source.video.index)
        probe.key_frame_gap_s(folder, SOURCE_FILE, source.video.index)
        assert 0 < source.video.frame_rate <= Fraction(240)
        picture = ffmpeg.input(SOURCE_FILE, **input_options(max_pixels=PIXELS))[str(source.video.index)]
        output = picture.filter("fps", str(source.video.frame_rate)).output("-", f="null")
        decoder.run(
            folder,
            ("-nostdin", "-loglevel", "error", "-progress", "pipe:1", *output.get_args()),
            timeout_s=_MOST_S,
            on_progress=lambda _: None,
            longest_s=source.longest_s(LIMITS.duration_s),
        )
    except (SourceRejected, TemporarilyUnavailable) as error:
        return error.code
    return "taken"


def main() -> None:
    """Print a line for each folder: code, seconds, largest memory in bytes."""
    for folder in sys.argv[1:]:
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            try:
                code = read(Path(folder))
                (Path(folder) / "code").write_text(code, encoding="ascii")
            finally:
                os._exit(0)
        _, status, used = os.wait4(child, 0)
        told = Path(folder) / "code"
        print(
            json.dumps(
                {
                    "code": told.read_text(encoding="ascii") if told.exists() else f"no answer, status {status}",
                    "seconds": time.monotonic() - started,
                    "bytes": used.ru_maxrss * 1024,
                    "cpu_s": used.ru_utime + used.ru_stime,
                }
            ),
            flush=True,
        )
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


if __name__ == "__main__":
    main()
