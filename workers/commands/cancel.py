"""``newsreel cancel``: end the work on a clip."""

from __future__ import annotations

from pathlib import Path

import click

from tasks.pipeline import orders
from workers.ordering import give, order_options


@click.command(name="cancel")
@order_options
def command(clip: str, is_json: bool, data_dir: Path | None) -> None:
    """End the work on CLIP, waiting or going on; its encoder is gone within two seconds. A published version stays.

    Only `newsreel retry`, or a new upload, begins again. Exit codes: 0 done, or nothing to do; 1 it can't be.
    """
    give(clip, orders.cancel, data_dir=data_dir, is_json=is_json)
