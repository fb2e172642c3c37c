"""``newsreel reconcile``: run by hand what the scheduler runs at intervals."""

from __future__ import annotations

from pathlib import Path

import click

from tasks.pipeline.reconcile import reconcile
from workers.client import connect
from workers.options import data_option
from workers.ordering import services_of
from workers.terminal import console


@click.command(name="reconcile")
@click.option("--dry-run", "is_dry", is_flag=True, help="List what there is to do, and do nothing.")
@click.option(
    "--thorough",
    "is_thorough",
    is_flag=True,
    help="Look into every clip's folder, not only those of clips that changed, and remake records that are gone.",
)
@data_option
def command(is_dry: bool, is_thorough: bool, data_dir: Path | None) -> None:
    """Queue unfinished uploads and waiting articles again, and delete media that no record refers to any more.

    The scheduler does the same at intervals. Clips that are being processed are listed too. Exit codes: 0 done, or
    nothing to do; 1 failed.
    """
    out = console()
    services = services_of(connect(data_dir))
    count = reconcile(
        services,
        tell=lambda words: out.print(words, soft_wrap=True),
        is_dry=is_dry,
        collects=True,
        is_thorough=is_thorough,
    )
    things = "1 thing" if count == 1 else f"{count} things"
    out.print("Nothing to do." if not count else f"{things} to do." if is_dry else f"{things} done.", soft_wrap=True)
