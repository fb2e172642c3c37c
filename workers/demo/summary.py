"""What the demo tells at its end: each clip's figures, which paragraph shows it, what is missing, and where to look."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from rich.table import Table
from rich.text import Text

from tasks.records.article_record import ArticleRecord
from tasks.records.clip_record import ClipRecord
from workers.demo.story import Ending
from workers.terminal import between, size

_BEGINNING_LETTERS: Final = 48


def clip_table(records: Iterable[ClipRecord]) -> Table:
    """Duration, renditions, sizes, and the times from upload to poster and to ready."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("CLIP", "SOURCE", "DURATION", "SIZE", "RENDITIONS", "POSTER AFTER", "READY AFTER"):
        table.add_column(name, overflow="fold")
    for record in records:
        source, timings = record.source, record.timings
        cells = (
            record.name,
            f"{source.video.codec} {_picture(record)}" if source.video else "-",
            "-" if source.duration_s is None else f"{source.duration_s:.1f} s",
            size(source.size_bytes),
            " ".join(each.name for each in record.renditions) or "-",
            between(timings.uploaded_at, timings.poster_at),
            between(timings.uploaded_at, timings.ready_at),
        )
        table.add_row(*map(Text, cells))
    return table


def link_lines(article: ArticleRecord) -> Iterator[str]:
    """``120320_OHAI1 -> “Phát biểu kết luận …”``: each clip and the beginning of the paragraph that shows it."""
    for paragraph in article.paragraphs:
        for clip in paragraph.clips:
            yield f"  {clip.name} -> “{_beginning(paragraph.text)}”"


def trouble_lines(ending: Ending) -> Iterator[str]:
    """What failed and why, and what the article waits for; nothing when the story is complete."""
    for sight in (*ending.clips, ending.article):
        if sight.is_final and not sight.has_succeeded and sight.state != "waiting":
            yield f"{sight.name}: {sight.state}. {sight.note}"
            if sight.detail:
                yield f"  detail: {sight.detail}"
    for reference in ending.lacking:
        similar = f" Similar: {', '.join(reference.suggestions)}." if reference.suggestions else ""
        yield f"The story waits for {reference.name} ({reference.state.value}). {reference.message}{similar}".rstrip()


def address_lines(env: Mapping[str, str], article_id: str, data_dir: Path) -> Iterator[str]:
    """Where a person goes on: the story page, Flower, the API's docs, S3."""
    gateway = env["NEWSREEL_GATEWAY_URL"]
    yield f"  Story page   {gateway}/stories/{quote(article_id)}"
    yield f"  API docs     {gateway}/docs"
    login = f"user {env['NEWSREEL_FLOWER_USER']}, password {env['NEWSREEL_FLOWER_PASSWORD']}"
    yield f"  Flower       {env['NEWSREEL_FLOWER_URL']} ({login})"
    yield f"  S3 endpoint  {env['NEWSREEL_S3_ENDPOINT_URL']}"
    yield f"  Upload with  {_command()} put CLIP.mp4 --wait" + (
        f" --data {shlex.quote(str(data_dir))}" if str(data_dir) != ".newsreel" else ""
    )
    yield f"  or with      set -a; . {shlex.quote(str(data_dir / 'newsreel.env'))}; set +a"
    bucket = env["NEWSREEL_INCOMING_BUCKET"]
    yield f'               aws --endpoint-url "$NEWSREEL_S3_ENDPOINT_URL" s3 cp CLIP.mp4 s3://{bucket}/clips/'


def _command() -> str:
    # As this very process was started, since the virtual environment need not be on the PATH.
    return shlex.quote(sys.argv[0]) if Path(sys.argv[0]).name == "newsreel" else "newsreel"


def _picture(record: ClipRecord) -> str:
    video = record.source.video
    if video is None:
        return ""
    return f"{video.height}{'p' if video.scan == 'progressive' else 'i'}{video.frame_rate:g}"


def _beginning(text: str) -> str:
    if len(text) <= _BEGINNING_LETTERS:
        return text
    return text[:_BEGINNING_LETTERS].rsplit(" ", 1)[0] + " …"
