"""Figures: each a median of what was measured, beside the bar that it has to meet."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal

RESULTS: Final = Path(__file__).parent / "results" / "latest.json"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure: of ``what``, its ``measure`` with unit, the median of ``runs``, and its bar, if it has one."""

    section: str
    what: str
    measure: str
    value: float
    runs: tuple[float, ...]
    bar: float | None = None
    sense: Literal["≤", "≥"] = "≤"

    @property
    def holds(self) -> bool | None:
        """Whether it meets its bar; None without one."""
        if self.bar is None:
            return None
        return self.value <= self.bar if self.sense == "≤" else self.value >= self.bar

    @property
    def bar_text(self) -> str:
        """The bar as a table shows it."""
        return "" if self.bar is None else f"{self.sense} {self.bar:g}"


def figure(
    section: str,
    what: str,
    measure: str,
    runs: Sequence[float],
    *,
    bar: float | None = None,
    sense: Literal["≤", "≥"] = "≤",
) -> Figure:
    """The median of some runs."""
    return Figure(
        section=section,
        what=what,
        measure=measure,
        value=round(median(runs), 4),
        runs=tuple(round(run, 4) for run in runs),
        bar=bar,
        sense=sense,
    )


def table(figures: Sequence[Figure]) -> str:
    """The figures as lines for a terminal."""
    lines, section = [], ""
    for each in figures:
        if each.section != section:
            section = each.section
            lines += ["", section]
        verdict = {True: "holds", False: "MISSED", None: ""}[each.holds]
        lines.append(f"  {each.what:<30} {each.measure:<38} {each.value:>9.3f}  {each.bar_text:<8} {verdict}")
    return "\n".join(lines)


def markdown(figures: Sequence[Figure]) -> str:
    """The figures as Markdown tables, one a section."""
    lines, section = [], ""
    for each in figures:
        if each.section != section:
            section = each.section
            lines += ["", f"### {section}", "", "| of | figure | median | bar |", "|---|---|---:|---|"]
        lines.append(f"| {each.what} | {each.measure} | {each.value:g} | {each.bar_text} |")
    return "\n".join(lines).strip()


def write(figures: Sequence[Figure], *, command: str, loads: tuple[float, float]) -> dict[str, Any]:
    """Put the figures into `RESULTS` with what they were measured on; those of sections not measured now are kept."""
    measured = {each.section for each in figures}
    kept = [each for each in read()["figures"] if each["section"] not in measured] if RESULTS.is_file() else []
    made = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "machine": {"platform": platform.platform(), "cores": os.cpu_count(), "load_before_and_after": loads},
        "figures": sorted([*kept, *(asdict(each) for each in figures)], key=lambda each: str(each["section"])),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return made


def read() -> dict[str, Any]:
    """What `write` wrote last.

    Raises:
        FileNotFoundError: nothing was measured yet.
    """
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def figures_of(results: dict[str, Any]) -> list[Figure]:
    """The figures of written results."""
    return [Figure(**{**each, "runs": tuple(each["runs"])}) for each in results["figures"]]
