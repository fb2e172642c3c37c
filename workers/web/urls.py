"""Where readers find what a record names: URLs made absolute, or presigned for a bucket that is not public."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final
from urllib.parse import unquote, urljoin

from config.settings import Settings
from tasks.adapters.object_store import ObjectStore

PRESIGNED_S: Final = 3600
"""For how long a presigned URL is good."""

# A playlist, a manifest and the storyboard's index name other files beside them, which no signature of theirs covers.
_ALONE: Final = (".mp4", ".m4a", ".jpg", ".jpeg", ".png", ".webp", ".avif", ".json")
_FIELDS: Final = frozenset({"url", "hls", "dash", "vtt", "images", "record", "poster"})


class Urls(StrEnum):
    """How an answer writes URLs: as the record has them, absolute, or presigned where that is of use."""

    STORED = "stored"
    ABSOLUTE = "absolute"
    PRESIGNED = "presigned"


def public_base(settings: Settings) -> str:
    """Where the media bucket's public part is served, with a slash at the end."""
    return (settings.public_media_url or f"{settings.gateway_url.rstrip('/')}/media").rstrip("/") + "/"


def absolute(value: Any, *, at: str, base: str, sign: Callable[[str], str] | None = None) -> Any:
    """The record's JSON with its URLs made absolute; ``at`` is the URL of what it stands in, below ``base``.

    ``sign`` is given the key of each object that can be fetched alone, and returns its URL.
    """
    match value:
        case dict():
            return {
                name: _url(inner, at, base, sign) if name in _FIELDS else absolute(inner, at=at, base=base, sign=sign)
                for name, inner in value.items()
            }
        case list():
            return [absolute(each, at=at, base=base, sign=sign) for each in value]
        case _:
            return value


def signer(store: ObjectStore, settings: Settings) -> Callable[[str], str]:
    """Presigns the GET of an object of the media bucket."""
    return lambda key: store.presigned(settings.media_bucket, key, good_for_s=PRESIGNED_S)


def _url(value: Any, at: str, base: str, sign: Callable[[str], str] | None) -> Any:
    if isinstance(value, list):
        return [_url(each, at, base, sign) for each in value]
    if not isinstance(value, str):
        return absolute(value, at=at, base=base, sign=sign)
    url = urljoin(at, value)
    if sign is not None and url.startswith(base) and url.endswith(_ALONE):
        return sign(unquote(url.removeprefix(base)))
    return url
