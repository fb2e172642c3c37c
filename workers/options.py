"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

data_option: Final = click.option(
    "--data",
    "data_dir",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data directory of `newsreel up`.  [default: .newsreel, or what the environment names]",
)
json_option: Final = click.option("--json", "is_json", is_flag=True, help="Print the result as JSON.")
