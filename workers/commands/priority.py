"""``newsreel priority``: move a waiting clip to another queue."""

from __future__ import annotations

from pathlib import Path

import click

from tasks.pipeline import orders
from workers.ordering import give, order_options


@click.command(name="priority")
@order_options
@click.argument("priority", type=click.Choice(list(orders.PRIORITIES)))
def command(clip: str, is_json: bool, data_dir: Path | None, priority: str) -> None:
    """Move CLIP to the queue of that priority, unless a worker has it already.

    Exit codes: 0 done, or nothing to do; 1 not possible.
    """
    give(clip, lambda services, name: orders.prioritise(services, name, priority), data_dir=data_dir, is_json=is_json)
