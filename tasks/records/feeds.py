"""The static feeds beside the records: what there is of a day, and what changed, for portals that ask no server.

`summary` tells of a record in a few fields. A day's file holds the summaries of its articles and clips, the feed of
changes names them in the order in which they changed. Both are derived: lost, they are made again from the records.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import Field

from tasks.records import keys
from tasks.records.article_record import ArticleRecord
from tasks.records.base import Record, UtcTime, Value
from tasks.records.clip_record import ClipRecord

Kind = Literal["article", "clip"]
PAGE_CHANGES: Final = 100
"""How many changes a page of the past holds; the latest one has up to twice as many."""

# What changes while a worker works and means nothing to a reader.
_WORKINGS: Final = (
    *("progress", "speed", "lease", "queue", "attempts", "begun_anew", "postponed", "retry_at", "updated_at"),
)


class Summary(Value):
    """A record in a few words. ``record`` and ``poster`` are URLs relative to the file that this stands in.

    ``name`` is the clip's name or the article's id. ``version`` is the clip's, of an article what was uploaded.
    ``links``: the articles that show the clip, or the clips that the article shows. ``revision`` differs whenever
    anything did that matters to a reader; a worker's progress does not.
    """

    kind: Kind
    name: str
    title: str
    day: date
    state: str
    version: str
    next_state: str | None = Field(default=None, description="State of a newer upload that is in work.")
    updated_at: UtcTime
    duration_s: float | None = None
    record: str
    poster: str | None = None
    links: tuple[str, ...] = ()
    revision: str


class Change(Summary):
    """A record that changed, noted ``at``; ``sequence`` grows. A change may be named twice, and two be named as one."""

    sequence: int
    at: UtcTime


class Day(Record):
    """``days/<date>.json``: everything of one day in the newsroom, in the order of kind and name."""

    schema_: Literal["newsreel/day/1"] = Field(default="newsreel/day/1", alias="schema")
    day: date
    articles: tuple[Summary, ...] = ()
    clips: tuple[Summary, ...] = ()

    @property
    def entries(self) -> dict[tuple[Kind, str], Summary]:
        """The day's summaries by kind and name."""
        return {(each.kind, each.name): each for each in (*self.articles, *self.clips)}


class DayCount(Value):
    """A day, and how much there is of it; ``url`` is relative to the index."""

    day: date
    url: str
    articles: int
    clips: int


class Days(Record):
    """``days/index.json``: the days of which there is anything, the newest first."""

    schema_: Literal["newsreel/days/1"] = Field(default="newsreel/days/1", alias="schema")
    days: tuple[DayCount, ...] = ()


class Changes(Record):
    """``changes/latest.json`` and the pages of the past: changes in the order of their sequence numbers.

    ``previous`` is the URL, relative to this one, of the page before, or null.
    """

    schema_: Literal["newsreel/changes/1"] = Field(default="newsreel/changes/1", alias="schema")
    previous: str | None = None
    changes: tuple[Change, ...] = ()


def summary(record: ClipRecord | ArticleRecord, zone: ZoneInfo) -> Summary:
    """The record in a few words; a day is one of the newsroom's ``zone``."""
    return _of_clip(record, zone) if isinstance(record, ClipRecord) else _of_article(record, zone)


def summary_in(change: Change) -> Summary:
    """The summary that a change holds, without when it was told."""
    return Summary.model_validate(change.model_dump(exclude={"sequence", "at"}))


def day_of(record: ClipRecord | ArticleRecord, zone: ZoneInfo) -> date:
    """The day on which a portal lists it: when it aired or was published, else when it came."""
    if isinstance(record, ClipRecord):
        came = record.timings.uploaded_at or record.timings.received_at or record.updated_at
        return record.air_date or came.astimezone(zone).date()
    moment = _moment(record.published_at) or record.updated_at
    return moment.astimezone(zone).date()


def differs(before: ClipRecord | ArticleRecord | None, after: ClipRecord | ArticleRecord) -> bool:
    """Whether a reader would care to know of the change."""
    return before is None or revision(before) != revision(after)


def revision(record: ClipRecord | ArticleRecord) -> str:
    """A digest of what a reader can see of the record, apart from the progress of work."""
    content = record.model_dump(mode="json", by_alias=True)
    for part in (content, content.get("next") or {}):
        for name in _WORKINGS:
            part.pop(name, None)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def with_entries(day: Day, gone: Iterable[tuple[Kind, str]], fresh: Iterable[Summary]) -> Day:
    """The day without those of these kinds and names, and with these summaries, each once."""
    left_out = set(gone)
    entries = {key: each for key, each in day.entries.items() if key not in left_out}
    entries |= {(each.kind, each.name): each for each in fresh}
    ordered = [entries[key] for key in sorted(entries)]
    return Day(
        day=day.day,
        articles=tuple(each for each in ordered if each.kind == "article"),
        clips=tuple(each for each in ordered if each.kind == "clip"),
    )


def with_counts(days: Days, changed: Iterable[Day]) -> Days:
    """The index after these days changed; one of which nothing is left is not in it."""
    counts = {each.day: each for each in days.days}
    for day in changed:
        url = keys.day_file(day.day).removeprefix(keys.DAYS)
        counts[day.day] = DayCount(day=day.day, url=url, articles=len(day.articles), clips=len(day.clips))
    kept = [each for each in counts.values() if each.articles or each.clips]
    return Days(days=tuple(sorted(kept, key=lambda each: each.day, reverse=True)))


def with_changes(
    latest: Changes | None, changed: Sequence[Summary], now: datetime, *, above: int = 0
) -> tuple[Changes, dict[int, Changes]]:
    """The latest page with these changes behind the others, and the pages that it has grown out of, by their number.

    A feed that begins anew counts on from the milliseconds since 1970 (or ``above``, if that is more), so that its
    numbers are above those of the lost one, and a reader who knew that one sees everything named again.
    """
    page = latest or Changes()
    last = page.changes[-1].sequence if page.changes else max(above, int(now.timestamp() * 1000))
    added = [Change(**dict(each), sequence=last + place, at=now) for place, each in enumerate(changed, 1)]
    changes, previous = [*page.changes, *added], page.previous
    sealed: dict[int, Changes] = {}
    while len(changes) > 2 * PAGE_CHANGES:
        past, changes = changes[:PAGE_CHANGES], changes[PAGE_CHANGES:]
        number = past[-1].sequence
        # The same changes are always cut off at the same place: a page that is written twice stays what it was.
        sealed[number] = Changes(previous=previous, changes=tuple(past))
        previous = keys.change_page(number).removeprefix(keys.CHANGES)
    return Changes(previous=previous, changes=tuple(changes)), sealed


def _of_clip(record: ClipRecord, zone: ZoneInfo) -> Summary:
    folder = f"../{keys.CLIPS}{quote(record.name, safe='')}/"
    return Summary(
        kind="clip",
        name=record.name,
        title=record.name,
        day=day_of(record, zone),
        state=record.state,
        version=record.version,
        next_state=record.next.state if record.next else None,
        updated_at=record.updated_at,
        duration_s=record.source.duration_s,
        record=f"{folder}clip.json",
        poster=folder + record.poster.url if record.poster else None,
        links=tuple(dict.fromkeys(each.article for each in record.links)),
        revision=revision(record),
    )


def _of_article(record: ArticleRecord, zone: ZoneInfo) -> Summary:
    clips = (clip.name for paragraph in record.paragraphs for clip in paragraph.clips)
    return Summary(
        kind="article",
        name=record.id,
        title=record.title,
        day=day_of(record, zone),
        state=record.state,
        version=hashlib.sha256(f"{record.source.etag}\n{record.source.size_bytes}".encode()).hexdigest()[:16],
        updated_at=record.updated_at,
        record=f"../{keys.ARTICLES}{quote(record.id, safe='')}/article.json",
        links=tuple(dict.fromkeys(clips)),
        revision=revision(record),
    )


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def gone(former: Summary, now: datetime) -> Summary:
    """What is told of a record that is no longer there."""
    lost: dict[str, Any] = {"state": "withdrawn", "updated_at": now, "poster": None, "links": (), "revision": ""}
    return former.evolve(**lost)
