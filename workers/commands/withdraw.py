"""``newsreel withdraw``: take a clip offline."""

from __future__ import annotations

from pathlib import Path

import click

from tasks.pipeline import orders
from workers.ordering import give, order_options


@click.command(name="withdraw")
@click.option("--reason", default="", metavar="TEXT", help="The reason, which the public record shows.")
@order_options
def command(clip: str, is_json: bool, data_dir: Path | None, reason: str) -> None:
    """Take CLIP offline: its record names no media, articles no longer show it, and its media files are deleted.

    New uploads of it are not processed until `newsreel restore`. The upload itself stays in the incoming bucket.
    Exit codes: 0 done, or nothing to do; 1 not possible.
    """
    give(
        clip, lambda services, name: orders.withdraw(services, name, reason=reason), data_dir=data_dir, is_json=is_json
    )
