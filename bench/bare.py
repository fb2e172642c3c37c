"""ffmpeg alone, as its users would call it: no cage, no queue, no store, and everything known beforehand.

Filters and encoders are the pipeline's own, so that the same pictures come out and only the way to them differs. Only
the smaller rungs are scaled as everyone does it, by ``scale``: the pipeline's ``zscale`` differs from it by rounding.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import ffmpeg

from bench.cost import Cost, Meter
from bench.job import SETTINGS, Job
from bench.programs import FFMPEG
from tasks.media import encode
from tasks.media.colour import as_jpeg, scaled
from tasks.media.encoders import encoder_options
from tasks.media.ladder import PlannedRung
from tasks.media.picture import shown
from tasks.media.sound.mix import mixed
from tasks.media.source_input import SOURCE_FILE, input_options

_QUIET: Final = ("-nostdin", "-hide_banner", "-loglevel", "error", "-y")
_ITSELF: Final = "ffmpeg"


def one_run(job: Job) -> list[tuple[str, ...]]:
    """The best that ffmpeg's command line offers: one decode, all renditions, the sound and the storyboard."""
    clip = _input()
    stream = _fitted(job, clip, job.rungs[0])
    pictures = []
    for number, rung in enumerate(job.rungs):
        if number:
            stream = stream.filter("scale", rung.width, rung.height, flags="lanczos").filter("setsar", 1)
        split = stream.split()
        pictures.append(split[0])
        stream = split[1]
    sound = mixed(clip, job.programme, job.ladder.audio)
    outputs = [_hls(job, [*pictures, sound], job.rungs, has_sound=True), _storyboard(job, stream)]
    return [(*_QUIET, *ffmpeg.merge_outputs(*outputs).get_args())]


def run_each(job: Job) -> list[tuple[str, ...]]:
    """The way of many: a run for each rendition, the sound with the first, a run over key frames for the storyboard."""
    commands = []
    for number, rung in enumerate(job.rungs):
        clip = _input()
        streams = [_fitted(job, clip, rung)] + [mixed(clip, job.programme, job.ladder.audio)] * (number == 0)
        commands.append((*_QUIET, *_hls(job, streams, [rung], has_sound=number == 0).get_args()))
    picture = _input(key_frames_only=True)[str(job.source.video.index)]
    commands.append((*_QUIET, *_storyboard(job, scaled(picture, job.source.video.colour, 640, 360)).get_args()))
    return commands


def fixed_bitrate(job: Job, bitrates_bps: Sequence[int]) -> list[tuple[str, ...]]:
    """One run that makes the same rungs at these bitrates, whatever the content is."""
    stream = _fitted(job, _input(), job.rungs[0])
    outputs = []
    for number, (rung, bitrate_bps) in enumerate(zip(job.rungs, bitrates_bps, strict=True)):
        if number:
            stream = stream.filter("scale", rung.width, rung.height, flags="lanczos").filter("setsar", 1)
        split = stream.split()
        rate = {"b:v": bitrate_bps, "maxrate": bitrate_bps, "bufsize": 2 * bitrate_bps}
        gop = _gop(job)
        options = {"c:v": "libx264", "preset": job.ladder.preset, "profile:v": "high", "g": gop, "sc_threshold": 0}
        outputs.append(split[0].output(f"{encode.OUTPUT}/{rung.name}.mp4", **options, **rate))
        stream = split[1]
    outputs.append(stream.output("-", f="null"))
    return [(*_QUIET, *ffmpeg.merge_outputs(*outputs).get_args())]


def prepare_folder(job: Job, folder: Path) -> None:
    """The empty folders that the commands fill, and the clip beside them."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in (*(rung.name for rung in job.rungs), job.programme.name):
        (folder / encode.OUTPUT / encode.HLS / name).mkdir(parents=True)
    (folder / SOURCE_FILE).symlink_to(job.clip.path.resolve())


def measure(job: Job, commands: Sequence[tuple[str, ...]], folder: Path) -> Cost:
    """Run the commands, one after the other, in a fresh folder; what they make is left there.

    Raises:
        RuntimeError: one failed.
    """
    prepare_folder(job, folder)
    wall_s = cpu_s = 0.0
    memory_bytes = 0
    for command in commands:
        started_s = time.monotonic()
        process = subprocess.Popen([str(FFMPEG), *command], cwd=folder, stdin=subprocess.DEVNULL)
        meter = Meter({_ITSELF: process.pid}, memory_of=_ITSELF)
        with meter.running():
            # The kernel's own count: nothing of it is missed.
            _, status, used = os.wait4(process.pid, 0)
            wall_s += time.monotonic() - started_s
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"ffmpeg failed: {' '.join(command)[-300:]}")
        cpu_s += used.ru_utime + used.ru_stime
        memory_bytes = max(memory_bytes, meter.cost(frozenset()).memory_bytes)
    return Cost(wall_s=wall_s, cpu_s=cpu_s, memory_bytes=memory_bytes)


def _input(*, key_frames_only: bool = False) -> ffmpeg.nodes.FilterableStream:
    options = input_options(max_pixels=SETTINGS.max_pixels, key_frames_only=key_frames_only)
    return ffmpeg.input(SOURCE_FILE, **options)


def _fitted(job: Job, clip: ffmpeg.nodes.FilterableStream, rung: PlannedRung) -> ffmpeg.nodes.FilterableStream:
    video = job.source.video
    stream = shown(clip[str(video.index)], video, rate=rung.frame_rate).filter("fps", str(rung.frame_rate))
    return scaled(stream, video.colour, rung.width, rung.height)


def _gop(job: Job) -> int:
    return max(1, round(job.rungs[0].frame_rate * Fraction(job.ladder.gop_s)))


def _hls(
    job: Job, streams: Sequence[ffmpeg.nodes.FilterableStream], rungs: Sequence[PlannedRung], *, has_sound: bool
) -> ffmpeg.nodes.OutputStream:
    names = [f"v:{number},name:{rung.name}" for number, rung in enumerate(rungs)]
    options = encoder_options(rungs, preset=job.ladder.preset, gop=_gop(job))
    if has_sound:
        names.append(f"a:0,name:{job.programme.name}")
        options |= {"c:a": "aac", "b:a": job.ladder.audio.bitrate_bps}
    options |= encode.hls_options(names, job.ladder)
    return ffmpeg.output(*streams, encode.PLAYLISTS, **options)


def _storyboard(job: Job, stream: ffmpeg.nodes.FilterableStream) -> ffmpeg.nodes.OutputStream:
    shape = job.ladder.storyboard
    height = round(shape.tile_width * job.source.video.height / job.source.video.width / 2) * 2
    tiles = stream.filter("fps", f"1/{shape.interval_s:g}").filter("scale", shape.tile_width, height, flags="bicubic")
    tiles = as_jpeg(tiles).filter("tile", f"{shape.columns}x{shape.rows}")
    options = {"c:v": "mjpeg", "q:v": 4, "pix_fmt": "yuvj420p", "f": "image2"}
    return tiles.output(f"{encode.OUTPUT}/sheet-%03d.jpg", **options)
