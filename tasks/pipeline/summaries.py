"""Summaries of records: the entries that the feeds are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tasks.adapters.records import report
from tasks.errors import RecordUnreadable
from tasks.pipeline import derived
from tasks.pipeline.services import Services
from tasks.records import feeds, keys
from tasks.records.feeds import Summary

Name = tuple[feeds.Kind, str]


def all_names(services: Services) -> Iterator[Name]:
    """Kind and name of every record that may be there, from listings."""
    last = keys.article_record("").removeprefix(keys.ARTICLES)
    for key in derived.listed(services, keys.ARTICLES):
        if key.endswith(last):
            yield "article", key.removeprefix(keys.ARTICLES).removesuffix(last)
    for key in derived.listed(services, keys.CLIP_NAMES):
        yield "clip", key.rpartition("/")[2]


def summary_of(services: Services, name: Name) -> Summary | None:
    """The summary of the record as it now is, or None.

    Raises:
        RecordUnreadable: what stands there is no record; nobody may take it for gone.
    """
    kind, own_name = name
    record = (services.clips if kind == "clip" else services.articles).get_strictly(own_name)
    return feeds.summary(record, services.settings.zone) if record is not None else None


def summaries_of(services: Services, names: Iterable[Name]) -> dict[Name, Summary | None]:
    """The summaries of many records, without those that can't be read, which are logged."""
    found: dict[Name, Summary | None] = {}
    for name in names:
        try:
            found[name] = summary_of(services, name)
        except RecordUnreadable as error:
            report(error)
    return found
