"""Speed and memory: the whole pipeline beside one bare ffmpeg run, and beside one ffmpeg for each rendition.

The sides take turns on the same clip, so whatever else the machine does falls on all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bench import bare, material
from bench.cost import Cost, Process
from bench.job import Job, encoded_ladder, prepare
from bench.pipeline import Newsroom, newsroom
from bench.report import Figure, figure

SECTION: Final = "Speed and memory"
_CPU_BAR: Final = 1.05
_WALL_BARS: Final[dict[float, float]] = {material.PART_S: 1.12, material.MINUTE_S: 1.05}
_MEMORY_BAR: Final = 1.15
_EACH_BARS: Final = {"progressive": 0.75, "interlaced": 0.85}


def measure(cache: Path, scratch: Path, *, quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """All figures of this section."""
    ladder = encoded_ladder(scratch)
    # The kind, the length in seconds, how many turns, and how many of them with a run for each rendition as well.
    plan: list[tuple[material.Kind, int, int, int]] = [
        (kind, material.PART_S, 1 if quick else 3, 1) for kind in material.KINDS
    ]
    if not quick:
        plan += [(kind, material.MINUTE_S, 1, 0) for kind in material.KINDS]
    figures = []
    jobs = [prepare(material.clip(cache, kind, length_s), ladder, scratch / "probe") for kind, length_s, _, _ in plan]
    with newsroom(str(ladder)) as room:
        for job, (_, _, turns, with_each) in zip(jobs, plan, strict=True):
            figures += _compare(job, room, scratch, turns=turns, with_each=with_each, say=say)
    return figures


def _compare(
    job: Job, room: Newsroom, scratch: Path, *, turns: int, with_each: int, say: Callable[[str], None]
) -> list[Figure]:
    one, each, whole = [], [], []
    seen: tuple[Process, ...] = ()
    for turn in range(turns):
        say(f"{job.clip.name}, turn {turn + 1} of {turns}: one bare run")
        one.append(bare.measure(job, bare.one_run(job), scratch / "bare"))
        say(f"{job.clip.name}, turn {turn + 1} of {turns}: the whole pipeline")
        made = room.make(job.clip.path)
        whole.append(made.cost)
        seen = made.processes
        if turn < with_each:
            say(f"{job.clip.name}, turn {turn + 1} of {turns}: a run for each rendition")
            each.append(bare.measure(job, bare.run_each(job), scratch / "bare"))
    say(_dearest(seen))
    name = job.clip.name
    figures = [
        figure(SECTION, name, "CPU ÷ one bare run", _ratios(whole, one, "cpu_s"), bar=_CPU_BAR),
        figure(
            SECTION, name, "wall ÷ one bare run", _ratios(whole, one, "wall_s"), bar=_WALL_BARS[job.clip.duration_s]
        ),
        figure(SECTION, name, "peak memory ÷ one bare run", _ratios(whole, one, "memory_bytes"), bar=_MEMORY_BAR),
        figure(SECTION, name, "one bare run, CPU s", [cost.cpu_s for cost in one]),
        figure(SECTION, name, "one bare run, wall s", [cost.wall_s for cost in one]),
        figure(SECTION, name, "whole pipeline, wall s", [cost.wall_s for cost in whole]),
    ]
    if each:
        bar = _EACH_BARS[job.clip.kind]
        ratios = _ratios(whole, each, "cpu_s")
        figures.insert(3, figure(SECTION, name, "CPU ÷ a run for each rendition", ratios, bar=bar))
    return figures


def _ratios(ours: Sequence[Cost], theirs: Sequence[Cost], what: str) -> list[float]:
    return [float(getattr(one, what) / getattr(other, what)) for one, other in zip(ours, theirs, strict=False)]


def _dearest(seen: Sequence[Process]) -> str:
    """Where the last run's processor time went, the dearest first."""
    spent: dict[str, float] = {}
    for process in seen:
        program = "ffmpeg or ffprobe" if process.command.startswith("/program") else "Python and cage"
        key = f"{process.service}, {program}"
        spent[key] = spent.get(key, 0.0) + process.cpu_s
    ranked = sorted(spent.items(), key=lambda item: -item[1])[:8]
    return "  CPU s: " + "; ".join(f"{name} {used_s:.2f}" for name, used_s in ranked)
