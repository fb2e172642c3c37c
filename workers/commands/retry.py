"""``newsreel retry``: start a failed clip anew."""

from __future__ import annotations

from pathlib import Path

import click

from tasks.pipeline import orders
from workers.ordering import give, order_options


@click.command(name="retry")
@order_options
def command(clip: str, is_json: bool, data_dir: Path | None) -> None:
    """Start CLIP anew, at once, with all its attempts: one that failed, was cancelled or waits for its next try.

    Exit codes: 0 done, or nothing to do; 1 it can't be.
    """
    give(clip, orders.retry, data_dir=data_dir, is_json=is_json)
