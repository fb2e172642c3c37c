"""``newsreel webhooks``: list deliveries, send them again, and test endpoints."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click
from rich.table import Table

from tasks.adapters.clock import utc_now
from tasks.errors import NewsreelError
from tasks.pipeline import notify_orders
from tasks.pipeline.services import Services
from tasks.records.deliveries import Delivery, DeliveryState
from workers.client import connect
from workers.options import data_option, json_option
from workers.ordering import services_of
from workers.terminal import console
from workers.web.deliveries import result

_AGO: Final = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# A worker takes a ping within seconds, and gives up on it after one try.
_PING_S: Final = 45.0
_LOOK_S: Final = 0.25


class NotTaken(NewsreelError):  # noqa: N818
    """The endpoint did not accept the ping, or no worker sent it."""


def _moment(_ctx: click.Context, _param: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    if ago := _AGO.fullmatch(text):
        return utc_now() - timedelta(seconds=int(ago[1]) * _UNITS_S[ago[2]])
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise click.BadParameter(
            f"“{text}” is neither a duration such as 90m, 2h or 1d nor a time such as 2026-03-12T11:00:00Z"
        ) from None


endpoint_option = click.option("--endpoint", metavar="NAME", help="Only those of one endpoint.")
failed_option = click.option("--failed", "is_failed", is_flag=True, help="Only those that were given up.")
since_option = click.option(
    "--since", metavar="TIME", callback=_moment, help="Only those since then: 2h (ago), or 2026-03-12T11:00:00Z."
)


@click.group(name="webhooks")
def command() -> None:
    """List, replay and test the webhook deliveries to the endpoints in NEWSREEL_WEBHOOKS_FILE."""


@command.command(name="list")
@endpoint_option
@failed_option
@since_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="At most that many.")
@json_option
@data_option
def list_(
    endpoint: str | None, is_failed: bool, since: datetime | None, limit: int, is_json: bool, data_dir: Path | None
) -> None:
    """List deliveries, the latest events first. Those that are done stay listed for 72 hours."""
    services = services_of(connect(data_dir))
    state = DeliveryState.GIVEN_UP if is_failed else None
    found = notify_orders.listed(services, endpoint=endpoint, state=state, since=since, most=limit)
    if is_json:
        click.echo(json.dumps([result(each).model_dump(mode="json") for each in found], indent=1, ensure_ascii=False))
        return
    out = console()
    for known in notify_orders.endpoints(services):
        if known.disabled_at is not None and endpoint in (None, known.name):
            out.print(f"{known.name} ({known.origin}) is disabled. {known.reason}", soft_wrap=True)
    if not found:
        out.print("No deliveries.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "endpoint", "event", "about", "state", "tries", "last answer", "next try (UTC)"):
        table.add_column(heading, no_wrap=heading in ("id", "event"))
    for each in found:
        table.add_row(*_row(each))
    out.print(table)


@command.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@endpoint_option
@since_option
@failed_option
@data_option
def replay(
    ids: tuple[str, ...], endpoint: str | None, since: datetime | None, is_failed: bool, data_dir: Path | None
) -> None:
    """Send events again under the same ids: those with these IDs, or (with --since) all since then.

    Exit codes: 0 done, or nothing to do; 1 there is no delivery of that id, or its endpoint is disabled.
    """
    if bool(ids) == (since is not None):
        raise click.UsageError("Give either IDs or --since.")
    if ids and is_failed:
        raise click.UsageError("--failed goes with --since.")
    services = services_of(connect(data_dir))
    if since is not None:
        state = DeliveryState.GIVEN_UP if is_failed else None
        found = notify_orders.listed(services, endpoint=endpoint, state=state, since=since)
        # The oldest first, as they happened.
        wanted = [(each.id, each.endpoint) for each in reversed(found)]
        count = sum(len(notify_orders.replay(services, id_, endpoint=name)) for id_, name in wanted)
    else:
        count = sum(len(notify_orders.replay(services, id_, endpoint=endpoint)) for id_ in ids)
    console().print("Nothing to do." if not count else f"{count} to be sent again.", soft_wrap=True)


@command.command()
@click.argument("endpoint")
@data_option
def test(endpoint: str, data_dir: Path | None) -> None:
    """Have the worker send a newsreel.ping to ENDPOINT, and wait for the answer.

    A disabled endpoint that accepts it is enabled again. Exit codes: 0 accepted; 1 not accepted, or no worker sent it.
    """
    services = services_of(connect(data_dir))
    outcome = _outcome(services, notify_orders.ping(services, endpoint))
    if outcome.state is not DeliveryState.DELIVERED:
        raise NotTaken(f"{endpoint}: {outcome.last_error or 'No worker has sent it. Remedy: newsreel doctor'}")
    console().print(f"{endpoint} accepted it with {outcome.last_status}.", soft_wrap=True)


def _outcome(services: Services, sent: Delivery) -> Delivery:
    deadline = time.monotonic() + _PING_S
    while True:
        found = services.outbox.find(sent.endpoint, sent.id) or sent
        if found.state is not DeliveryState.PENDING or time.monotonic() > deadline:
            return found
        time.sleep(_LOOK_S)


def _row(each: Delivery) -> tuple[str, ...]:
    answer = str(each.last_status) if each.last_status is not None else each.last_error
    next_at = each.next_at.strftime("%m-%d %H:%M:%S") if each.next_at else "-"
    about = str(each.body_json["data"].get("name", "-"))
    return each.id, each.endpoint, each.type, about, each.state.value, str(each.attempts), answer or "-", next_at
