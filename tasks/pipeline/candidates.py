"""The clips that an article's references may mean: found by their names, or chosen by an editor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

from tasks.news.clip_names import spellings
from tasks.news.suggest import date_prefixes
from tasks.pipeline.services import Services
from tasks.records import keys

# Names to look through for a “did you mean”: those near by date first, then any.
_NEAR_NAMES: Final = 1_000
_ALL_NAMES: Final = 5_000


def names_for(services: Services, reference: str, decisions: Mapping[str, str]) -> list[str]:
    """The names of the clips that a reference can mean; ``decisions`` (`decisions.read`) come first."""
    decided = decisions.get(keys.fold(reference))
    if decided is not None:
        return [decided]
    found: dict[str, None] = {}
    for prefix in dict.fromkeys(map(keys.clip_names_prefix, spellings(reference))):
        for mark in services.store.list(services.settings.media_bucket, prefix):
            found[mark.key.removeprefix(prefix)] = None
    return list(found)


def awaited(references: Iterable[str], decided: Iterable[str]) -> set[str]:
    """The names under which clips may arrive that these references, and these decisions, mean."""
    return {*decided, *(spelling for name in references for spelling in spellings(name))}


def existing(services: Services, unmatched: Iterable[str]) -> set[str]:
    """Existing names of clips near these, as many as are worth comparing."""
    prefixes = dict.fromkeys(keys.CLIP_NAMES + date for name in unmatched for date in date_prefixes(name))
    bucket = services.settings.media_bucket
    names: set[str] = set()
    for prefix, most in [*((each, _NEAR_NAMES) for each in prefixes), (keys.CLIP_NAMES, _ALL_NAMES)]:
        marks = islice(services.store.list(bucket, prefix), most)
        names.update(mark.key.rpartition("/")[2] for mark in marks)
    return names
