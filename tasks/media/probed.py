"""Reading ffprobe's JSON defensively: its values are strings, numbers or missing, as each demuxer has it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction


def ratio(told: str, separator: str) -> Fraction | None:
    """A positive fraction written with that separator (``16:9``, ``25/1``), or None."""
    numerator, _, denominator = told.partition(separator)
    try:
        ratio = Fraction(int(numerator), int(denominator))
    except (ValueError, ZeroDivisionError):
        return None
    return ratio if ratio > 0 else None


def items(value: object) -> list[Mapping[str, object]]:
    """The objects of a list; none where it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def text(value: object, field: str) -> str:
    """An object's field if it is text, else ""."""
    found = value.get(field) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""


def number(value: object, field: str) -> float | None:
    """An object's field as a finite number, whether it is a number or text; else None."""
    found = value.get(field) if isinstance(value, Mapping) else None
    if not isinstance(found, str | int | float):
        return None
    try:
        told = float(found)
    except ValueError:
        return None
    return told if math.isfinite(told) else None
