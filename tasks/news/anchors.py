"""Which paragraph a reference belongs to after an edit: where its line stands, unless that can't be what is meant.

A reference is an annotation of a paragraph, whose words it quotes (W3C Web Annotation, TextQuoteSelector). The line's
place in the file is the editor's word and decides, but in two cases:

- the paragraph was moved and its line forgotten: the clip stays with the words that it was put under;
- the paragraph was taken out and its line forgotten, so that it now stands under one that has its own matter: the
  reference is orphaned until an editor moves the line or takes it out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tasks.news.article import ParsedParagraph, ParsedReference
from tasks.news.identity import containment, similarity
from tasks.records import keys
from tasks.records.article_record import ArticleRecord, Reference, ReferenceState, TextQuoteSelector

_CONTEXT: Final = 32
# A paragraph that went into another has most of its words there.
_MERGED: Final = 0.8
_LEFT_BEHIND: Final = 0.7
_REWRITTEN: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """The index of the paragraph that a reference belongs to (None: before the first, or ``is_orphaned``).

    ``selector`` quotes it, or the one that is gone; ``stands_under`` is the id of the one its line stands under.
    """

    paragraph: int | None
    stands_under: str | None
    confidence: float = 1.0
    is_orphaned: bool = False
    selector: TextQuoteSelector | None = None


def anchor(
    references: Sequence[ParsedReference],
    paragraphs: Sequence[ParsedParagraph],
    ids: Sequence[str],
    previous: ArticleRecord | None,
) -> tuple[Anchor, ...]:
    """An anchor for each reference of an article whose previous record, if it has one, is that."""
    text = _Edit(paragraphs, ids, previous)
    earlier: dict[str, list[Reference]] = defaultdict(list)
    for each in previous.references if previous else ():
        earlier[keys.fold(each.name)].append(each)
    anchors: dict[int, Anchor] = {}
    places = [None if each.paragraph is None else ids[each.paragraph] for each in references]
    # Those that stand where they stood are settled first, so that a second mention takes no other's place.
    for is_second_round in (False, True):
        for index, reference in enumerate(references):
            candidates = earlier[keys.fold(reference.name)]
            same = next((each for each in candidates if _stood_under(each) == places[index]), None)
            if index in anchors or (same is None and not is_second_round):
                continue
            known = same or next(iter(candidates), None)
            if known:
                candidates.remove(known)
            anchors[index] = text.place(reference, known)
    return tuple(anchors[index] for index in range(len(references)))


def _stood_under(reference: Reference) -> str | None:
    # Records from before there were selectors tell only the paragraph.
    return reference.paragraph if reference.selector is None else reference.stands_under


class _Edit:
    """The paragraphs as they were and as they are."""

    def __init__(
        self, paragraphs: Sequence[ParsedParagraph], ids: Sequence[str], previous: ArticleRecord | None
    ) -> None:
        self.paragraphs = paragraphs
        self.ids = ids
        self.now: Mapping[str, int] = {each: index for index, each in enumerate(ids)}
        self.old = {each.id: index for index, each in enumerate(previous.paragraphs)} if previous else {}
        self.texts = {each.id: each.text for each in previous.paragraphs} if previous else {}

    def place(self, reference: ParsedReference, known: Reference | None) -> Anchor:
        index = reference.paragraph
        here = None if index is None else self.ids[index]
        if known is None or reference.is_inline or self._line_was_moved(known, index):
            return self._at(index, here)
        # The line is where it was, whatever became of the paragraphs around it: what was decided then still holds.
        if known.state is ReferenceState.ORPHANED:
            return self._orphan(known, here)
        target = known.paragraph
        if target is None or target in self.now:
            at = None if target is None else self.now[target]
            was_left = here != target and _stood_under(known) != here
            return self._at(at, here, known, _LEFT_BEHIND if was_left else 1.0)
        if here is not None and here not in self.old:
            return self._at(index, here, confidence=_REWRITTEN)
        quoted = known.selector.exact if known.selector else self.texts.get(target, "")
        if index is not None and (kept := containment(quoted, self.paragraphs[index].text)) >= _MERGED:
            return self._at(index, here, confidence=round(kept, 2))
        return self._orphan(known, here)

    def _line_was_moved(self, known: Reference, index: int | None) -> bool:
        """An editor put the line elsewhere, as opposed to the paragraphs around it that were moved or taken out."""
        here, stood = None if index is None else self.ids[index], _stood_under(known)
        is_displaced = known.state is ReferenceState.ORPHANED or known.paragraph != stood
        if here == stood or (stood is not None and stood not in self.now):
            return False
        if here is not None and here not in self.old:
            return not is_displaced
        after = range(0 if index is None else index + 1, len(self.ids))
        below = next((each for each in map(self.ids.__getitem__, after) if self._is_old_body(each)), None)
        if is_displaced and below is not None and below in (stood, known.paragraph):
            # Either may have gone past the other; a line that was left behind stays with its words.
            return False
        neighbours = {each for each in (here, below) if each is not None}
        # Where the paragraph that it stood under has changed sides with one beside the line, that one was moved.
        pivot = here if stood is None else stood
        return not any(self._changed_sides(str(pivot), each) for each in neighbours)

    def _is_old_body(self, paragraph_id: str) -> bool:
        return paragraph_id in self.old and self.paragraphs[self.now[paragraph_id]].kind == "body"

    def _changed_sides(self, one: str, other: str) -> bool:
        return (self.old[one] < self.old[other]) != (self.now[one] < self.now[other])

    def _at(
        self, index: int | None, here: str | None, known: Reference | None = None, confidence: float = 1.0
    ) -> Anchor:
        selector = None if index is None else self._selector(index)
        if known and known.selector and selector:
            # Once edited, a link does not become certain again by being looked at: the lower of the two counts.
            if known.selector.exact == selector.exact:
                confidence = min(confidence, known.confidence)
            else:
                confidence *= round(similarity(known.selector.exact, selector.exact), 2)
        return Anchor(paragraph=index, stands_under=here, confidence=round(confidence, 2), selector=selector)

    def _orphan(self, known: Reference, here: str | None) -> Anchor:
        text = self.texts.get(known.paragraph or "", "")
        selector = known.selector or TextQuoteSelector(exact=text)
        return Anchor(paragraph=None, stands_under=here, confidence=0.0, is_orphaned=True, selector=selector)

    def _selector(self, index: int) -> TextQuoteSelector:
        before = self.paragraphs[index - 1].text if index else ""
        after = self.paragraphs[index + 1].text if index + 1 < len(self.paragraphs) else ""
        return TextQuoteSelector(exact=self.paragraphs[index].text, prefix=before[-_CONTEXT:], suffix=after[:_CONTEXT])
