"""“Did you mean”: the clips whose names are nearest to one that nothing matches."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from itertools import permutations
from typing import Final

from tasks.records import keys

_CONVENTIONAL: Final = re.compile(r"(?P<date>\d{6})_(?P<slug>.*?[^\d])(?P<take>\d{0,3})")
_MOST: Final = 3
_LONGEST: Final = 120
_TOO_FAR: Final = 100


def suggest(name: str, existing: Iterable[str]) -> tuple[str, ...]:
    """Up to three existing names that may be meant, the nearest first.

    Near is: another accent or letter of Đ and Ð; one or two slips of the finger; the same but for the take; the same
    but for a date one day off, or with day, month and year in another order.
    """
    wanted = _bare(name)
    scored = sorted((_distance(wanted, _bare(each)), each) for each in set(existing) if each != name)
    return tuple(each for distance, each in scored if distance < _TOO_FAR)[:_MOST]


def date_prefixes(name: str) -> tuple[str, ...]:
    """The beginnings of the folded names that are near by their date; none if the name has no date."""
    found = _CONVENTIONAL.fullmatch(_bare(name))
    return tuple(dict.fromkeys("".join(each) for each in permutations(_halves(found["date"])))) if found else ()


def edit_distance(one: str, other: str, limit: int) -> int:
    """Letters to insert, delete, replace or swap with their neighbour; ``limit`` + 1 if it is more than ``limit``."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)


def _distance(wanted: str, other: str) -> int:
    if wanted == other:
        return 0
    one, two = _CONVENTIONAL.fullmatch(wanted), _CONVENTIONAL.fullmatch(other)
    if one and two:
        days = 0 if one["date"] == two["date"] else _date_distance(one["date"], two["date"])
        allowed = 1 if len(one["slug"]) <= 4 else 2
        slug = edit_distance(one["slug"], two["slug"], allowed)
        slug = slug if slug <= allowed else _TOO_FAR
        takes = 0 if one["take"] == two["take"] else 1 + min(abs(int(one["take"] or 0) - int(two["take"] or 0)), 9)
        # Two things at once are hardly one slip, but for a take on another day's name.
        wrong = sum(map(bool, (days, slug, takes)))
        return days + 2 * slug + takes if wrong == 1 or (wrong == 2 and not slug) else _TOO_FAR
    allowed = min(2, max(len(wanted), len(other)) // 4)
    distance = edit_distance(wanted[:_LONGEST], other[:_LONGEST], allowed)
    return 2 * distance if distance <= allowed else _TOO_FAR


def _date_distance(one: str, other: str) -> int:
    if sorted(_halves(one)) == sorted(_halves(other)):
        return 1
    first, second = _day(one), _day(other)
    if first and second and abs((first - second).days) == 1:
        return 2
    return 3 if edit_distance(one, other, 1) == 1 else _TOO_FAR


def _day(written: str) -> date | None:
    month, day, year = map(int, _halves(written))
    try:
        return date(2000 + year, month, day)
    except ValueError:
        return None


def _halves(written: str) -> tuple[str, str, str]:
    return written[:2], written[2:4], written[4:]


def _bare(name: str) -> str:
    """The name folded, without accents, with d for both Đ and Ð."""
    split = unicodedata.normalize("NFD", keys.fold(name)).replace("đ", "d").replace("ð", "d")
    return "".join(letter for letter in split if not unicodedata.combining(letter))
