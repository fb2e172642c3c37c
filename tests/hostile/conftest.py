"""What hostile uploads meet: ffprobe and ffmpeg without the cage's walls, so that each guard is seen to hold alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.adapters.cage import Cage
from tasks.adapters.ffmpeg import Ffmpeg
from tasks.adapters.ffprobe import Ffprobe
from tests import clips


@pytest.fixture
def bare_ffprobe() -> Ffprobe:
    """ffprobe outside the cage: what it does not do here, it was told not to do."""
    return Ffprobe(clips.FFPROBE, Cage("off"))


@pytest.fixture
def bare_ffmpeg() -> Ffmpeg:
    """ffmpeg outside the cage."""
    return Ffmpeg(clips.FFMPEG, Cage("off"))


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of H.264 and AAC, 16 kB."""
    return clips.progressive(tmp_path_factory.mktemp("tiny") / "tiny.mp4", seconds=1, size="64x64")
