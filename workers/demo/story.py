"""Uploading a story's article and clips in random order, and following them until nothing more will happen."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tasks.errors import NewsreelError
from tasks.records import keys
from tasks.records.article_record import ArticleRecord, ArticleState, Reference, ReferenceState
from workers.client import Client
from workers.follow import Sight, Upload, look
from workers.upload import NotUploadable, Parcel, pack, send_one
from workers.view import View

_PAUSE_S: Final = 0.3
_STALL_S: Final = 900.0


class Stalled(NewsreelError):  # noqa: N818
    """Nothing has moved for a quarter of an hour; the message says what was in progress."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How it ended: the last state of every clip and of the article, and what the article still lacks."""

    clips: tuple[Sight, ...]
    article: Sight
    lacking: tuple[Reference, ...]

    @property
    def is_complete(self) -> bool:
        """Every reference is linked to a ready clip."""
        return self.article.has_succeeded


def clips_in(folder: Path) -> list[Parcel]:
    """The media files of the folder, by name; each keeps its own.

    Raises:
        NotUploadable: there are none, or one can't be read.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    clips = [path for path in files if keys.extension(path.name) in keys.CLIP_EXTENSIONS]
    if not clips:
        raise NotUploadable(f"{folder} holds no clips (files such as .mp4, .mov or .mxf).")
    return pack(clips)


def in_demo_order(article: Parcel, clips: Sequence[Parcel]) -> list[Parcel]:
    """The clips shuffled, the article in their middle: some come before it, some after."""
    order = random.sample(clips, len(clips))
    order.insert(len(order) // 2, article)
    return order


def play(client: Client, article: Parcel, clips: Sequence[Parcel], view: View) -> Ending:
    """Put everything and show a line for each clip, in the order given, and one for the article, until all is final.

    An article that refers to clips that are not among these, and not there from before, is as final as it can be when
    nothing else is in work.

    Raises:
        TemporarilyUnavailable: the store does not answer.
        Stalled: nothing has changed for 15 minutes.
    """
    lines = [_Line(parcel) for parcel in (*clips, article)]
    by_key = {line.parcel.key: line for line in lines}
    order = [by_key[parcel.key] for parcel in in_demo_order(article, clips)]
    stop = threading.Event()
    watchdog = _Watchdog()
    with ThreadPoolExecutor(max_workers=1) as pool:
        sending = pool.submit(_send_all, client, order, stop)
        try:
            while True:
                sights = [line.look(client) for line in lines]
                view.show(sights)
                if sending.done() and (ending := _ending(client, sights, sending)) is not None:
                    return ending
                watchdog.watch(sights)
                time.sleep(_PAUSE_S)
        finally:
            stop.set()


@dataclass
class _Line:
    """The progress line of one upload: before it is sent, while it is, and by its record afterwards."""

    parcel: Parcel
    upload: Upload | None = None
    started_at: float | None = None
    sent_bytes: int = 0
    last: Sight | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, count: int) -> None:
        with self.lock:
            self.sent_bytes += count

    def look(self, client: Client) -> Sight:
        if self.last is not None and self.last.is_final and self.last.state != ArticleState.WAITING:
            return self.last
        name = keys.stem(self.parcel.key)
        if self.upload is not None:
            self.last = look(client, self.upload)
        elif self.started_at is not None:
            elapsed_s = time.monotonic() - self.started_at
            self.last = Sight(
                name=name,
                state="uploading",
                progress=min(1.0, self.sent_bytes / self.parcel.size_bytes),
                elapsed_s=elapsed_s,
            )
        else:
            self.last = Sight(name=name, state="to come")
        return self.last


class _Watchdog:
    def __init__(self) -> None:
        self._seen: list[Sight] = []
        self._moved_at = time.monotonic()

    def watch(self, sights: list[Sight]) -> None:
        """Raise when nothing but the clock has changed for too long."""
        still = [replace(sight, elapsed_s=0.0) for sight in sights]
        if still != self._seen:
            self._seen, self._moved_at = still, time.monotonic()
        elif time.monotonic() - self._moved_at > _STALL_S:
            in_work = ", ".join(f"{sight.name} ({sight.state})" for sight in sights if not sight.is_final)
            raise Stalled(
                f"Nothing has moved for {_STALL_S / 60:.0f} minutes. In work: {in_work}. See newsreel doctor."
            )


def _send_all(client: Client, order: Sequence[_Line], stop: threading.Event) -> None:
    for line in order:
        if stop.is_set():
            return
        line.started_at = time.monotonic()
        line.upload = send_one(client, line.parcel, _stoppable(line.add, stop))


def _stoppable(add: Callable[[int], None], stop: threading.Event) -> Callable[[int], None]:
    def on_bytes(count: int) -> None:
        if stop.is_set():
            # Raised in the transfer, it ends the upload, and boto3 takes the parts back.
            raise NewsreelError("the demo was stopped")
        add(count)

    return on_bytes


def _ending(client: Client, sights: list[Sight], sending: Future[None]) -> Ending | None:
    """The ending, if it has come; what went wrong with the uploads is raised here."""
    sending.result()
    *clips, article = sights
    if not all(clip.is_final for clip in clips):
        return None
    record = client.articles.get(article.name)
    if article.state == "uploaded" or record is None:
        return None
    ready = {keys.fold(clip.name) for clip in clips if clip.has_succeeded}
    lacking = lacks(record)
    due = [each for each in lacking if each.state is not ReferenceState.AMBIGUOUS and keys.fold(each.name) in ready]
    if article.state == ArticleState.WAITING and (due or not lacking):
        # All it needs is there; the rebuild of the article is on its way.
        return None
    return Ending(clips=tuple(clips), article=article, lacking=tuple(lacking))


def lacks(record: ArticleRecord) -> list[Reference]:
    """The references without a clip to show."""
    return [each for each in record.references if each.state is not ReferenceState.LINKED]
