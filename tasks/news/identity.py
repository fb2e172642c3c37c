"""Paragraph ids that outlive an edit: a paragraph that was moved or corrected keeps its id, another never gets it.

Unchanged paragraphs are matched first. The others are compared by the words that they share (Dice's coefficient), but
only where they have a rare pair of neighbouring words in common. A pair is kept if each is the other's best match by a
clear margin; where two could as well be meant, both are new.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from tasks.news.text import normalise, one_line

_ENOUGH: Final = 0.6
_MARGIN: Final = 0.1
_CONTAINED: Final = 0.9
# A pair of words in more paragraphs than that tells nothing, and would make hostile articles slow.
_RARE: Final = 8
_CANDIDATES: Final = 8


def carry_ids(previous: Iterable[tuple[str, str]], texts: Sequence[str]) -> tuple[str, ...]:
    """An id for each text: that of the previous paragraph (id, text) that it is, else a new one that none has had.

    A new id is ``p-`` and ten hex digits of the text's SHA-256; equal texts are numbered from ``-2`` on. Case, white
    space and the composition of letters don't count.

    The order of paragraphs matters only among equal ones, and among about equally large parts of one that was split:
    the first keeps the id.
    """
    known = list(previous)
    taken: dict[int, str] = {}
    by_text: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        by_text[_plain(text)].append(index)
    changed: list[tuple[str, str]] = []
    for paragraph_id, text in known:
        if same := by_text.get(_plain(text)):
            taken[same.pop(0)] = paragraph_id
        else:
            changed.append((paragraph_id, text))
    left = [index for index in range(len(texts)) if index not in taken]
    for old, new in _pairs([text for _, text in changed], [texts[index] for index in left]).items():
        taken[left[new]] = changed[old][0]
    # An id of the previous record is never given to another text, also where its paragraph is gone.
    used = {paragraph_id for paragraph_id, _ in known}
    for index in left:
        if index not in taken:
            taken[index] = _fresh(texts[index], used)
            used.add(taken[index])
    return tuple(taken[index] for index in range(len(texts)))


def similarity(one: str, other: str) -> float:
    """How much two texts have in common, 0 to 1: twice the shared words by all words."""
    return _dice(_words(one), _words(other))


def containment(part: str, whole: str) -> float:
    """How many of the part's words are in the whole, 0 to 1."""
    words = _words(part)
    return (words & _words(whole)).total() / words.total() if words else 0.0


def _pairs(old: Sequence[str], new: Sequence[str]) -> dict[int, int]:
    """Which new text each old one has become; those without a clear answer are left out."""
    before, after = [_words(text) for text in old], [_words(text) for text in new]
    scores: dict[tuple[int, int], float] = {}
    for a, b in _candidates(old, new):
        score = _dice(before[a], after[b])
        if score >= _ENOUGH:
            scores[a, b] = score
    rows: dict[int, list[tuple[float, int]]] = defaultdict(list)
    columns: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for (a, b), score in scores.items():
        rows[a].append((-score, b))
        columns[b].append((-score, a))
    pairs = {}
    for a, row in rows.items():
        best = _clear(row, [after[one] for _, one in row], before[a])
        if best is not None and _clear(columns[best], [before[one] for _, one in columns[best]], after[best]) == a:
            pairs[a] = best
    return pairs


def _clear(scored: Sequence[tuple[float, int]], words: Sequence[Counter[str]], whole: Counter[str]) -> int | None:
    """The best of them, if none other is near it; of several parts of one text, the first of the best."""
    best = min(score for score, _ in scored)
    near = {index: text for (score, index), text in zip(scored, words, strict=True) if score - best < _MARGIN}
    if len(near) == 1 or all(_is_part(text, whole) for text in near.values()):
        return min(near)
    return None


def _is_part(part: Counter[str], whole: Counter[str]) -> bool:
    # As long as the whole it is no part of it, but the same text with another word.
    return (part & whole).total() >= _CONTAINED * part.total() and part.total() <= 0.8 * whole.total()


def _candidates(old: Sequence[str], new: Sequence[str]) -> Iterable[tuple[int, int]]:
    index: dict[tuple[str, str], list[int]] = defaultdict(list)
    for a, text in enumerate(old):
        for bigram in _bigrams(text):
            index[bigram].append(a)
    for b, text in enumerate(new):
        shared = Counter(
            a for bigram in _bigrams(text) if len(index.get(bigram, ())) <= _RARE for a in index.get(bigram, ())
        )
        for a, _ in shared.most_common(_CANDIDATES):
            yield a, b


def _bigrams(text: str) -> set[tuple[str, str]]:
    words = ["", *_plain(text).split(), ""]
    return set(pairwise(words))


def _words(text: str) -> Counter[str]:
    bare = (word.strip(".,;:!?…\"'“”‘’()[]«»–-") for word in _plain(text).split())
    return Counter(word for word in bare if word)


def _dice(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    total = sum(one.values()) + sum(other.values())
    return 2 * (Counter(one) & Counter(other)).total() / total if total else 0.0


def _plain(text: str) -> str:
    return one_line(normalise(normalise(text).casefold()))


def _fresh(text: str, used: set[str]) -> str:
    base = f"p-{hashlib.sha256(_plain(text).encode()).hexdigest()[:10]}"
    count = 1
    while (made := base if count == 1 else f"{base}-{count}") in used:
        count += 1
    return made
