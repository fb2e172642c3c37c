"""Quality: each published rung beside the bare run's, and the bits it takes beside a ladder of fixed bitrates.

A fixed ladder has one bitrate a rung for whatever comes. Its bitrate is the one at which the mean VMAF over some shots
of different kinds is that of ours, interpolated between encodes; what ours needs less on average is what it saves.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Final

from bench import bare, material, shots
from bench.job import Job, encoded_ladder, prepare
from bench.pipeline import newsroom
from bench.report import Figure, figure
from bench.vmaf import look
from tasks.media import encode
from tasks.media.ladder import PlannedRung

SECTION: Final = "Quality"
_VMAF_BAR: Final = -0.2
_SSIM_BAR: Final = -0.001
_SAVED_BAR: Final = 30.0
# Shares of a rung's cap; between them lies what any shot needs.
_SHARES: Final = (0.1, 0.2, 0.4, 0.8, 1.6)
_SHOT_EVERY: Final = 3


def measure(cache: Path, scratch: Path, *, quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """All figures of this section."""
    kinds: tuple[material.Kind, ...] = ("progressive",) if quick else material.KINDS
    ladder = encoded_ladder(scratch)
    jobs = [prepare(material.clip(cache, kind, material.PART_S), ladder, scratch / "probe") for kind in kinds]
    figures = []
    with newsroom(str(ladder)) as room:
        for job in jobs:
            say(f"{job.clip.name}: made by the pipeline and by one bare run")
            published = room.fetch(room.make(job.clip.path).record, scratch / f"published-{job.clip.kind}")
            bare.measure(job, bare.one_run(job), scratch / "bare")
            figures += _beside(job, published, scratch / "bare" / encode.OUTPUT / encode.HLS, scratch, quick=quick)
    if not quick:
        figures += _saved(cache, ladder, scratch, say)
    return figures


def _beside(job: Job, published: Path, bare_made: Path, scratch: Path, *, quick: bool) -> list[Figure]:
    figures = []
    for rung in job.rungs[-1:] if quick else job.rungs:
        ours, theirs = (
            look(job, folder / rung.name / encode.MEDIA_PLAYLIST, scratch) for folder in (published, bare_made)
        )
        what = f"{job.clip.kind} {rung.name}"
        figures += [
            figure(SECTION, what, "VMAF", [ours.vmaf]),
            figure(SECTION, what, "VMAF − bare run's", [ours.vmaf - theirs.vmaf], bar=_VMAF_BAR, sense="≥"),
            figure(SECTION, what, "SSIM − bare run's", [ours.ssim - theirs.ssim], bar=_SSIM_BAR, sense="≥"),
        ]
    return figures


def _saved(cache: Path, ladder: Path, scratch: Path, say: Callable[[str], None]) -> list[Figure]:
    """Bits that the ladder saves, rung by rung and over all of them."""
    jobs = [prepare(shot, ladder, scratch / "probe") for shot in shots.shots(cache)]
    rungs = jobs[0].rungs
    ours: dict[str, list[tuple[float, float]]] = {rung.name: [] for rung in rungs}
    fixed: dict[str, list[list[tuple[float, float]]]] = {rung.name: [] for rung in rungs}
    for shot in jobs:
        say(f"{shot.clip.path.stem}: by the ladder, and at {len(_SHARES)} fixed bitrates")
        bare.measure(shot, bare.one_run(shot), scratch / "bare")
        for rung in rungs:
            folder = scratch / "bare" / encode.OUTPUT / encode.HLS / rung.name
            size = sum(path.stat().st_size for path in folder.glob("*.m4s"))
            vmaf = look(shot, folder / encode.MEDIA_PLAYLIST, scratch, every=_SHOT_EVERY).vmaf
            ours[rung.name].append((size * 8 / shot.source.duration_s, vmaf))
        points: list[list[tuple[float, float]]] = []
        for share in _SHARES:
            rates = [round(rung.max_bitrate_bps * share) for rung in rungs]
            bare.measure(shot, bare.fixed_bitrate(shot, rates), scratch / "bare")
            points.append([_point(shot, rung, scratch) for rung in rungs])
        for number, rung in enumerate(rungs):
            fixed[rung.name].append([each[number] for each in points])
    figures, spent, needed, needed_by_worst = [], 0.0, 0.0, 0.0
    for rung in rungs:
        mean_bps = fmean(bps for bps, _ in ours[rung.name])
        wanted = fmean(vmaf for _, vmaf in ours[rung.name])
        at = [
            (fmean(shot[place][0] for shot in fixed[rung.name]), fmean(shot[place][1] for shot in fixed[rung.name]))
            for place in range(len(_SHARES))
        ]
        fixed_bps = bitrate_at(at, wanted)
        spent, needed = spent + mean_bps, needed + fixed_bps
        saved = 100 * (1 - mean_bps / fixed_bps)
        figures.append(figure(SECTION, rung.name, "bits saved at equal mean VMAF, %", [saved]))
        # What a fixed ladder must spend on all shots, so that the one that suffers most looks as it does in ours.
        worst_bps = max(
            bitrate_at(shot, min(vmaf, shot[-1][1]))
            for shot, (_, vmaf) in zip(fixed[rung.name], ours[rung.name], strict=True)
        )
        needed_by_worst += worst_bps
        worst = 100 * (1 - mean_bps / worst_bps)
        figures.append(figure(SECTION, rung.name, "bits saved, no shot worse, %", [worst]))
    saved = 100 * (1 - spent / needed)
    figures.append(figure(SECTION, "all rungs", "bits saved at equal mean VMAF, %", [saved], bar=_SAVED_BAR, sense="≥"))
    worst = 100 * (1 - spent / needed_by_worst)
    figures.append(figure(SECTION, "all rungs", "bits saved, no shot worse, %", [worst], bar=_SAVED_BAR, sense="≥"))
    return figures


def bitrate_at(points: Sequence[tuple[float, float]], vmaf: float) -> float:
    """The bitrate at which a curve through ``points`` (bitrate, VMAF) reaches that VMAF, beyond them in a line.

    Straight in the logarithm of the bitrate, as Bjøntegaard's rate difference has it (ITU-T VCEG-M33).
    """
    ordered = sorted(points)
    pairs = list(itertools.pairwise(ordered))
    low, high = next(((low, high) for low, high in pairs if vmaf <= high[1]), pairs[-1])
    if high[1] <= low[1]:
        return high[0]
    steps = (vmaf - low[1]) / (high[1] - low[1])
    return math.exp(math.log(low[0]) + math.log(high[0] / low[0]) * steps)


def _point(shot: Job, rung: PlannedRung, scratch: Path) -> tuple[float, float]:
    path = scratch / "bare" / encode.OUTPUT / f"{rung.name}.mp4"
    bps = path.stat().st_size * 8 / shot.source.duration_s
    return bps, look(shot, path, scratch, every=_SHOT_EVERY).vmaf
