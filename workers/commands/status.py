"""``newsreel status``: what is being processed, what is ready, what failed and why."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tasks.adapters.clock import utc_now
from tasks.adapters.object_store import ObjectInfo
from tasks.records import keys
from tasks.records.article_record import ArticleRecord
from tasks.records.clip_record import ClipRecord
from workers.client import Client, connect
from workers.explain import explain_article, explain_clip, explain_upload
from workers.follow import of_article, of_clip
from workers.options import data_option, json_option
from workers.overview import Overview, Queues, find, gather, queue_depths
from workers.terminal import between, console


@click.command(name="status")
@click.argument("clip", required=False)
@json_option
@data_option
def command(clip: str | None, is_json: bool, data_dir: Path | None) -> None:
    """Show all clips, articles and queues, or one CLIP or article in detail, by its name or its file's name.

    Exit codes: 0 shown, 1 no such clip or article, or no answer.
    """
    client = connect(data_dir)
    if clip is None:
        _show_all(gather(client), is_json=is_json)
    else:
        _show_one(client, find(client, clip), is_json=is_json)


def _show_one(client: Client, found: ClipRecord | ObjectInfo | ArticleRecord, *, is_json: bool) -> None:
    if is_json:
        click.echo(_json(_upload_facts(found)) if isinstance(found, ObjectInfo) else found.to_json())
        return
    if isinstance(found, ClipRecord):
        lines = explain_clip(found, queues=queue_depths(client), settings=client.settings, now=utc_now())
    elif isinstance(found, ArticleRecord):
        lines = explain_article(found, now=utc_now())
    else:
        lines = explain_upload(found, settings=client.settings, now=utc_now())
    out = console()
    for each in lines:
        out.print(each, soft_wrap=True)


def _show_all(overview: Overview, *, is_json: bool) -> None:
    if is_json:
        click.echo(_json(summary(overview)))
        return
    out, now = console(), utc_now()
    if not (overview.clips or overview.unseen or overview.articles):
        out.print("Nothing has been uploaded yet. Try: newsreel put FILE", soft_wrap=True)
    if overview.clips or overview.unseen:
        out.print(_clips(overview, now))
    if overview.articles:
        out.print(_articles(overview, now))
    _print_queues(overview.queues, out)
    for error in overview.unreadable:
        out.print(Text(f"UNREADABLE  {error}"), soft_wrap=True)


def summary(overview: Overview) -> dict[str, object]:
    """Everything, for machines: the records as published, and the queues' depths (null: the broker is away)."""
    return {
        "clips": [record.model_dump(mode="json", by_alias=True) for record in overview.clips],
        "unseen": [_upload_facts(upload) for upload in overview.unseen],
        "articles": [record.model_dump(mode="json", by_alias=True) for record in overview.articles],
        "queues": overview.queues.depths,
        "unreadable": [{"key": each.key, "detail": each.detail, "remedy": each.remedy} for each in overview.unreadable],
    }


def _clips(overview: Overview, now: datetime) -> Table:
    table = _table("CLIP", "STATE", "DONE", "SPEED", "QUEUE", "AGE", "NOTE")
    for record in overview.clips:
        sight, work = of_clip(record, elapsed_s=0), record.work
        notes = [sight.note, *(warning.message for warning in work.warnings)]
        table.add_row(
            Text(record.name),
            Text(sight.state + (" (new version)" if record.next else "")),
            Text(f"{sight.progress:.0%}"),
            Text(f"{sight.speed:.1f}x" if sight.speed else ""),
            Text(sight.queue or ""),
            Text(between(work.timings.uploaded_at, now)),
            Text(" ".join(note for note in notes if note)),
        )
    for upload in overview.unseen:
        note = "no worker has seen it yet"
        if keys.stem(upload.key) in overview.recordless:
            note = "it has no record; if that stays so: newsreel reconcile --thorough"
        table.add_row(
            Text(upload.key), Text("uploaded"), "", "", "", Text(between(upload.modified_at, now)), Text(note)
        )
    return table


def _articles(overview: Overview, now: datetime) -> Table:
    table = _table("ARTICLE", "STATE", "CHANGED", "TITLE", "NOTE")
    for record in overview.articles:
        sight = of_article(record, elapsed_s=0)
        note = "; ".join(filter(None, (sight.note, sight.detail)))
        cells = (record.id, record.state.value, f"{between(record.updated_at, now)} ago", record.title, note)
        table.add_row(*map(Text, cells))
    return table


def _print_queues(queues: Queues, out: Console) -> None:
    if queues.depths is None:
        text = f"QUEUES    unknown: the broker does not answer ({queues.trouble}). Run: newsreel doctor"
    else:
        text = "QUEUES    " + ", ".join(f"{name} {depth}" for name, depth in queues.depths.items())
    out.print(text, soft_wrap=True)


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold", no_wrap=name not in ("NOTE", "TITLE"))
    return table


def _upload_facts(upload: ObjectInfo) -> dict[str, object]:
    uploaded_at = upload.modified_at.isoformat().replace("+00:00", "Z")
    return {
        "key": upload.key,
        "size_bytes": upload.size_bytes,
        "uploaded_at": uploaded_at,
    }


def _json(value: object) -> bytes:
    # Bytes, since JSON is UTF-8 whatever the terminal is.
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
