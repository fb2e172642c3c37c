"""ffmpeg alone: the very commands that the plan makes, one clip after the other, with no cage, store or queue."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import time
from pathlib import Path

from bench.report import Cost
from config.settings import Settings
from tasks.adapters import binaries
from tasks.media import encode
from tasks.media.source import Source, SourceLimits, read_source
from workers.services import load_ladder


def run_bare(clips: list[Path], scratch: Path) -> Cost:
    """Make the renditions and the progressive file of each clip; probing and copying the clip do not count."""
    found, ladder, settings = binaries.locate("bundled"), load_ladder("news"), Settings()
    wall_s = cpu_s = 0.0
    for clip in clips:
        scratch.mkdir(parents=True)
        shutil.copy(clip, scratch / encode.SOURCE_FILE)
        source = _probe(found.ffprobe, scratch, settings)
        plan = encode.plan_encode(source, ladder, max_pixels=settings.max_pixels)
        for name in [rung.name for rung in plan.rungs] + [encode.AUDIO_NAME] * plan.has_audio:
            (scratch / encode.OUTPUT / encode.HLS / name).mkdir(parents=True)
        (scratch / encode.OUTPUT / "mp4").mkdir()
        started_s, spent_s = time.monotonic(), _children_cpu_s()
        for arguments in (plan.arguments, encode.plan_mp4(plan.mp4_rung, has_audio=plan.has_audio)):
            command = [str(found.ffmpeg), *arguments]
            subprocess.run(command, cwd=scratch, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wall_s += time.monotonic() - started_s
        cpu_s += _children_cpu_s() - spent_s
        shutil.rmtree(scratch)
    return Cost(wall_s=wall_s, cpu_s=cpu_s)


def _probe(ffprobe: Path, folder: Path, settings: Settings) -> Source:
    command = [str(ffprobe), "-v", "error", "-show_format", "-show_streams", "-of", "json", encode.SOURCE_FILE]
    answer = json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout)
    limits = SourceLimits(duration_s=settings.max_duration_s, pixels=settings.max_pixels, streams=settings.max_streams)
    return read_source(answer, limits)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
