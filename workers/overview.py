"""What `newsreel status` shows: all records, uploads that have none, and queue depths."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

import redis

from config.queues import ALL_QUEUES
from tasks.adapters.object_store import ObjectInfo
from tasks.errors import NewsreelError, RecordUnreadable
from tasks.records import keys
from tasks.records.article_record import ArticleRecord
from tasks.records.clip_record import ClipRecord
from workers.client import Client

R = TypeVar("R")
_READERS: Final = 8
_BROKER_PATIENCE_S: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class Queues:
    """How many messages wait in each queue; ``depths`` is None, and ``trouble`` says why, if the broker is away."""

    depths: dict[str, int] | None
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Everything; ``unseen`` are the uploads of clips that have no record yet, or no longer.

    ``recordless`` are the names of the clips among them that were taken note of: their record is about to come, or it
    was removed. ``unreadable`` tells of each record that can't be read.
    """

    clips: tuple[ClipRecord, ...]
    articles: tuple[ArticleRecord, ...]
    unseen: tuple[ObjectInfo, ...]
    queues: Queues
    recordless: frozenset[str] = frozenset()
    unreadable: tuple[RecordUnreadable, ...] = ()


class NoSuchClip(NewsreelError):  # noqa: N818
    """There is no record, and no upload, of that clip; the message names similar ones."""


def gather(client: Client) -> Overview:
    """Read it all, several records at a time.

    Raises:
        TemporarilyUnavailable: the store does not answer.
    """
    store, settings = client.store, client.settings
    names = _clip_names(client)
    sources = keys.article_source("")
    ids = [mark.key.removeprefix(sources) for mark in store.list(settings.media_bucket, sources)]
    with ThreadPoolExecutor(max_workers=_READERS) as pool:
        found_clips = list(pool.map(_or_told(client.clips.get_strictly), names))
        found_articles = list(pool.map(_or_told(client.articles.get_strictly), ids))
    clips = [record for record in found_clips if isinstance(record, ClipRecord)]
    articles = [record for record in found_articles if isinstance(record, ArticleRecord)]
    # What lies under an unreadable record's key is known, too, if not what it says.
    known = {name for name, found in zip(names, found_clips, strict=True) if found is not None}
    unseen = [each for each in _uploads(client) if keys.stem(each.key) not in known]
    return Overview(
        clips=tuple(sorted(clips, key=lambda record: record.name)),
        articles=tuple(sorted(articles, key=lambda record: record.id)),
        unseen=tuple(unseen),
        queues=queue_depths(client),
        recordless=frozenset(names) - known,
        unreadable=tuple(each for each in (*found_clips, *found_articles) if isinstance(each, RecordUnreadable)),
    )


def find(client: Client, asked: str) -> ClipRecord | ObjectInfo | ArticleRecord:
    """The record of the clip of that name, or file name; where there is none yet, its upload; else the article's.

    Raises:
        NoSuchClip: there is neither.
        RecordUnreadable: there is a record, which can't be read.
        TemporarilyUnavailable: the store does not answer.
    """
    # As a name, then as a file's name; a shell may complete names in decomposed letters.
    candidates = dict.fromkeys((unicodedata.normalize("NFC", asked), keys.stem(asked)))
    for candidate in candidates:
        if (record := _record(client, candidate)) is not None:
            return record
    for upload in _uploads(client):
        if keys.stem(upload.key) in candidates:
            return upload
    for candidate in candidates:
        if (article := client.articles.get_strictly(candidate)) is not None:
            return article
    raise NoSuchClip(f"There is no clip or article {asked}.{_did_you_mean(keys.stem(asked), _clip_names(client))}")


def queue_depths(client: Client) -> Queues:
    """Ask the broker; if it is away, the result says so."""
    try:
        with redis.Redis.from_url(
            client.settings.broker_url, socket_timeout=_BROKER_PATIENCE_S, socket_connect_timeout=_BROKER_PATIENCE_S
        ) as broker:
            # Celery's Redis transport keeps each queue as a list of its name.
            return Queues(depths={name: _length(broker, name) for name in ALL_QUEUES})
    except (redis.RedisError, OSError, ValueError) as error:
        return Queues(depths=None, trouble=str(error))


def _length(broker: redis.Redis, name: str) -> int:
    length = broker.llen(name)
    assert isinstance(length, int)  # noqa: S101 # the client is not an asynchronous one
    return length


def _record(client: Client, name: str) -> ClipRecord | None:
    """By the exact name, else by one that differs in case only, if there is just one."""
    prefix = keys.clip_names_prefix(name)
    found = [mark.key.removeprefix(prefix) for mark in client.store.list(client.settings.media_bucket, prefix)]
    if name in found or len(found) == 1:
        return client.clips.get(name if name in found else found[0])
    return None


def _or_told(get: Callable[[str], R | None]) -> Callable[[str], R | RecordUnreadable | None]:
    """One bad record must not hide all others."""

    def read(name: str) -> R | RecordUnreadable | None:
        try:
            return get(name)
        except RecordUnreadable as error:
            return error

    return read


def _clip_names(client: Client) -> list[str]:
    marks = client.store.list(client.settings.media_bucket, keys.CLIP_NAMES)
    return [mark.key.rsplit("/", 1)[-1] for mark in marks]


def _uploads(client: Client) -> Iterable[ObjectInfo]:
    for upload in client.store.list(client.settings.incoming_bucket, keys.CLIPS):
        file_name = upload.key.rsplit("/", 1)[-1]
        if file_name and not file_name.startswith("."):
            yield upload


def _did_you_mean(name: str, names: list[str]) -> str:
    by_folded = {keys.fold(each): each for each in names}
    similar = difflib.get_close_matches(keys.fold(name), list(by_folded), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(by_folded[each] for each in similar)}?" if similar else ""
