"""``newsreel restore``: publish a withdrawn clip again."""

from __future__ import annotations

from pathlib import Path

import click

from tasks.pipeline import orders
from workers.ordering import give, order_options


@click.command(name="restore")
@order_options
def command(clip: str, is_json: bool, data_dir: Path | None) -> None:
    """Process a withdrawn CLIP again, from its newest upload. Exit codes: 0 done, or nothing to do; 1 not possible."""
    give(clip, orders.restore, data_dir=data_dir, is_json=is_json)
