"""``newsreel reprocess``: encode a new version of a clip."""

from __future__ import annotations

from pathlib import Path

import click

from tasks.pipeline import orders
from workers.ordering import give, order_options


@click.command(name="reprocess")
@click.option("--ladder", metavar="NAME", help="One of the shipped ladders.  [default: NEWSREEL_LADDER]")
@order_options
def command(clip: str, is_json: bool, data_dir: Path | None, ladder: str | None) -> None:
    """Encode CLIP's newest upload again; the published version stays until the new one is ready.

    Without --ladder it is encoded with NEWSREEL_LADDER, for instance after that ladder was changed. Later uploads of
    the clip use NEWSREEL_LADDER in any case. Exit codes: 0 done, or nothing to do; 1 not possible.
    """
    give(
        clip, lambda services, name: orders.reprocess(services, name, ladder=ladder), data_dir=data_dir, is_json=is_json
    )
