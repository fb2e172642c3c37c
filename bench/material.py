"""The material that is measured with."""

from __future__ import annotations

from pathlib import Path

from tasks.adapters import binaries
from workers.demo.clips import make_clips


def demo_clips(folder: Path) -> list[Path]:
    """The demo's five clips, made once for all runs."""
    clips = folder / "clips"
    clips.mkdir()
    return list(make_clips(binaries.locate("bundled").ffmpeg, clips, on_clip=lambda _: None))
