"""How often the kernel has killed a process of this machine for lack of memory, by its own count (proc(5), vmstat).

A program that is killed can't say why. If the count has grown while it ran, memory is the likely reason; kills in other
containers of the same machine count too, so it is no proof.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

VMSTAT: Final = Path("/proc/vmstat")
_FIELD: Final = "oom_kill "


def count(vmstat: Path = VMSTAT) -> int | None:
    """The number of kills since the machine was started; None where the kernel does not tell."""
    try:
        lines = vmstat.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.removeprefix(_FIELD)) for line in lines if line.startswith(_FIELD)), None)
