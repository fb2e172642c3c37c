"""``newsreel reprocess``: make a new version of a clip."""

from __future__ import annotations

from pathlib import Path

import click

from tasks.pipeline import orders
from workers.ordering import give, order_options


@click.command(name="reprocess")
@click.option("--ladder", metavar="NAME", help="A shipped ladder.  [default: the newsroom's usual one]")
@order_options
def command(clip: str, is_json: bool, data_dir: Path | None, ladder: str | None) -> None:
    """Make a new version of CLIP's newest upload; the published one stays until that is ready.

    Without --ladder it is the usual one, which helps after that was changed. Later uploads are made by the usual one.
    Exit codes: 0 done, or nothing to do; 1 it can't be.
    """
    give(
        clip, lambda services, name: orders.reprocess(services, name, ladder=ladder), data_dir=data_dir, is_json=is_json
    )
