"""Which ffmpeg a worker trusts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.adapters.versions import read_version
from tasks.errors import ConfigurationError


def program(folder: Path, lines: str) -> Path:
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return path


def test_a_release_is_read(tmp_path: Path) -> None:
    assert read_version(program(tmp_path, "echo ffmpeg version n9.0.2-static")) == (9, 0, 2)


def test_one_that_was_killed_is_asked_again(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    lines = f"if [ ! -e {asked} ]; then : > {asked}; kill -9 $$; fi; echo ffmpeg version 9.0.2"
    assert read_version(program(tmp_path, lines)) == (9, 0, 2)


@pytest.mark.parametrize(
    ("lines", "why"), [("exit 3", "can't be run"), ("echo ffmpeg version N-1", "no release number")]
)
def test_one_that_fails_by_itself_is_not_trusted(tmp_path: Path, lines: str, why: str) -> None:
    asked = tmp_path / "asked"
    with pytest.raises(ConfigurationError, match=why):
        read_version(program(tmp_path, f"echo x >> {asked}; {lines}"))
    assert asked.read_text() == "x\n"
