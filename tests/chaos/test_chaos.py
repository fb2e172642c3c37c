"""The chaos run in its short form: each kind of fault at least once, and every promise kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


def test_no_promise_is_broken_while_everything_breaks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.chaos", "--seed", "1", "--minutes", "0.35", "--out", str(tmp_path / "run")]
    command += ["--clips", "8", "--articles", "3", "--faults", "30", "--replaced", "2"]
    # A process of its own: it adopts orphans, and a run that hangs can be ended whole.
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((tmp_path / "run" / "seed-1" / "result.json").read_text(encoding="utf-8"))
    assert figures["clips"] == 8
    # Which faults meet somebody depends on what runs at their moment, and so on the machine: all are tried, most meet.
    events = {"event_dropped", "event_fivefold", "event_shuffled", "upload_replaced"}
    met = {kind: number for kind, number in figures["faults"].items() if kind not in events}
    assert sum(met.values()) + sum(figures["missed"].values()) == 30
    assert sum(met.values()) >= 15
    assert len(met) >= 8
