"""Timing: the constant frame rate to encode at, from the container's claims and, if they differ, the packets' times.

A source of constant rate keeps its own: no frame is dropped or doubled. One of varying rate (phones, screen
captures, thermal cameras) gets a standard rate at which no frame stands more than half a frame from its own time.

And the length, where the container can't know it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from statistics import fmean, median_low
from typing import Final

from tasks.media.probed import number, text

STANDARD_RATES: Final = tuple(
    Fraction(rate)
    for rate in (
        *("10", "12", "12.5", "15", "20", "24000/1001", "24", "25", "30000/1001", "30", "48", "50"),
        *("60000/1001", "60", "90", "100", "120000/1001", "120", "240"),
    )
)
_VARYING_RATES: Final = tuple(Fraction(rate) for rate in (25, 30, 50, 60))
_FALLBACK: Final = Fraction(25)
_SLOWEST: Final = 1
_FASTEST: Final = 240
# Two readings of one rate: NTSC's 1000/1001 is a difference of 0.1 %, a rounded duration one of less.
_SAME: Final = Fraction(5, 10_000)
_NEAR: Final = Fraction(1, 100)
# Interlaced pictures come at 25 or 30 a second; a claim of about twice that counted fields.
_MOST_INTERLACED: Final = 40
_STEADY_SHARE: Final = 0.6
# A clock of milliseconds, as Matroska and FLV have it, moves a frame by as much.
_CLOCK_S: Final = 0.0011
_JITTER: Final = 0.05
# A frame of film lasts so many fields on average, which come so many times in a second.
FIELDS_OF_FILM: Final = Fraction(5, 2)
_FIELD_RATES: Final = (Fraction(60000, 1001), Fraction(60))
# Some packets have no time, and a stretch of video has a rate of its own.
_FILM_SHARE: Final = 0.9
# With fewer pictures a stretch tells nothing.
_FEWEST: Final = 10
_NO_TIME_S: Final = 0.0005
_LATE_S: Final = 1.0
_UNSURE: Final = ("matroska", "flv")


def claimed_rate(average: Fraction | None, nominal: Fraction | None, *, interlaced: bool) -> tuple[Fraction, bool]:
    """The rate of a stream by its container's average and nominal rate (None: absent), and whether it is certain.

    It is sure where both say the same, or the nominal one is a standard rate that the average comes within 1 % of.
    """
    average, nominal = _believable(average), _believable(nominal)
    if average and nominal:
        if abs(average - nominal) <= nominal * _NEAR and nominal in STANDARD_RATES:
            return _frames(nominal, interlaced=interlaced), True
        if abs(average - nominal) <= nominal * _SAME:
            return _frames(_snapped(average, _SAME), interlaced=interlaced), True
    rate = average or nominal
    if rate is None:
        return _FALLBACK, False
    return _frames(_snapped(rate, _NEAR), interlaced=interlaced), False


def measured_rate(
    times_s: Sequence[float], claimed: Fraction, nominal: Fraction | None, later_s: Sequence[Sequence[float]] = ()
) -> Fraction:
    """The rate by the packets' presentation times, in seconds and any order; ``claimed`` where there are too few.

    Where most frames follow each other at one distance that distance decides, however many were left out. Film whose
    frames are to be shown for two fields and three by turns (2:3 pulldown by flags) keeps its own rate, unless one of
    the stretches ``later_s`` is not film (`is_film`): all frames of video are shown, of which each is two fields.
    """
    gaps = _gaps_s(times_s)
    nominal = _believable(nominal)
    if not gaps:
        return nominal if nominal in STANDARD_RATES else claimed
    if nominal is not None and is_film(times_s, nominal):
        told = [each for each in later_s if len(each) >= _FEWEST]
        return nominal / (FIELDS_OF_FILM if all(is_film(each, nominal) for each in told) else 2)
    usual_s = median_low(gaps)
    # Single steps; a frame left out makes a double one.
    steps = [gap for gap in gaps if abs(gap - usual_s) <= max(_JITTER * usual_s, _CLOCK_S)]
    rate = Fraction(1 / fmean(steps)).limit_denominator(1001)
    if nominal in STANDARD_RATES and abs(rate - nominal) <= nominal * _NEAR:
        rate = nominal
    if len(steps) >= _STEADY_SHARE * len(gaps) and _SLOWEST <= rate <= _FASTEST:
        return _snapped(rate, _NEAR)
    fields = _fields(gaps, nominal)
    if nominal is not None and fields and sum(count > 1 for count in fields) >= _FILM_SHARE * len(fields):
        # Film and video by turns: no frame is shown for a single field.
        return nominal / 2
    return next((standard for standard in _VARYING_RATES if standard >= rate * (1 - _NEAR)), _VARYING_RATES[-1])


def is_length_told(form: object) -> bool:
    """Whether the container, ``format`` of ffprobe's answer, says how long it lasts.

    Matroska of some muxers tells the time at which it ends, others how long it lasts: of one that begins late neither
    is known. So with FLV, of which ffprobe takes the last packet's time for it if nothing is told.
    """
    begins_late = text(form, "format_name").startswith(_UNSURE) and (number(form, "start_time") or 0) > _LATE_S
    return number(form, "duration") is not None and not begins_late


def unsure_s(container: str, start_s: float | None) -> float:
    """How much of a told length may lie before the beginning; none where the length is measured then."""
    begins_s = start_s or 0.0
    return begins_s if container.startswith(_UNSURE) and 0 < begins_s <= _LATE_S else 0.0


def divided_rate(rate: Fraction, most: float) -> Fraction:
    """The rate, or its largest whole fraction that is at most 1 % above ``most``: every n-th frame is shown."""
    # A little more than asked for is better than the half of it.
    return next(rate / n for n in itertools.count(1) if rate / n <= most * (1 + _NEAR))


def is_film(times_s: Sequence[float], nominal: Fraction | None) -> bool:
    """Whether by the packets' times, in seconds and any order, this is film in 2:3 pulldown by flags.

    In a programme stream (ISO/IEC 13818-1) not every picture has a time: five fields are two frames.
    """
    fields: list[int] = []
    for count in _fields(_gaps_s(times_s), nominal):
        if count == 2 * FIELDS_OF_FILM:
            fields += [2, 3] if fields[-1:] == [3] else [3, 2]
        else:
            fields.append(count)
    pairs = list(itertools.pairwise(fields))
    return bool(pairs) and sum({*pair} == {2, 3} for pair in pairs) >= _FILM_SHARE * len(pairs)


def _fields(gaps_s: Sequence[float], nominal: Fraction | None) -> list[int]:
    """How many fields of NTSC's rates each gap is long, 0 where that is no whole number; none at other rates."""
    if nominal not in _FIELD_RATES:
        return []
    field_s = 1 / float(nominal)
    counts = [(gap_s, round(gap_s / field_s)) for gap_s in gaps_s]
    tolerance_s = max(_JITTER * field_s, _CLOCK_S)
    return [count if abs(gap_s - count * field_s) <= tolerance_s else 0 for gap_s, count in counts]


def _gaps_s(times_s: Sequence[float]) -> list[float]:
    times = sorted(set(times_s))
    return [later - earlier for earlier, later in itertools.pairwise(times) if later - earlier > _NO_TIME_S]


def _believable(rate: Fraction | None) -> Fraction | None:
    return rate if rate is not None and _SLOWEST <= rate <= _FASTEST else None


def _snapped(rate: Fraction, tolerance: Fraction) -> Fraction:
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    return nearest if abs(nearest - rate) <= rate * tolerance else rate.limit_denominator(1001)


def _frames(rate: Fraction, *, interlaced: bool) -> Fraction:
    return rate / 2 if interlaced and rate > _MOST_INTERLACED else rate
