"""The demo's summary: each clip's figures, which paragraph shows it, what is missing, and the addresses."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from rich.table import Table
from rich.text import Text

from tasks.records.article_record import ArticleRecord, Reference
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
            yield f"  {clip.name} -> “{beginning(paragraph.text)}”"


def trouble_lines(ending: Ending) -> Iterator[str]:
    """What failed and why, and what the article waits for; nothing when the story is complete."""
    for sight in (*ending.clips, ending.article):
        if sight.is_final and not sight.has_succeeded and sight.state != "waiting":
            yield f"{sight.name}: {sight.state}. {sight.note}"
            if sight.detail:
                yield f"  detail: {sight.detail}"
    for reference in ending.lacking:
        yield f"The story waits for {reference.name} ({reference.state.value}). {reason(reference)}".rstrip()


def reason(reference: Reference) -> str:
    """Why a reference shows no clip, and which clips may be meant where the record's message does not say it itself."""
    names = ", ".join(each for each in reference.suggestions if each not in reference.message)
    return f"{reference.message} Similar: {names}." if names else reference.message


def address_lines(env: Mapping[str, str], article_id: str, clip: str | None, data_dir: Path) -> Iterator[str]:
    """The addresses to look at: pages for readers and editors, files and feeds for portals, Flower, S3.

    ``clip`` is one that can be embedded. The operators' token is not told, but where it stands.
    """
    gateway = env["NEWSREEL_GATEWAY_URL"]
    media = f"{env['NEWSREEL_S3_ENDPOINT_URL']}/{env['NEWSREEL_MEDIA_BUCKET']}"
    yield f"  Story page   {gateway}/stories/{quote(article_id)}"
    yield f"  Story desk   {gateway}/desk (to sign in: {_token_place(env, data_dir)})"
    if clip is not None:
        yield f"  Embed        {gateway}/embed/{quote(clip)}"
    yield f"  API docs     {gateway}/docs"
    for path in ("days/index.json", "changes/latest.json"):
        yield f"  {path.partition('/')[0].capitalize():<13}{gateway}/media/{path}"
        yield f"               {media}/{path} (without the gateway)"
    yield f"  Feeds        {gateway}/feeds/media.rss"
    yield f"               {gateway}/sitemap-video.xml"
    login = f"user {env['NEWSREEL_FLOWER_USER']}, password {env['NEWSREEL_FLOWER_PASSWORD']}"
    yield f"  Flower       {env['NEWSREEL_FLOWER_URL']} ({login})"
    yield f"  S3 endpoint  {env['NEWSREEL_S3_ENDPOINT_URL']}"
    yield f"  Upload with  {_command()} put CLIP.mp4 --wait" + (
        f" --data {shlex.quote(str(data_dir))}" if str(data_dir) != ".newsreel" else ""
    )
    yield f"  or with      set -a; . {shlex.quote(str(data_dir / 'newsreel.env'))}; set +a"
    bucket = env["NEWSREEL_INCOMING_BUCKET"]
    yield f'               aws --endpoint-url "$NEWSREEL_S3_ENDPOINT_URL" s3 cp CLIP.mp4 s3://{bucket}/clips/'


def _token_place(env: Mapping[str, str], data_dir: Path) -> str:
    if "NEWSREEL_OPERATOR_TOKEN" in env:
        return f"NEWSREEL_OPERATOR_TOKEN in {data_dir / 'newsreel.env'}"
    return "the token in your NEWSREEL_OPERATOR_TOKEN_FILE"


def _command() -> str:
    # As this very process was started, since the virtual environment need not be on the PATH.
    return shlex.quote(sys.argv[0]) if Path(sys.argv[0]).name == "newsreel" else "newsreel"


def _picture(record: ClipRecord) -> str:
    video = record.source.video
    if video is None:
        return ""
    return f"{video.height}{'p' if video.scan == 'progressive' else 'i'}{video.frame_rate:g}"


def beginning(text: str) -> str:
    """The first words of a paragraph, a line's worth of them."""
    if len(text) <= _BEGINNING_LETTERS:
        return text
    return text[:_BEGINNING_LETTERS].rsplit(" ", 1)[0] + " …"
