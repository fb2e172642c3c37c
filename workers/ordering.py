"""What the commands that give orders share: finding the clip, giving the order, and printing the outcome."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import structlog

from tasks.adapters.object_store import ObjectInfo
from tasks.errors import NewsreelError
from tasks.pipeline.order_steps import Outcome
from tasks.pipeline.services import Services
from tasks.records.clip_record import ClipRecord
from workers.client import Client, connect, environment
from workers.options import data_option, json_option
from workers.overview import NoSuchClip, find
from workers.services import build_services
from workers.terminal import console
from workers.web.operate import result


def order_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument and options of every command that gives an order."""
    return click.argument("clip")(json_option(data_option(command)))


def services_of(client: Client) -> Services:
    """The adapters for the stack that the client found; what is logged of their use goes to standard error."""
    # Looked up for each line: standard output is the answer's, and may be read by a program.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    with environment(client.env):
        return build_services(client.settings)


def give(clip: str, order: Callable[[Services, str], Outcome], *, data_dir: Path | None, is_json: bool) -> None:
    """Give the order for the clip of that name, or file's name, and print what became of it.

    Raises:
        NoSuchClip, OrderRefused: the message says why, and what to do.
    """
    client = connect(data_dir)
    outcome = order(services_of(client), _name(client, clip))
    if is_json:
        click.echo(json.dumps(result(outcome).model_dump(mode="json"), indent=1, ensure_ascii=False))
        return
    told = f"{outcome.record.name}: {outcome.message}" if outcome.changed else f"{outcome.record.name}: nothing to do."
    console().print(told if outcome.changed else f"{told} {outcome.message}", soft_wrap=True)


def _name(client: Client, clip: str) -> str:
    found = find(client, clip)
    if isinstance(found, ClipRecord):
        return found.name
    if isinstance(found, ObjectInfo):
        raise _NotSeen(f"No worker has seen {found.key} yet. Remedy: newsreel reconcile, with workers running")
    raise NoSuchClip(f"{clip} is an article; this command is for clips.")


class _NotSeen(NewsreelError):  # noqa: N818
    """There is an upload, but no record of it."""
