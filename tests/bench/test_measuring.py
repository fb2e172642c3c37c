"""The bench's own instruments: they see what is there, and see it when it is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.cost import Meter
from bench.sync import duration_s, frame_count, offsets_s
from tests import clips

FLASH = "color=black:size=64x36:rate=25:duration=4,drawbox=t=fill:color=white:enable='lt(mod(t+9.001,2),0.039)'"
BEEP = "aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t+9,2),0.08)':s=48000:d=4"
# As long as it takes to use half a second of the processor, however fast that is.
USING = "import time; b = bytearray(60_000_000)\nwhile time.process_time() < 0.5: pass"
BUSY = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {USING!r}])"


@pytest.mark.parametrize(("late_s", "expected"), [(0.0, 0.0), (0.1, 0.1)])
def test_sound_that_comes_late_is_seen_to_be_late(tmp_path: Path, late_s: float, expected: float) -> None:
    clip = clips.make(
        tmp_path / "marked.mp4",
        *("-f", "lavfi", "-i", FLASH, "-itsoffset", str(late_s), "-f", "lavfi", "-i", BEEP),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"),
    )
    assert offsets_s(clip) == pytest.approx([expected, expected], abs=0.005)
    assert frame_count(clip) == 100
    assert duration_s(clip) == pytest.approx(4.0)


def test_what_a_program_starts_is_counted_with_it() -> None:
    program = subprocess.Popen([sys.executable, "-c", BUSY])
    meter = Meter({"busy": program.pid}, memory_of="busy")
    with meter.running():
        program.wait()
    cost = meter.cost(frozenset({"busy"}))
    assert cost.cpu_s > 0.2
    assert cost.memory_bytes > 50_000_000
    assert meter.cost(frozenset({"another"})).cpu_s == 0
    assert {process.service for process in meter.processes()} == {"busy"}
    assert len(meter.processes()) == 2
