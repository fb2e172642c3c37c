"""One live line per upload on a terminal; a line per change where there is none."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from workers.follow import Sight
from workers.terminal import span

_STYLES: Final = {
    "ready": "green",
    "complete": "green",
    "playable": "cyan",
    "processing": "cyan",
    "failed": "bold red",
    "superseded": "yellow",
}
# Without a terminal, progress within a state is told in quarters.
_STEPS: Final = 4


class View:
    """Shows sights as they change, between entering and leaving it; the last ones stay on the screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._told: dict[str, tuple[str, int, str]] = {}

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, sights: Iterable[Sight]) -> None:
        """Bring the lines up to date."""
        if self._live:
            self._live.update(_table(sights), refresh=True)
            return
        for sight in sights:
            told = (sight.state, int(sight.progress * _STEPS), sight.note)
            if self._told.get(sight.name) != told:
                self._told[sight.name] = told
                self._console.print(line(sight), soft_wrap=True)


def line(sight: Sight) -> str:
    """The sight in one line: ``  4.2 s  120320_OHAI1  processing  50 %  3.1x  transcode``."""
    parts = [f"{span(sight.elapsed_s):>10}", f"{sight.name:<18}", f"{sight.state:<10}"]
    if not sight.is_final and sight.progress > 0:
        parts.append(f"{sight.progress:4.0%}")
    parts += [part for part in (_speed(sight), sight.queue or "", sight.note) if part]
    return "  ".join(parts).rstrip()


def _table(sights: Iterable[Sight]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(min_width=10)
    table.add_column(min_width=12)
    for _ in range(4):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for column in (3, 4, 6):
        table.columns[column].justify = "right"
    for sight in sights:
        table.add_row(
            Text(sight.name, style="bold"),
            Text(sight.state, style=_STYLES.get(sight.state, "")),
            ProgressBar(total=1.0, completed=sight.progress, width=12, complete_style="cyan", finished_style="green"),
            Text(f"{sight.progress:.0%}"),
            Text(_speed(sight)),
            Text(sight.queue or ""),
            Text(span(sight.elapsed_s)),
            Text(sight.note, style="dim"),
        )
    return table


def _speed(sight: Sight) -> str:
    return f"{sight.speed:.1f}x" if sight.speed else ""
