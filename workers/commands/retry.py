"""``newsreel retry``: process a failed clip again."""

from __future__ import annotations

from pathlib import Path

import click

from tasks.pipeline import orders
from workers.ordering import give, order_options


@click.command(name="retry")
@order_options
def command(clip: str, is_json: bool, data_dir: Path | None) -> None:
    """Process CLIP again, now and with all attempts: one that failed, was cancelled or waits for its next attempt.

    Exit codes: 0 done, or nothing to do; 1 not possible.
    """
    give(clip, orders.retry, data_dir=data_dir, is_json=is_json)
