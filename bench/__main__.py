"""``make bench``: measure, print the figures beside their bars, and write them to ``bench/results/latest.json``."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import click

from bench import document, lengths, portal, quality, reconcile, report, speed, sync

_CACHE: Final = Path(__file__).parent.parent / ".bench"
_SECTIONS: Final = {
    "speed": speed.measure,
    "lengths": lengths.measure,
    "quality": quality.measure,
    "sync": sync.measure,
    "portal": portal.measure,
    "reconcile": reconcile.measure,
}


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(_SECTIONS)), help="Measure this alone; may be repeated.")
@click.option("--quick", is_flag=True, help="Short clips and one run of each: minutes instead of an hour and more.")
@click.option("--write-docs", is_flag=True, help="Measure nothing; put the last figures into docs/performance.md.")
def main(only: tuple[str, ...], quick: bool, write_docs: bool) -> None:
    """Measure speed and memory, waiting times, quality, frames and sync, on material made once (a few minutes)."""
    if write_docs:
        document.write_document()
        return
    _CACHE.mkdir(exist_ok=True)
    (_CACHE / ".gitignore").write_text("*\n", encoding="ascii")
    load, started_s = os.getloadavg()[0], time.monotonic()
    figures: list[report.Figure] = []

    def say(text: str) -> None:
        click.echo(f"{time.monotonic() - started_s:6.0f} s  {text}", err=True)

    for name in only or _SECTIONS:
        say(f"{name}:")
        with tempfile.TemporaryDirectory(prefix="newsreel-bench-") as scratch:
            figures += _SECTIONS[name](_CACHE, Path(scratch), quick=quick, say=say)
    words = ["make bench"] + ([f'ARGS="{" ".join(sys.argv[1:])}"'] if sys.argv[1:] else [])
    report.write(figures, command=" ".join(words), loads=(load, os.getloadavg()[0]))
    click.echo(report.table(figures))
    click.echo(f"\nwritten to {os.path.relpath(report.RESULTS)}")


main()
