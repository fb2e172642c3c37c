"""Speed and memory: the whole pipeline beside one bare ffmpeg run, and beside one ffmpeg for each rendition.

The sides take turns on the same clip, so whatever else the machine does falls on all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import bare, material
from bench.cost import Cost, Process
from bench.job import Job, encoded_ladder, prepare
from bench.pipeline import Newsroom, newsroom
from bench.programs import FFMPEG, run_quietly
from bench.report import Figure, figure

SECTION: Final = "Speed and memory"
_TURNS: Final = 3
_CPU_BAR: Final = 1.05
_WALL_BARS: Final[dict[float, float]] = {material.PART_S: 1.12, material.MINUTE_S: 1.05}
_MEMORY_BAR: Final = 1.15
_EACH_BARS: Final = {"progressive": 0.75, "interlaced": 0.85}
# A minute of it is made in a few seconds, so hearing how loud it is and looking for its poster take a larger share. If
# its sound held it up, as it once did, it would take three times as long as the bare run.
_SMALL_BAR: Final = 1.5


@dataclass(frozen=True, kw_only=True)
class _Small(material.Clip):
    """As agencies send news to telephones: it is made many times as fast as it plays, unless something holds it up."""

    @property
    def name(self) -> str:
        return f"{self.kind} 640×360 {self.duration_s:g} s"


def measure(cache: Path, scratch: Path, *, quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """All figures of this section."""
    ladder = encoded_ladder(scratch)
    lengths_s = (material.PART_S,) if quick else (material.PART_S, material.MINUTE_S)
    turns = 1 if quick else _TURNS
    clips = [material.clip(cache, kind, length_s) for length_s in lengths_s for kind in material.KINDS]
    jobs = [prepare(clip, ladder, scratch / "probe") for clip in clips]
    with newsroom(str(ladder)) as room:
        figures = [figure for job in jobs for figure in _compare(job, room, scratch, turns=turns, say=say)]
        if not quick:
            small = prepare(_small(cache, scratch), ladder, scratch / "probe")
            figures += _compare_small(small, room, scratch, say=say)
        return figures


def _small(cache: Path, scratch: Path) -> _Small:
    whole, path = material.clip(cache, "progressive", material.MINUTE_S), scratch / "BENCH_SMALL.mp4"
    coded = ["-vf", "scale=640:360", "-c:v", "libx264", "-preset", "veryfast", "-b:v", "1M", "-g", "50", "-c:a", "copy"]
    run_quietly([FFMPEG, "-y", "-i", whole.path, *coded, path])
    return _Small(path=path, kind=whole.kind, duration_s=whole.duration_s)


def _compare_small(job: Job, room: Newsroom, scratch: Path, *, say: Callable[[str], None]) -> list[Figure]:
    one, whole = [], []
    for turn in range(_TURNS):
        say(f"{job.clip.name}, turn {turn + 1} of {_TURNS}")
        one.append(bare.measure(job, bare.one_run(job), scratch / "bare"))
        whole.append(room.make(job.clip.path).cost)
    name = job.clip.name
    return [
        figure(SECTION, name, "wall ÷ one bare run", _ratios(whole, one, "wall_s"), bar=_SMALL_BAR),
        figure(SECTION, name, "one bare run, wall s", [cost.wall_s for cost in one]),
        figure(SECTION, name, "whole pipeline, wall s", [cost.wall_s for cost in whole]),
    ]


def _compare(job: Job, room: Newsroom, scratch: Path, *, turns: int, say: Callable[[str], None]) -> list[Figure]:
    one, each, whole = [], [], []
    seen: tuple[Process, ...] = ()
    for turn in range(turns):
        say(f"{job.clip.name}, turn {turn + 1} of {turns}: one bare run")
        one.append(bare.measure(job, bare.one_run(job), scratch / "bare"))
        say(f"{job.clip.name}, turn {turn + 1} of {turns}: the whole pipeline")
        made = room.make(job.clip.path)
        whole.append(made.cost)
        seen = made.processes
        say(f"{job.clip.name}, turn {turn + 1} of {turns}: a run for each rendition")
        each.append(bare.measure(job, bare.run_each(job), scratch / "bare"))
    say(_dearest(seen))
    name = job.clip.name
    bar, wall_bar = _EACH_BARS[job.clip.kind], _WALL_BARS[job.clip.duration_s]
    return [
        figure(SECTION, name, "CPU ÷ one bare run", _ratios(whole, one, "cpu_s"), bar=_CPU_BAR),
        figure(SECTION, name, "wall ÷ one bare run", _ratios(whole, one, "wall_s"), bar=wall_bar),
        figure(SECTION, name, "peak memory ÷ one bare run", _ratios(whole, one, "memory_bytes"), bar=_MEMORY_BAR),
        figure(SECTION, name, "CPU ÷ a run for each rendition", _ratios(whole, each, "cpu_s"), bar=bar),
        figure(SECTION, name, "one bare run, CPU s", [cost.cpu_s for cost in one]),
        figure(SECTION, name, "one bare run, wall s", [cost.wall_s for cost in one]),
        figure(SECTION, name, "whole pipeline, wall s", [cost.wall_s for cost in whole]),
    ]


def _ratios(ours: Sequence[Cost], theirs: Sequence[Cost], what: str) -> list[float]:
    return [float(getattr(one, what) / getattr(other, what)) for one, other in zip(ours, theirs, strict=True)]


def _dearest(seen: Sequence[Process]) -> str:
    """Where the last run's processor time went, the dearest first."""
    spent: dict[str, float] = {}
    for process in seen:
        program = "ffmpeg or ffprobe" if process.command.startswith("/program") else "Python and cage"
        key = f"{process.service}, {program}"
        spent[key] = spent.get(key, 0.0) + process.cpu_s
    ranked = sorted(spent.items(), key=lambda item: -item[1])[:8]
    return "  CPU s: " + "; ".join(f"{name} {used_s:.2f}" for name, used_s in ranked)
