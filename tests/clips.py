"""Clips for tests, made on the spot with the bundled ffmpeg."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tasks.adapters.binaries import locate

FFMPEG = locate("bundled").ffmpeg
FFPROBE = locate("bundled").ffprobe


def make(path: Path, *arguments: str) -> Path:
    """Run ffmpeg with these arguments and that output."""
    command = [str(FFMPEG), "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments, str(path)]
    subprocess.run(command, check=True, timeout=120)
    return path


def progressive(
    path: Path,
    *,
    seconds: float = 3,
    size: str = "640x360",
    rate: str = "25",
    sound: bool = True,
    extra: tuple[str, ...] = (),
) -> Path:
    """A moving picture in H.264, with a tone unless told otherwise."""
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]
    audio = ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}"] if sound else []
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", *(["-c:a", "aac"] if sound else [])]
    return make(path, *inputs, *audio, *codecs, *extra)


def interlaced(path: Path, *, seconds: float = 3) -> Path:
    """1080i25, MPEG-2, top field first, as a camera of the HD years gives it."""
    return make(
        path,
        *("-f", "lavfi", "-i", f"testsrc2=size=1920x1080:rate=50:duration={seconds}"),
        *("-f", "lavfi", "-i", f"sine=frequency=330:sample_rate=48000:duration={seconds}"),
        *("-vf", "tinterlace=mode=interleave_top,fieldorder=tff", "-c:v", "mpeg2video", "-flags", "+ildct+ilme"),
        *("-b:v", "30M", "-c:a", "pcm_s16le"),
    )
