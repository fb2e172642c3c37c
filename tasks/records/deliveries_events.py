"""Which events a change is, by what was last told of the record; pure.

The feed of changes says that a record changed, perhaps twice, and after a loss it names every record anew. An event is
a change of state, so what was told of each record is remembered: a change that tells nothing new is no event.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urljoin

from pydantic import Field

from tasks.records import keys
from tasks.records.base import Record, Value
from tasks.records.feeds import Change, Summary

_STATES: Final = {
    "clip": ("received", "processing", "playable", "ready", "failed", "withdrawn"),
    "article": ("waiting", "complete", "failed", "withdrawn"),
}
_UPDATED: Final = "updated"
EVENT_TYPES: Final = tuple(f"{kind}.{state}" for kind, states in _STATES.items() for state in (*states, _UPDATED))
"""Every type of event, apart from the ping that an operator sends."""
_SHARDS: Final = 256
_TOLD: Final = frozenset(
    "kind name title day state version next_state updated_at duration_s links revision sequence".split()
)


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event as it is sent to every endpoint; ``body`` is JSON."""

    id: str
    type: str
    body: str


class Told(Value):
    """What was last told of a record, and in which change."""

    sequence: int
    state: str
    version: str
    next_state: str | None = None
    revision: str


class Shard(Record):
    """What was told of some of the records, by kind and name."""

    told: dict[str, Told] = Field(default_factory=dict)


class Cursor(Record):
    """The last change that was looked at."""

    sequence: int


def shard_of(each: Summary) -> str:
    """The shard that remembers the record: two hexadecimal digits."""
    return f"{hashlib.sha256(_name(each).encode()).digest()[0] % _SHARDS:02x}"


def told(each: Summary, sequence: int) -> Told:
    """The memory of this having been told."""
    return Told(
        sequence=sequence,
        state=each.state,
        version=each.version,
        next_state=each.next_state,
        revision=each.revision,
    )


def remembered(shard: Shard, summaries: Iterable[Summary], sequence: int) -> Shard:
    """The shard with these as told, where nothing newer was."""
    fresh = {_name(each): told(each, sequence) for each in summaries}
    return Shard(told={**fresh, **{name: each for name, each in shard.told.items() if each.sequence > sequence}})


def take(shard: Shard, changes: Iterable[Change], *, base: str) -> tuple[Shard, tuple[Event, ...]]:
    """The events in these changes of the shard's records, in their order, and the shard that knows of them.

    ``base`` is the URL, with a slash at the end, below which the media bucket is served.
    """
    memory: dict[str, Told] = dict(shard.told)
    events: list[Event] = []
    for change in changes:
        before = memory.get(_name(change))
        if before is None or change.sequence > before.sequence:
            events += [_event(change, type_, place, base) for place, type_ in enumerate(types_of(before, change))]
            memory[_name(change)] = told(change, change.sequence)
    return Shard(told=memory), tuple(events)


def types_of(before: Told | None, change: Change) -> tuple[str, ...]:
    """The types of event that the change is: its state's, or that of a newer upload in work; else an update, or none.

    A state is news with a new version too: a clip that is ready again after a new upload is ``clip.ready`` again.
    """
    found: list[str] = []
    has_moved = before is None or (before.state, before.version) != (change.state, change.version)
    if has_moved:
        found.append(change.state)
    if change.next_state is not None and (has_moved or before is None or change.next_state != before.next_state):
        found.append(change.next_state)
    if not found and before is not None and before.revision != change.revision and change.state != "withdrawn":
        found.append(_UPDATED)
    types = dict.fromkeys(f"{change.kind}.{each}" for each in found)
    return tuple(each for each in types if each in EVENT_TYPES)


def body_of(type_: str, at: datetime, data: Mapping[str, object]) -> str:
    """A message's body: its type, when it came to be known, and what it is about."""
    timestamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": type_, "timestamp": timestamp, "data": data}, ensure_ascii=False, separators=(",", ":"))


def _event(change: Change, type_: str, place: int, base: str) -> Event:
    data = change.model_dump(mode="json", include=set(_TOLD))
    data["record"] = urljoin(base + keys.CHANGES, change.record)
    # Numbers of changes only grow, so ids stand in the order of events wherever they are listed.
    return Event(id=f"msg_{change.sequence:015d}_{place}", type=type_, body=body_of(type_, change.at, data))


def _name(each: Summary) -> str:
    return f"{each.kind}/{each.name}"
