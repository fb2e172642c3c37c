"""What a run cost, and how runs compare."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Wall-clock and processor seconds of making all clips."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two runs on the same clips, one after the other."""

    bare: Cost
    pipeline: Cost


def summary(pairs: list[Pair]) -> dict[str, Any]:
    """Medians of the ratios pipeline ÷ bare, and each pair's own figures."""
    return {
        "ratios": {
            "wall ÷ bare ffmpeg": round(median(pair.pipeline.wall_s / pair.bare.wall_s for pair in pairs), 3),
            "cpu ÷ bare ffmpeg": round(median(pair.pipeline.cpu_s / pair.bare.cpu_s for pair in pairs), 3),
        },
        "runs": [asdict(pair) for pair in pairs],
    }
