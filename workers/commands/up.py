"""``newsreel up``: the local stack in the foreground."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from config.settings import load_settings
from workers.local import LocalStack, RunningStack, StackStopped


@click.command(name="up")
@click.option(
    "--data",
    "data_dir",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".newsreel"),
    show_default=True,
    help="Data directory: uploads, media, queues and logs stay there between runs.",
)
def command(data_dir: Path) -> None:
    """Run SeaweedFS, Redis, the workers, the scheduler, the gateway and Flower, on free ports of this machine.

    When all are ready, DIR/newsreel.env holds addresses and credentials; the other commands read it. A process that
    dies is reported and restarted. Ctrl-C or SIGTERM stops everything in order, a second one at once. The data stay.

    \b
    Settings come from the environment (NEWSREEL_LADDER, NEWSREEL_LOG_LEVEL, …).
    Exit codes: 0 stopped on request; 1 could not start (DIR in use, a server
    not installed); 2 wrong usage.
    """
    # A wrong setting is reported here in one line, and not by every process that dies of it.
    load_settings()
    click.echo(f"newsreel is starting; its data directory is {data_dir}.", err=True)
    stack = LocalStack(data_dir, on_event=_tell)
    with _stopped_by_signals(stack):
        try:
            with stack.running() as running:
                _show(running)
                running.wait()
            click.echo(f"newsreel has stopped; its data stay in {data_dir}.", err=True)
        except StackStopped as reason:
            click.echo(str(reason), err=True)


def _show(stack: RunningStack) -> None:
    rows = [("SERVICE", "ADDRESS", "PID")]
    rows += [(each.name, each.address, str(each.pid or "")) for each in stack.services()]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, address, pid in rows:
        click.echo(f"  {name:<{widths[0]}}  {address:<{widths[1]}}  {pid}".rstrip())
    click.echo(f"  Logs: {stack.data_dir}/logs. Addresses and credentials: {stack.data_dir}/newsreel.env")
    click.echo(f"newsreel is ready after {stack.ready_after_s:.1f} s. Press Ctrl-C to stop it.")


def _tell(event: str) -> None:
    click.echo(click.style("newsreel: ", bold=True) + event, err=True)


@contextmanager
def _stopped_by_signals(stack: LocalStack) -> Iterator[None]:
    """Let the first Ctrl-C, SIGTERM or hang-up end the stack in order, and a second one at once."""
    seen = 0

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            # Not click.echo: a signal handler may interrupt a write to the same stream.
            os.write(2, b"newsreel is stopping; press Ctrl-C again to stop it at once.\n")
            stack.stop()
        else:
            stack.kill()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
