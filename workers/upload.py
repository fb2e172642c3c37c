"""Uploading files to the incoming bucket: checked, given their keys, sent."""

from __future__ import annotations

import mimetypes
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks.errors import NewsreelError
from tasks.news.reading import EXTENSIONS
from tasks.records import keys
from workers.client import Client
from workers.follow import Upload

ARTICLE_EXTENSIONS: Final = frozenset(EXTENSIONS)


class NotUploadable(NewsreelError):  # noqa: N818
    """A file can't be uploaded as it is; the message says which, why, and the remedy."""


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A file, and the key of the incoming bucket that it goes to."""

    path: Path
    key: str
    size_bytes: int


def pack(paths: Sequence[Path], name: str | None = None) -> list[Parcel]:
    """Look at the files, and find their keys; ``name`` replaces the file name of a single one.

    Raises:
        NotUploadable: see `parcel`, or two would have the same key.
    """
    parcels = [parcel(path, name) for path in paths]
    seen: dict[str, Path] = {}
    for each in parcels:
        if each.key in seen:
            raise NotUploadable(f"{seen[each.key]} and {each.path} would both become {each.key}.")
        seen[each.key] = each.path
    return parcels


def parcel(path: Path, name: str | None = None) -> Parcel:
    """Look at the file, and find its key.

    Raises:
        NotUploadable: it is missing, unreadable, empty or a folder, or its name can't be a key.
    """
    try:
        if path.is_dir():
            raise NotUploadable(f"{path} is a folder; name the files in it.")
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except FileNotFoundError:
        raise NotUploadable(f"{path}: there is no such file.") from None
    except OSError as error:
        raise NotUploadable(f"{path} can't be read: {error.strerror}.") from error
    if is_empty:
        raise NotUploadable(f"{path} is empty (0 bytes).")
    return Parcel(
        path=path,
        key=key_of(path.name if name is None else _with_extension(name, path)),
        size_bytes=path.stat().st_size,
    )


def key_of(file_name: str) -> str:
    """The key for a file of that name; its letters and spaces stay as they are.

    Raises:
        NotUploadable: newsreel would pass over an upload of that name, or S3 refuse it.
    """
    try:
        file_name.encode()
    except UnicodeEncodeError:
        raise NotUploadable(f"{file_name!a} is not UTF-8; give it another name with --as.") from None
    if not file_name or file_name.startswith(".") or "/" in file_name or _has_control(file_name):
        raise NotUploadable(
            f"{file_name!r} can't be the name of an upload: it is empty, hidden, or contains a / or a control "
            "character; see --as."
        )
    known = keys.CLIP_EXTENSIONS | ARTICLE_EXTENSIONS
    if keys.extension(file_name) not in known:
        raise NotUploadable(f"{file_name} is neither a clip nor an article. Accepted: {', '.join(sorted(known))}.")
    return (keys.ARTICLES if keys.extension(file_name) in ARTICLE_EXTENSIONS else keys.CLIPS) + file_name


def send_one(client: Client, each: Parcel, on_bytes: Callable[[int], None] | None = None) -> Upload:
    """Upload one file; ``on_bytes`` is told the bytes of each step, from several threads.

    Raises:
        TemporarilyUnavailable: the store failed.
    """
    content_type = mimetypes.guess_type(each.key)[0] or "application/octet-stream"
    bucket = client.settings.incoming_bucket
    client.store.upload(bucket, each.key, each.path, content_type=content_type, on_bytes=on_bytes)
    return Upload(info=client.head(each.key))


def _has_control(text: str) -> bool:
    return any(unicodedata.category(letter) == "Cc" for letter in text)


def _with_extension(name: str, path: Path) -> str:
    return name if keys.extension(name) in keys.CLIP_EXTENSIONS | ARTICLE_EXTENSIONS else name + path.suffix
