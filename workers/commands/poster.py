"""``newsreel poster``: choose the moment at which a clip's poster is taken."""

from __future__ import annotations

from pathlib import Path

import click

from tasks.pipeline import orders
from workers.ordering import give, order_options


@click.command(name="poster")
@order_options
@click.option(
    "--at", "time_s", type=click.FloatRange(min=0), metavar="SECONDS", help="Seconds from the start of the clip."
)
@click.option("--automatic", "is_automatic", is_flag=True, help="Let newsreel choose again.")
def command(clip: str, is_json: bool, data_dir: Path | None, time_s: float | None, is_automatic: bool) -> None:
    """Take CLIP's poster at a moment of your choice. The choice holds until the clip is uploaded again.

    Exit codes: 0 done, or nothing to do; 1 not possible.
    """
    if (time_s is None) is not is_automatic:
        raise click.UsageError("Give either --at SECONDS or --automatic.")
    give(clip, lambda services, name: orders.choose_poster(services, name, time_s), data_dir=data_dir, is_json=is_json)
