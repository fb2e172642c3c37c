"""``newsreel withdraw``: take a clip from public view."""

from __future__ import annotations

from pathlib import Path

import click

from tasks.pipeline import orders
from workers.ordering import give, order_options


@click.command(name="withdraw")
@click.option("--reason", default="", metavar="TEXT", help="Why; it stands in the public record.")
@order_options
def command(clip: str, is_json: bool, data_dir: Path | None, reason: str) -> None:
    """Take CLIP from public view: its record names no media, articles no longer show it, all its files are deleted.

    New uploads of it are not processed until `newsreel restore`. The upload itself stays in the incoming bucket.
    Exit codes: 0 done, or nothing to do; 1 it can't be.
    """
    give(
        clip, lambda services, name: orders.withdraw(services, name, reason=reason), data_dir=data_dir, is_json=is_json
    )
