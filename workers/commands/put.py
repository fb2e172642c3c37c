"""``newsreel put``: upload clips and articles, and with ``--wait`` follow them until they are ready."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from workers.client import Client, connect
from workers.follow import Sight, Upload, watch
from workers.options import data_option
from workers.terminal import console, size, span
from workers.upload import Parcel, pack, send_one
from workers.view import View

_PLAIN_STEP_S: Final = 10.0
_INTERRUPTED: Final = 130


@click.command(name="put")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--wait", "is_waiting", is_flag=True, help="Follow each upload until it is ready, or has failed (exit code 1)."
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=1),
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="With --wait: give up after that time.",
)
@click.option(
    "--as", "name", metavar="NAME", help="Upload a single FILE under this name; the extension may be left out."
)
@data_option
def command(
    files: tuple[Path, ...], is_waiting: bool, timeout_s: float, name: str | None, data_dir: Path | None
) -> None:
    """Upload each FILE to the incoming bucket: articles (.txt, .html, .md, .json) to articles/, media files to clips/.

    Large files are uploaded in parts. Uploading the same content again changes nothing; new content becomes a new
    version. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """
    if name is not None and len(files) != 1:
        raise click.UsageError("--as names one upload: give exactly one FILE with it.")
    out = console()
    parcels = pack(files, name)
    client = connect(data_dir)
    uploads = send(client, parcels, out)
    if is_waiting:
        _follow(client, uploads, timeout_s, out)


def send(client: Client, parcels: Sequence[Parcel], out: Console) -> list[Upload]:
    """Upload one after the other, with a progress bar where there is a terminal.

    Raises:
        TemporarilyUnavailable: the store failed; the parts that it had were removed again.
    """
    uploads = []
    for each in parcels:
        started = time.monotonic()
        with _progress(each, out) as advance:
            try:
                upload = send_one(client, each, advance)
            except KeyboardInterrupt:
                # boto3 has taken the parts back by now.
                click.echo(f"\nInterrupted; {each.key} was not uploaded.", err=True)
                raise SystemExit(_INTERRUPTED) from None
        uploads.append(upload)
        out.print(f"put {each.key} ({size(each.size_bytes)} in {span(upload.put_at - started)})", soft_wrap=True)
    return uploads


def _follow(client: Client, uploads: Sequence[Upload], timeout_s: float, out: Console) -> None:
    sights: tuple[Sight, ...] = ()
    try:
        with View(out) as view:
            for sights in watch(client, uploads, timeout_s=timeout_s):
                view.show(sights)
    except KeyboardInterrupt:
        click.echo("\nNo longer following; processing goes on. newsreel status shows it.", err=True)
        raise SystemExit(_INTERRUPTED) from None
    failed = [sight for sight in sights if not sight.has_succeeded]
    for sight in failed:
        click.echo(f"{sight.name}: {sight.state}. {sight.note}", err=True)
        if sight.detail:
            click.echo(f"  detail: {sight.detail}", err=True)
    if failed:
        raise SystemExit(1)


@contextmanager
def _progress(each: Parcel, out: Console) -> Iterator[Callable[[int], None]]:
    if not out.is_terminal:
        yield _plain_progress(each, out)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(each.key, total=each.size_bytes)
        yield lambda count: bar.advance(task, count)


def _plain_progress(each: Parcel, out: Console) -> Callable[[int], None]:
    lock = threading.Lock()
    started = told_at = time.monotonic()
    sent = 0

    def advance(count: int) -> None:
        nonlocal sent, told_at
        with lock:
            sent += count
            now = time.monotonic()
            if now - told_at < _PLAIN_STEP_S or sent >= each.size_bytes:
                return
            told_at = now
            rate = sent / (now - started)
            left = span((each.size_bytes - sent) / rate) if rate else "?"
            out.print(f"{each.key}  {sent / each.size_bytes:4.0%}  {size(rate)}/s  {left} left", soft_wrap=True)

    return advance
