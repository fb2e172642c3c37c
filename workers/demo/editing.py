"""The demo's article while somebody edits it: each save is uploaded, and what changed in the story is printed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tasks.errors import TemporarilyUnavailable
from tasks.records import keys
from tasks.records.article_record import ArticleRecord, ArticleSource
from workers.client import Client
from workers.demo.followed import followed
from workers.demo.saves import NotUsable, Saves
from workers.follow import Upload, look
from workers.terminal import size, span
from workers.upload import Parcel, send_one

LOOK_EVERY_S: Final = 0.5
_STAYS: Final = "The story stays as it is."


class Editing:
    """Follows one article, starting from the story as it now is.

    Parameters:
        article: the file that is watched, and the key that it goes to.
        content: what of it was uploaded last.
        say: told each line.
    """

    def __init__(self, client: Client, article: Parcel, content: bytes, say: Callable[[str], None]) -> None:
        self.path = article.path
        self._client = client
        self._article = article
        self._saves = Saves(article.path, content)
        self._say = say
        self._unsent: bytes | None = None
        self._awaited: Upload | None = None
        self._is_store_away = False
        self._told = client.articles.get(keys.stem(article.key))

    def step(self) -> None:
        """Look at the file and at the story once; to be called every `LOOK_EVERY_S`."""
        try:
            self._unsent = self._saves.look() or self._unsent
        except NotUsable as reason:
            self._unsent = None
            self._say(f"Not uploaded: {reason} {_STAYS}")
        try:
            if self._unsent is not None:
                self._upload(self._unsent)
            for line in self._news():
                self._say(line)
        except TemporarilyUnavailable as error:
            # The stack brings a server that died back by itself, and what was saved waits for it.
            if not self._is_store_away:
                self._say(f"{error.message} It is tried again.")
            self._is_store_away = True
        else:
            self._is_store_away = False

    def _upload(self, content: bytes) -> None:
        # Of the file as it was read: it may be saved once more while it is on its way.
        with tempfile.NamedTemporaryFile() as snapshot:
            snapshot.write(content)
            snapshot.flush()
            parcel = Parcel(path=Path(snapshot.name), key=self._article.key, size_bytes=len(content))
            self._awaited = send_one(self._client, parcel)
        self._unsent = None
        self._say(f"Saved: {self.path.name} uploaded ({size(len(content))}).")

    def _news(self) -> Iterator[str]:
        record = self._client.articles.get(keys.stem(self._article.key))
        if record is None:
            return
        before, self._told = self._told or record, record
        lines = list(followed(before, record))
        if self._awaited is not None:
            yield from self._answer(self._awaited, record, lines)
        elif lines:
            # Without a save: a clip came or went, or an editor decided something at the desk.
            yield "The story changed:"
            yield from lines

    def _answer(self, upload: Upload, record: ArticleRecord, lines: list[str]) -> Iterator[str]:
        sight = look(self._client, upload)
        failure = record.failure
        if record.next is not None and _is_of(record.next.source, upload):
            failure = record.next.failure
        elif not _is_of(record.source, upload):
            if sight.is_final:
                self._awaited = None
                yield f"  {sight.note}"
            yield from lines
            return
        self._awaited = None
        if failure is not None:
            yield f"It can't be taken: {failure.message} {_STAYS}"
        else:
            yield f"The story has it, after {span(sight.elapsed_s)}:"
            if not lines:
                yield "  every link stands where it stood."
        yield from lines


def _is_of(source: ArticleSource, upload: Upload) -> bool:
    return (source.etag, source.size_bytes) == (upload.info.etag, upload.info.size_bytes)
