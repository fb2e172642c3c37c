"""What an article waits for, and what was seen of it: while nothing of that changes, no rebuild is needed.

The mark of a waiting article says so as JSON, ``{"names": […], "seen": "…"}``; an empty one asks for a rebuild.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress

from tasks.adapters.object_store import NoSuchObject
from tasks.pipeline import candidates, decisions
from tasks.pipeline.services import Services
from tasks.records import keys


def is_unchanged(services: Services, article_id: str, key: str) -> bool:
    """The article waits, and neither its upload nor a clip that it could show was written since its last rebuild."""
    settings = services.settings
    try:
        told = services.store.get(settings.media_bucket, keys.waiting_mark(article_id)).body
        mark = _read_waiting(told)
        if mark is None:
            return False  # somebody wants it rebuilt
        waited_for, waited_with = mark
        source = services.store.head(settings.incoming_bucket, key)
    except NoSuchObject:
        return False
    etags: dict[str, str] = {}
    unmatched = []
    decided = decisions.read(services, article_id)
    for name in waited_for:
        found = candidates.names_for(services, name, decided)
        for each in found:
            with suppress(NoSuchObject):
                etags[each] = services.store.head(settings.media_bucket, keys.clip_record(each)).etag
        if not any(each in etags for each in found):
            unmatched.append(name)
    existing = candidates.existing(services, sorted(unmatched)) if unmatched else ()
    seen = fingerprint(services, source.etag, etags, existing, decided)
    # A record that is gone, or can't be read, is made again.
    return seen == waited_with and services.articles.get(article_id) is not None


def _read_waiting(mark: bytes) -> tuple[list[str], str] | None:
    """The names that the article waits for, and what was seen of them; None if it is empty or can't be read."""
    try:
        told = json.loads(mark)
        return [str(name) for name in told["names"]], str(told["seen"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def fingerprint(
    services: Services, source: str, etags: Mapping[str, str], existing: Iterable[str], decided: Mapping[str, str]
) -> str:
    """What a rebuild was made of, as a hash: the ETags of its upload and of the clips' records, by the clips' names.

    Further the ``existing`` clips' names that were suggested, and what editors ``decided`` for references.
    """
    style = (services.settings.reference_labels, services.settings.reference_shortcodes)
    seen = json.dumps([source, sorted(etags.items()), sorted(existing), style, sorted(decided.items())])
    return hashlib.sha256(seen.encode()).hexdigest()


def remember(services: Services, article_id: str, *, names: Iterable[str], seen: str) -> None:
    """State that the article waits for these clips, and what its rebuild was made of."""
    told = json.dumps({"names": list(names), "seen": seen}, ensure_ascii=False).encode()
    services.store.put(
        services.settings.media_bucket,
        keys.waiting_mark(article_id),
        told,
        content_type="application/json; charset=utf-8",
    )
