"""``make bench``: print the ratios, and write them with what they were made of to ``bench/results/``."""

from __future__ import annotations

import json
import platform
import tempfile
from pathlib import Path

import click

from bench.bare import run_bare
from bench.material import demo_clips
from bench.pipeline import run_pipeline
from bench.report import Pair, summary

_RESULTS = Path(__file__).parent / "results"


@click.command()
@click.option("--runs", default=1, show_default=True, type=click.IntRange(min=1), help="Pairs of runs; medians count.")
@click.option(
    "--clips",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Measure with the clips of this folder instead of the demo's five.",
)
def main(runs: int, folder: Path | None) -> None:
    """Measure the whole pipeline (upload to ready) against ffmpeg alone making the same renditions."""
    with tempfile.TemporaryDirectory(prefix="newsreel-bench-") as scratch:
        clips = sorted(path for path in folder.iterdir() if path.is_file()) if folder else demo_clips(Path(scratch))
        pairs = []
        for number in range(1, runs + 1):
            click.echo(f"run {number} of {runs}: bare ffmpeg, {len(clips)} clips")
            bare = run_bare(clips, Path(scratch) / f"bare-{number}")
            click.echo(f"run {number} of {runs}: the whole pipeline")
            pairs.append(Pair(bare=bare, pipeline=run_pipeline(clips, Path(scratch) / f"stack-{number}")))
    figures = summary(pairs)
    click.echo()
    for name, value in figures["ratios"].items():
        click.echo(f"  {name:<24} {value:6.2f}")
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / "pipeline.json"
    path.write_text(json.dumps({"machine": platform.platform(), **figures}, indent=1) + "\n", encoding="utf-8")
    click.echo(f"\nwritten to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


main()
