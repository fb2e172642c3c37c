"""The ladders that ship, each a TOML file; `tasks.media.ladder` says what may stand in one."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def find(name: str) -> Path:
    """The file of a shipped ladder's name, or of a path to one.

    Raises:
        FileNotFoundError: there is neither; the message names the shipped ones.
    """
    path = Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    if not path.is_file():
        shipped = ", ".join(sorted(each.stem for each in _FOLDER.glob("*.toml")))
        raise FileNotFoundError(f"No ladder {name!r}. Remedy: NEWSREEL_LADDER names one of: {shipped}; or a .toml file")
    return path
