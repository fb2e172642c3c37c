"""``newsreel demo``: from five uploads and an article to a story that plays, on real local servers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from config.settings import PREFIX
from tasks.adapters import binaries
from tasks.records import keys
from tasks.records.clip_record import ClipRecord, ClipState
from workers.client import DEFAULT_DATA_DIR, Client, connect
from workers.demo.clips import make_clips
from workers.demo.editing import LOOK_EVERY_S, Editing
from workers.demo.fetch import fetch_everything
from workers.demo.hooks import Received, receiving
from workers.demo.story import clips_in, play
from workers.demo.summary import address_lines, clip_table, link_lines, trouble_lines
from workers.local import RunningStack, running_stack
from workers.terminal import console, size
from workers.upload import ARTICLE_EXTENSIONS, NotUploadable, Parcel, pack, parcel
from workers.view import View

_ARTICLE: Final = Path(__file__).parents[1] / "assets" / "demo_article.txt"
_ARTICLE_NAME: Final = "120320-demo.txt"
_ARTICLE_FOLDER: Final = "demo-article"
_CLIPS_FOLDER: Final = "demo-clips"
_WEBHOOKS_WITHIN_S: Final = 6.0
_INTERRUPTED: Final = 130


@click.command(name="demo")
@click.option("--once", is_flag=True, help="Stop after the summary; exit code 0 only if the story is complete.")
@click.option(
    "--clips",
    "clips_dir",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Upload the media files of DIR instead of the demo's own clips.",
)
@click.option(
    "--article",
    "article_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Upload this article instead of the demo's own, and again at each save.",
)
@click.option(
    "--data",
    "data_dir",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_DATA_DIR,
    show_default=True,
    help="Data directory: uploads, media, queues and logs stay there between runs.",
)
def command(once: bool, clips_dir: Path | None, article_file: Path | None, data_dir: Path) -> None:
    """Start the local stack, upload an article and its clips in random order, and show the progress of each clip.

    When the story is complete, every file that it names is fetched as a check, and the addresses of the story page, the
    editors' desk, the portals' files, Flower and S3 are printed. The stack runs until Ctrl-C; meanwhile each save of
    the article's file is uploaded, and what became of its links is printed. Exit codes: 0 the story is complete, 1 a
    clip failed or is missing, or a file could not be fetched, 130 interrupted before that.
    """
    out = console()
    is_whole: bool | None = None
    with _interrupted_by_sigterm():
        try:
            given = _article(article_file) if article_file else None
            own_clips = clips_in(clips_dir) if clips_dir else None
            out.print(f"Starting the local stack; its data directory is {data_dir}.", soft_wrap=True)
            with (
                receiving(os.environ) as (webhooks, overrides),
                running_stack(data_dir, overrides, lambda event: out.print(event, soft_wrap=True)) as stack,
            ):
                out.print(f"Ready after {stack.ready_after_s:.1f} s.")
                # The settings are the user's own, the servers are the stack's.
                own = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
                client = connect(env={**own, **stack.env})
                clips = own_clips or _demo_clips(client, data_dir, out)
                article = given or _demo_article(data_dir)
                content = article.path.read_bytes()
                is_whole = _run(client, article, clips, out)
                if webhooks is not None:
                    webhooks.wait_for("article.complete", _WEBHOOKS_WITHIN_S)
                    out.print(webhooks.line(), soft_wrap=True)
                embedded = next((keys.stem(clip.key) for clip in clips), None)
                _say("", *address_lines(stack.env, keys.stem(article.key), embedded, data_dir), out=out)
                if once:
                    out.print("\nThey answer while newsreel runs: newsreel demo (without --once), or newsreel up.")
                else:
                    editing = Editing(client, article, content, lambda line: _say(line, out=out))
                    _stay_up(stack, editing, webhooks, out)
        except KeyboardInterrupt:
            if is_whole is None:
                raise SystemExit(_INTERRUPTED) from None
    raise SystemExit(0 if is_whole else 1)


def _stay_up(stack: RunningStack, editing: Editing, webhooks: Received | None, out: Console) -> None:
    _say(
        "",
        f"The article is {editing.path}",
        "Edit and save it, and the story follows. Ctrl-C stops everything.",
        out=out,
    )
    try:
        while not stack.supervisor.wait(LOOK_EVERY_S):
            editing.step()
    finally:
        if webhooks is not None:
            _say("", webhooks.line(), out=out)


def _run(client: Client, article: Parcel, clips: Sequence[Parcel], out: Console) -> bool:
    """Upload the story, follow it and print how it ended; whether it is complete and all its files could be fetched."""
    before, after = len(clips) // 2, len(clips) - len(clips) // 2
    out.print(f"Uploading {before} clips, the article, {after} clips, in random order.\n")
    with View(out) as view:
        ending = play(client, article, clips, view)
    records = [record for clip in ending.clips if (record := client.clips.get(clip.name)) is not None]
    out.print("\n", clip_table(records), sep="")
    story = client.articles.get(ending.article.name)
    if story is not None:
        _say("", *link_lines(story), out=out)
    is_whole = _fetch(client, [record for record in records if record.state is ClipState.READY], out)
    if ending.is_complete:
        out.print("The story is complete.")
    _say(*trouble_lines(ending), out=out)
    return is_whole and ending.is_complete


def _fetch(client: Client, records: Sequence[ClipRecord], out: Console) -> bool:
    fetched = fetch_everything(client.settings.gateway_url, records)
    count = f"{fetched.files} files, {size(fetched.size_bytes)}"
    if not fetched.faults:
        out.print(f"\nFetched every file that the records name: {count}.")
        return True
    out.print(f"\nFetched {count}; not all that the records name could be fetched:")
    _say(*(f"  {fault}" for fault in fetched.faults), out=out)
    return False


def _article(file: Path) -> Parcel:
    article = parcel(file)
    if not article.key.startswith(keys.ARTICLES):
        known = ", ".join(f".{extension}" for extension in sorted(ARTICLE_EXTENSIONS))
        raise NotUploadable(f"{file} is not an article; articles end in {known}.")
    return article


def _demo_article(data_dir: Path) -> Parcel:
    """The demo's article as a file to edit; a new copy each time, so that each demo begins alike."""
    folder = data_dir / _ARTICLE_FOLDER
    folder.mkdir(exist_ok=True)
    file = folder / _ARTICLE_NAME
    file.write_bytes(_ARTICLE.read_bytes())
    return parcel(file)


def _demo_clips(client: Client, data_dir: Path, out: Console) -> list[Parcel]:
    ffmpeg = binaries.locate(client.settings.ffmpeg).ffmpeg
    folder = data_dir / _CLIPS_FOLDER
    return pack(make_clips(ffmpeg, folder, on_clip=lambda name: out.print(f"Making the clip {name}.")))


def _say(*lines: str, out: Console) -> None:
    for line in lines:
        out.print(line, soft_wrap=True)


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """SIGTERM and a hang-up end the demo as Ctrl-C does: in order, with all that it started."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
