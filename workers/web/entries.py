"""Entries of the API's lists, one for each clip and article: their alphabetical order, and filters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from tasks.records import keys
from tasks.records.feeds import Summary
from workers.web.folding import plain
from workers.web.urls import absolute


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A summary, the place of its name in the alphabet, and the text that is searched.

    ``told`` is its JSON with absolute URLs, written when it is first wanted.
    """

    summary: Summary
    place: tuple[str, str]
    text: str
    base: str

    @cached_property
    def told(self) -> str:
        content = self.summary.model_dump(mode="json")
        at = self.base + keys.LATEST_CHANGES
        return json.dumps(absolute(content, at=at, base=self.base), ensure_ascii=False)


def place(name: str) -> tuple[str, str]:
    """A name's place in the alphabet, regardless of case."""
    return keys.fold(name), name


def narrowing(
    *, states: Iterable[str], since: date | None, until: date | None, prefix: str, text: str
) -> Callable[[list[Entry]], list[Entry]]:
    """A filter for the entries that are asked for; days are inclusive, case and accents in ``text`` don't matter."""
    wanted, folded = frozenset(states), keys.fold(prefix)
    # A word within another asks for nothing more, and very many of one letter would take the loop's time.
    split = set(plain(text).split())
    words = sorted((each for each in split if not any(each in other for other in split - {each})), key=len)[::-1]

    def narrow(entries: list[Entry]) -> list[Entry]:
        # One condition after the other: over ten thousand entries that is several times as fast as all at once.
        if folded:
            entries = [each for each in entries if each.place[0].startswith(folded)]
        if wanted:
            entries = [each for each in entries if each.summary.state in wanted]
        if since is not None:
            entries = [each for each in entries if each.summary.day >= since]
        if until is not None:
            entries = [each for each in entries if each.summary.day <= until]
        for word in words:
            entries = [each for each in entries if word in each.text]
        return entries

    return narrow


def place_of(entry: Entry) -> tuple[str, str]:
    """Where it stands."""
    return entry.place


def entry_of(summary: Summary, base: str) -> Entry:
    """The entry of a summary; ``base`` is the address under which readers find the media bucket."""
    return Entry(summary=summary, place=place(summary.name), text=plain(f"{summary.name} {summary.title}"), base=base)
