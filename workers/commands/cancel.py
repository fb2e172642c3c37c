"""``newsreel cancel``: stop processing a clip."""

from __future__ import annotations

from pathlib import Path

import click

from tasks.pipeline import orders
from workers.ordering import give, order_options


@click.command(name="cancel")
@order_options
def command(clip: str, is_json: bool, data_dir: Path | None) -> None:
    """Stop processing CLIP, whether it waits or is being encoded; a published version stays.

    Its encoder ends within two seconds. Only `newsreel retry` or a new upload starts it again. Exit codes: 0 done, or
    nothing to do; 1 not possible.
    """
    give(clip, orders.cancel, data_dir=data_dir, is_json=is_json)
