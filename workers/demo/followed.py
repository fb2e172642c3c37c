"""What an edit did to a story's links, in words. Pure: two records in, lines out."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final

from tasks.records import keys
from tasks.records.article_record import ArticleRecord, Paragraph, Reference, ReferenceState
from workers.demo.summary import beginning, reason

_Place = tuple[int, Paragraph]
_SURE: Final = 1.0


def followed(before: ArticleRecord, after: ArticleRecord) -> Iterator[str]:
    """A line for each link that moved, appeared, was lost or went with its paragraph, and each reference that waits.

    Paragraphs are told by id and first words. A paragraph that others were put before or behind has not moved.
    """
    old, new = _places(before), _places(after)
    moved = _moved(before, after)
    for name in {**new, **old}:
        yield from _of_clip(name, old.get(name, {}), new.get(name, {}), moved, _confidence(after, name))
    yield from _of_references(before, after)


def _of_clip(
    name: str, old: dict[str, _Place], new: dict[str, _Place], moved: set[str], confidence: str
) -> Iterator[str]:
    gone = [place for id_, place in old.items() if id_ not in new]
    come = [place for id_, place in new.items() if id_ not in old]
    for was, now in zip_longest(gone, come):
        if was and now:
            yield f"  {name} moved: {_named(was)} → {_named(now)}{confidence}"
        elif now:
            yield f"  {name} appeared under {_named(now)}{confidence}"
        else:
            yield f"  {name} was lost: it is no longer under {_named(was)}"
    for id_ in old.keys() & new.keys():
        was, now = old[id_], new[id_]
        if id_ in moved:
            yield f"  {name} moved with its paragraph, from place {was[0]} to {now[0]}: {_named(now)}{confidence}"
        elif was[1].text != now[1].text:
            yield f"  {name} stays with its paragraph, which was edited: {_named(was)} → {_named(now)}{confidence}"


def _of_references(before: ArticleRecord, after: ArticleRecord) -> Iterator[str]:
    old, new = _waiting(before), _waiting(after)
    for name, reference in new.items():
        if old.get(name) != reference:
            yield f"  {reference.name} is {reference.state.value}. {reason(reference)}".rstrip()
    named = {keys.fold(each.name) for each in after.references}
    for name, reference in old.items():
        if name not in named:
            yield f"  {reference.name} is referred to no more."


def _places(record: ArticleRecord) -> dict[str, dict[str, _Place]]:
    """The paragraphs that show each clip, by id, with their places from 1."""
    found: dict[str, dict[str, _Place]] = {}
    for place, paragraph in enumerate(record.paragraphs, 1):
        for clip in paragraph.clips:
            found.setdefault(clip.name, {})[paragraph.id] = (place, paragraph)
    return found


def _moved(before: ArticleRecord, after: ArticleRecord) -> set[str]:
    """The ids whose order among those of both records has changed."""
    both = {each.id for each in before.paragraphs} & {each.id for each in after.paragraphs}
    old, new = ([each.id for each in record.paragraphs if each.id in both] for record in (before, after))
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    return both - {id_ for block in blocks for id_ in old[block.a : block.a + block.size]}


def _waiting(record: ArticleRecord) -> dict[str, Reference]:
    """The references without a clip to show, without the parts that an edit elsewhere changes."""
    return {
        keys.fold(each.name): each.evolve(paragraph=None, selector=None, stands_under=None, confidence=_SURE)
        for each in record.references
        if each.state is not ReferenceState.LINKED
    }


def _confidence(record: ArticleRecord, name: str) -> str:
    named = [each for each in record.references if keys.fold(each.decided or each.name) == keys.fold(name)]
    lowest = min((each.confidence for each in named), default=_SURE)
    return "" if lowest == _SURE else f" (confidence {lowest:.2f})"


def _named(place: _Place) -> str:
    return f"{place[1].id} “{beginning(place[1].text)}”"
