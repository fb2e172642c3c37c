"""What is published, for the gateway: records as they are stored, lists of them, and where all of it is served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import quote

from tasks.adapters.object_store import NoSuchObject, ObjectInfo, StoredObject
from tasks.adapters.records import read_record, report
from tasks.errors import RecordUnreadable
from tasks.pipeline.services import Services
from tasks.records import keys
from tasks.records.base import Record

R = TypeVar("R", bound=Record)
# What S3 allows.
_MAX_KEY_BYTES: Final = 1024


@dataclass(frozen=True, kw_only=True)
class Published(Generic[R]):
    """A record, and the ETag of the object that holds it."""

    record: R
    etag: str


def stored(services: Services, key: str) -> StoredObject | None:
    """The record under that key of the media bucket, byte for byte, or None."""
    try:
        return services.store.get(services.settings.media_bucket, key)
    except NoSuchObject:
        return None


def published(services: Services, kind: type[R], key: str) -> Published[R] | None:
    """The record under that key, read, or None.

    Raises:
        RecordUnreadable: it is not a record of that kind.
    """
    found = stored(services, key)
    return Published(record=read_record(kind, key, found.body), etag=found.etag) if found else None


def readable(services: Services, kind: type[R], key: str) -> Published[R] | None:
    """The record under that key, for what shows many: one that can't be read is logged, and left out."""
    try:
        return published(services, kind, key)
    except RecordUnreadable as error:
        report(error)
        return None


def article_ids(services: Services) -> Iterator[tuple[str, ObjectInfo]]:
    """Each article's id with its record's object, in no order to rely on: stores differ in how they sort folders."""
    last = keys.article_record("").removeprefix(keys.ARTICLES)
    for info in services.store.list(services.settings.media_bucket, keys.ARTICLES):
        if info.key.endswith(last):
            yield info.key.removeprefix(keys.ARTICLES).removesuffix(last), info


def clip_names(services: Services) -> Iterator[str]:
    """Each clip's name, in no order to rely on."""
    for info in services.store.list(services.settings.media_bucket, keys.CLIP_NAMES):
        yield info.key.rpartition("/")[2]


def withdrawn_names(services: Services) -> Iterator[str]:
    """The names of clips that were withdrawn of late, each from the moment at which its withdrawal began."""
    for info in services.store.list(services.settings.media_bucket, keys.WITHDRAWN):
        yield info.key.removeprefix(keys.WITHDRAWN)


def is_public(key: str) -> bool:
    """Only what newsreel publishes; a store may resolve dots, or list a folder, where S3 would not."""
    return (
        key.startswith(keys.PUBLIC)
        and not any(part in ("", ".", "..") for part in key.split("/"))
        and key.isprintable()
        and len(key.encode()) <= _MAX_KEY_BYTES
    )


def media_url(key: str) -> str:
    """Where the gateway serves that object of the media bucket."""
    return "/media/" + quote(key, safe="/")
