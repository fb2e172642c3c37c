"""``newsreel reconcile``: find and mend by hand what the scheduler's rounds find and mend."""

from __future__ import annotations

from pathlib import Path

import click

from tasks.pipeline.reconcile import reconcile
from workers.client import connect
from workers.options import data_option
from workers.ordering import services_of
from workers.terminal import console


@click.command(name="reconcile")
@click.option("--dry-run", "is_dry", is_flag=True, help="Say what there is to do, and do nothing.")
@click.option(
    "--thorough",
    "is_thorough",
    is_flag=True,
    help="Look for leftovers in every clip's folder, not only where something happened.",
)
@data_option
def command(is_dry: bool, is_thorough: bool, data_dir: Path | None) -> None:
    """Ring for uploads that are not finished and articles that wait; delete media that no record names any more.

    The scheduler does the same; what is in work is listed too. Exit codes: 0 done, or nothing to do; 1 failed.
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
