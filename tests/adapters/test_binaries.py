"""Finding ffmpeg and ffprobe means looking for two files, and nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from tasks.adapters import binaries


def test_the_bundled_pair_is_found_without_starting_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that happens to be killed while it is tried must not count as missing ever after."""

    def killed(*_: object, **__: object) -> NoReturn:
        raise subprocess.CalledProcessError(-9, "ffmpeg")

    for name in ("Popen", "run", "check_call", "check_output"):
        monkeypatch.setattr(subprocess, name, killed)
    found = binaries.locate("bundled")
    assert os.access(found.ffmpeg, os.X_OK)
    assert os.access(found.ffprobe, os.X_OK)


def test_the_bundled_pair_is_that_of_the_wheels_whatever_else_there_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "ffmpeg"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(other))
    assert binaries.locate("bundled").ffmpeg != other
