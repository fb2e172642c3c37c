"""The pipeline's own objects in the media bucket: marks, and what is derived from records.

The latter are read with their ETag, and written only if nobody else wrote meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

import structlog

from tasks.adapters.object_store import NoSuchObject, PreconditionFailed
from tasks.pipeline.services import Services
from tasks.records.base import Record

log: Final = structlog.get_logger()
R = TypeVar("R", bound=Record)
JSON: Final = "application/json; charset=utf-8"


def listed(services: Services, prefix: str) -> Iterator[str]:
    """The keys of the media bucket that begin with the prefix."""
    return (info.key for info in services.store.list(services.settings.media_bucket, prefix))


def read(services: Services, key: str, kind: type[R]) -> tuple[R | None, str | None]:
    """The object under that key of the media bucket with its ETag; one that can't be read counts as empty."""
    try:
        stored = services.store.get(services.settings.media_bucket, key)
    except NoSuchObject:
        return None, None
    try:
        return kind.model_validate_json(stored.body), stored.etag
    except ValueError:
        log.warning("object unreadable", key=key)
        return None, stored.etag


def put_mark(services: Services, key: str) -> None:
    """Put an empty object into the media bucket: its key says everything."""
    services.store.put(services.settings.media_bucket, key, b"", content_type="application/octet-stream")


def replace(services: Services, key: str, content: Record, etag: str | None, *, cache: str | None = None) -> None:
    """Write the object, replacing the one of that ETag; with None, only if there is none.

    Raises:
        PreconditionFailed: somebody else wrote or removed it meanwhile.
    """
    try:
        services.store.put(
            services.settings.media_bucket,
            key,
            content.to_json(),
            content_type=JSON,
            cache_control=cache,
            if_match=etag,
            if_absent=etag is None,
        )
    except NoSuchObject as error:
        raise PreconditionFailed(f"{key} was removed by somebody else") from error
