"""How much memory the workers hold, looked at through the whole run: flat, or growing?"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from tests.chaos import processes
from tests.chaos.stack import ChaosStack

_PERIOD_S: Final = 4.0
_MIB: Final = 1024**2


class MemoryWatch(threading.Thread):
    """Samples each worker with its pool, without the media tools, until told to stop."""

    def __init__(self, stack: ChaosStack) -> None:
        super().__init__(name="memory", daemon=True)
        self._stack = stack
        self._samples: dict[str, list[int]] = {}
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Until `stop`."""
        while not self._stop_asked.wait(_PERIOD_S):
            for name, pid in self._stack.workers().items():
                held = processes.memory_bytes(pid)
                if held:
                    self._samples.setdefault(name, []).append(held)

    def stop(self) -> None:
        """Ask for its end, and wait for it."""
        self._stop_asked.set()
        self.join(10)
        time.sleep(0)

    def figures(self) -> dict[str, dict[str, Any]]:
        """For each worker: the peak, and the median of either half of the run, in MiB."""
        return {
            name: {"peak_mib": round(max(samples) / _MIB), "halves_mib": _halves(samples)}
            for name, samples in sorted(self._samples.items())
        }


def _halves(samples: Sequence[int]) -> list[int]:
    middle = (len(samples) + 1) // 2
    return [round(statistics.median(part or samples) / _MIB) for part in (samples[:middle], samples[middle:])]
