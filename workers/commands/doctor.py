"""``newsreel doctor``: check everything that newsreel depends on, and say what is wrong and what to do about it."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from config.settings import Settings, load_settings, unknown_settings
from workers.client import DEFAULT_DATA_DIR, Client, NotRunning, connect, environment
from workers.doctor.broker import check_broker, check_workers
from workers.doctor.finding import Finding, Level, fail, warn
from workers.doctor.media_tools import check_cage, check_disk, check_programs
from workers.doctor.storage import check_storage, impatient_client
from workers.doctor.wiring import check_gateway, check_wiring
from workers.options import data_option, json_option
from workers.services import celery_app
from workers.terminal import console

_STYLES: Final = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


@click.command(name="doctor")
@json_option
@data_option
def command(is_json: bool, data_dir: Path | None) -> None:
    """Check ffmpeg, the cage, the disk, the object store, Redis, the workers, the gateway and the event wiring.

    Test objects in the store are removed again. Exit codes: 0 no check failed (there may be warnings), 1 one did.
    """
    out = console()
    findings = []
    for finding in examine(data_dir):
        findings.append(finding)
        if not is_json:
            _print(finding, out)
    failed = sum(finding.level is Level.FAIL for finding in findings)
    warned = sum(finding.level is Level.WARN for finding in findings)
    if is_json:
        facts = [
            {"check": each.check, "level": each.level, "message": each.message, "remedy": each.remedy}
            for each in findings
        ]
        click.echo(json.dumps({"ok": not failed, "findings": facts}, ensure_ascii=False, indent=1).encode())
    else:
        out.print(f"\n{len(findings)} checks: {failed} failed, {warned} warnings.")
    raise SystemExit(1 if failed else 0)


def examine(data_dir: Path | None) -> Iterator[Finding]:
    """Every finding, as soon as it is made; what needs a server that does not answer is left out."""
    for variable, meant in unknown_settings(os.environ).items():
        remedy = f"set {meant}" if meant else "config/settings.py has all names"
        yield warn("settings", f"{variable} is no setting of newsreel", remedy)
    client, trouble = None, None
    try:
        client = connect(data_dir)
    except NotRunning as error:
        trouble = error
    settings = client.settings if client else load_settings()
    yield from check_programs(settings)
    yield check_cage(settings)
    yield check_disk(_workspace(settings, data_dir))
    if client is None:
        message, _, remedy = str(trouble).partition("Remedy: ")
        yield fail("stack", message.strip(), remedy)
    else:
        yield from _servers(client)


def _servers(client: Client) -> Iterator[Finding]:
    settings = client.settings
    with environment(client.env):
        impatient = impatient_client(settings)
    found = []
    for finding in itertools.chain(check_storage(settings, client.store, impatient), check_broker(settings)):
        found.append(finding)
        yield finding
    app = celery_app(settings)
    has_broker = not any(each.check == "redis" and each.level is Level.FAIL for each in found)
    has_store = not any(
        each.check.startswith(("object store", "bucket")) and each.level is Level.FAIL for each in found
    )
    if has_broker:
        yield from check_workers(app)
    yield from check_gateway(settings)
    if has_broker and has_store:
        yield check_wiring(settings, client.store, app)


def _workspace(settings: Settings, data_dir: Path | None) -> Path:
    """A local stack keeps its workspace in its own folder, unless the settings name another one."""
    of_stack = (data_dir or DEFAULT_DATA_DIR) / "workspace"
    is_told = "workspace_dir" in settings.model_fields_set
    return of_stack if of_stack.is_dir() and not is_told else settings.workspace_dir


def _print(finding: Finding, out: Console) -> None:
    row = Text.assemble(
        (f"{finding.level.upper():<5}", _STYLES[finding.level]), f"{finding.check:<24} {finding.message}"
    )
    out.print(row, soft_wrap=True)
    if finding.remedy:
        out.print(Text.assemble(" " * 5, f"{'remedy':<24} ", finding.remedy), style="dim", soft_wrap=True)
