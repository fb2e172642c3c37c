"""What a chaos run will do, and when: a pure function of its seed, so a run that found something can be run again.

Times are seconds after the stack is ready. Which process or request a fault meets depends on what runs at that moment;
which fault comes when, and which upload, does not.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final


class FaultKind(StrEnum):
    """Every way in which the run hurts the stack."""

    KILL_FFMPEG = "kill_ffmpeg"
    KILL_POOL_CHILD = "kill_pool_child"
    KILL_WORKER = "kill_worker"
    KILL_GATEWAY = "kill_gateway"
    KILL_SCHEDULER = "kill_scheduler"
    FREEZE_WORKER = "freeze_worker"
    REDIS_RESTART = "redis_restart"
    REDIS_FREEZE = "redis_freeze"
    REDIS_SLOW = "redis_slow"
    REDIS_FLUSHALL = "redis_flushall"
    REDIS_CLIENT_KILL = "redis_client_kill"
    STORE_RESTART = "store_restart"
    STORE_503 = "store_503"
    STORE_409 = "store_409"
    STORE_412 = "store_412"
    LOST_412 = "lost_412"
    STORE_STALL = "store_stall"
    STORE_LATENCY = "store_latency"
    CUT_REQUEST = "cut_request"
    CUT_ANSWER = "cut_answer"
    LOST_ANSWER = "lost_answer"
    DISK_FULL = "disk_full"
    EVENT_DROPPED = "event_dropped"
    EVENT_FIVEFOLD = "event_fivefold"
    EVENT_SHUFFLED = "event_shuffled"
    UPLOAD_REPLACED = "upload_replaced"


# Planned faults, by how often they come. Restarts are dear: a worker needs seconds of processor time to come back.
_WEIGHTS: Final = {
    FaultKind.KILL_FFMPEG: 34,
    FaultKind.KILL_POOL_CHILD: 18,
    FaultKind.KILL_WORKER: 9,
    FaultKind.KILL_GATEWAY: 6,
    FaultKind.KILL_SCHEDULER: 4,
    FaultKind.FREEZE_WORKER: 8,
    FaultKind.REDIS_RESTART: 5,
    FaultKind.REDIS_FREEZE: 7,
    FaultKind.REDIS_SLOW: 6,
    FaultKind.REDIS_FLUSHALL: 12,
    FaultKind.REDIS_CLIENT_KILL: 14,
    FaultKind.STORE_RESTART: 4,
    FaultKind.STORE_503: 50,
    FaultKind.STORE_409: 20,
    FaultKind.STORE_412: 20,
    FaultKind.LOST_412: 25,
    FaultKind.STORE_STALL: 25,
    FaultKind.STORE_LATENCY: 9,
    FaultKind.CUT_REQUEST: 30,
    FaultKind.CUT_ANSWER: 30,
    FaultKind.LOST_ANSWER: 40,
    FaultKind.DISK_FULL: 5,
}
# How long one lasts at least and at most, in seconds; a freeze of a worker lasts that much longer than its lease.
_LASTS_S: Final = {
    FaultKind.FREEZE_WORKER: (1.0, 15.0),
    FaultKind.REDIS_FREEZE: (1.0, 6.0),
    FaultKind.REDIS_SLOW: (2.0, 6.0),
    FaultKind.STORE_STALL: (1.0, 9.0),
    FaultKind.STORE_LATENCY: (2.0, 6.0),
    FaultKind.DISK_FULL: (1.0, 4.0),
}
# How many requests in a row it meets; the client of the store gives up after four tries of one.
_REQUESTS: Final = {
    FaultKind.STORE_503: (1, 2, 4, 8, 24),
    FaultKind.STORE_409: (1, 2, 4, 8),
    FaultKind.STORE_412: (1, 1, 2, 4),
    FaultKind.LOST_412: (1, 1, 2),
    FaultKind.STORE_STALL: (1, 1, 2),
    FaultKind.CUT_REQUEST: (1, 1, 2, 5),
    FaultKind.CUT_ANSWER: (1, 1, 2, 5),
    FaultKind.LOST_ANSWER: (1, 1, 2, 5),
}
_UPLOADS_UNTIL: Final = 0.6
_DAY_S: Final = 30.0
_BURST: Final = 20
_EVENTS_DROPPED: Final = 0.2
_EVENTS_FIVEFOLD: Final = 0.15
_EVENTS_HELD: Final = 0.4


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One planned fault; ``choice`` (0 to 1) picks its victim among those there are."""

    at_s: float
    kind: FaultKind
    choice: float
    lasts_s: float = 0.0
    requests: int = 0


@dataclass(frozen=True, kw_only=True)
class ClipUpload:
    """An upload of a clip; ``colour`` and ``length`` say which of the base clips it shows, ``number`` counts from 0."""

    at_s: float
    name: str
    number: int
    colour: int
    length: int


@dataclass(frozen=True, kw_only=True)
class ArticleUpload:
    """An upload of an article that refers to these clips."""

    at_s: float
    article_id: str
    number: int
    clips: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class EventFate:
    """What becomes of one event on its way: how many copies arrive, and how long each is held back, in seconds."""

    held_s: tuple[float, ...]

    @property
    def kinds(self) -> tuple[FaultKind, ...]:
        """The faults that this amounts to."""
        if not self.held_s:
            return (FaultKind.EVENT_DROPPED,)
        shuffled = (FaultKind.EVENT_SHUFFLED,) if max(self.held_s) > 0 else ()
        return (*shuffled, FaultKind.EVENT_FIVEFOLD) if len(self.held_s) > 1 else shuffled


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A whole run; ``lasts_s`` is the time until its last planned fault begins. ``is_day``: `make_day` made it."""

    seed: int
    lasts_s: float
    faults: tuple[Fault, ...]
    clips: tuple[ClipUpload, ...]
    articles: tuple[ArticleUpload, ...]
    is_day: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The clips, each once."""
        return tuple(dict.fromkeys(upload.name for upload in sorted(self.clips, key=lambda each: each.name)))

    def fate(self, event: str, number: int) -> EventFate:
        """What becomes of the event with that mark when it comes for the ``number``-th time."""
        if self.is_day:
            return EventFate(held_s=(0.0,))
        chance = random.Random(f"{self.seed}:{event}:{number}")
        drawn = chance.random()
        if drawn < _EVENTS_DROPPED:
            return EventFate(held_s=())
        copies = 5 if drawn < _EVENTS_DROPPED + _EVENTS_FIVEFOLD else 1
        held = copies > 1 or chance.random() < _EVENTS_HELD
        return EventFate(held_s=tuple(chance.uniform(0.05, 4.0) if held else 0.0 for _ in range(copies)))

    def to_json(self) -> dict[str, Any]:
        """The plan as it is written beside a run's figures."""
        return asdict(self)


def make_plan(
    seed: int, *, minutes: float, clips: int, articles: int, faults: int, replaced: int, colours: int, lengths: int
) -> Plan:
    """The run of that seed.

    Parameters:
        minutes: how long faults come; uploads come in the first part of it.
        clips, articles: how many there are; each clip is shown by at least one article.
        faults: how many are planned, apart from what is done to events and from the uploads that replace others.
        replaced: how many clips are uploaded anew, with other bytes, while the run goes on.
        colours, lengths: how many base clips there are to choose from.
    """
    chance = random.Random(seed)
    lasts_s = minutes * 60
    names = [f"{1 + number % 12:02d}{1 + number % 28:02d}20_CHAOS{number + 1}" for number in range(clips)]
    uploads = list(_clip_uploads(chance, names, lasts_s, replaced=replaced, colours=colours, lengths=lengths))
    return Plan(
        seed=seed,
        lasts_s=lasts_s,
        faults=tuple(sorted(_faults(chance, faults, lasts_s), key=lambda each: each.at_s)),
        clips=tuple(sorted(uploads, key=lambda each: each.at_s)),
        articles=tuple(sorted(_article_uploads(chance, names, articles, lasts_s), key=lambda each: each.at_s)),
    )


def make_day(seed: int, *, clips: int, articles: int, colours: int, lengths: int) -> Plan:
    """A day's uploads within half a minute, in bursts, and no faults: far more than two workers can take.

    The articles come when all clips wait, each with two clips that nobody had asked for before.
    """
    chance = random.Random(seed)
    names = [f"{1 + number % 12:02d}{1 + number % 28:02d}20_CHAOS{number + 1}" for number in range(clips)]
    bursts = [chance.uniform(0, _DAY_S) for _ in range(max(1, clips // _BURST))]
    uploads = [
        ClipUpload(
            at_s=round(bursts[number % len(bursts)], 2),
            name=name,
            number=0,
            colour=chance.randrange(colours),
            length=chance.randrange(lengths),
        )
        for number, name in enumerate(names)
    ]
    shown = chance.sample(names, min(len(names), 2 * articles))
    stories = [
        ArticleUpload(at_s=_DAY_S + number / 10, article_id=f"chaos-{number + 1}", number=0, clips=(one, other))
        for number, (one, other) in enumerate(zip(shown[::2], shown[1::2], strict=False))
    ]
    return Plan(
        seed=seed,
        lasts_s=_DAY_S,
        faults=(),
        clips=tuple(sorted(uploads, key=lambda each: each.at_s)),
        articles=tuple(stories),
        is_day=True,
    )


def _faults(chance: random.Random, number: int, lasts_s: float) -> Iterator[Fault]:
    kinds = list(_WEIGHTS)
    # Each kind comes at least once, however short the run.
    drawn = kinds[:number] + chance.choices(kinds, list(_WEIGHTS.values()), k=max(0, number - len(kinds)))
    for kind in drawn:
        lasts = chance.uniform(*_LASTS_S[kind]) if kind in _LASTS_S else 0.0
        yield Fault(
            at_s=round(chance.uniform(0, lasts_s), 2),
            kind=kind,
            choice=chance.random(),
            lasts_s=round(lasts, 2),
            requests=chance.choice(_REQUESTS[kind]) if kind in _REQUESTS else 0,
        )


def _clip_uploads(
    chance: random.Random, names: list[str], lasts_s: float, *, replaced: int, colours: int, lengths: int
) -> Iterator[ClipUpload]:
    anew = set(chance.sample(names, min(replaced, len(names))))
    for name in names:
        first = chance.randrange(colours)
        at_s = chance.uniform(0, lasts_s * _UPLOADS_UNTIL)
        yield ClipUpload(at_s=round(at_s, 2), name=name, number=0, colour=first, length=chance.randrange(lengths))
        if name in anew:
            # Some while the first is in work, some long after.
            later = at_s + chance.choice((0.5, 3.0, 15.0, 60.0)) * chance.uniform(0.5, 1.5)
            other = (first + chance.randrange(1, colours)) % colours
            yield ClipUpload(
                at_s=round(min(later, lasts_s * 0.9), 2),
                name=name,
                number=1,
                colour=other,
                length=chance.randrange(lengths),
            )


def _article_uploads(chance: random.Random, names: list[str], articles: int, lasts_s: float) -> Iterator[ArticleUpload]:
    shuffled = chance.sample(names, len(names))
    for number in range(articles):
        shown = shuffled[number::articles]
        # Some clips are shown by two articles.
        shown = [*shown, *chance.sample(names, 1)] if chance.random() < 0.5 else shown
        wanted = tuple(dict.fromkeys(shown))
        at_s = chance.uniform(0, lasts_s * _UPLOADS_UNTIL)
        article_id = f"chaos-{number + 1}"
        yield ArticleUpload(at_s=round(at_s, 2), article_id=article_id, number=0, clips=wanted)
        if chance.random() < 0.25:
            # An editor takes one out and puts one in.
            edited = tuple(dict.fromkeys([*wanted[1:], *chance.sample(names, 1)]))
            later = min(at_s + chance.uniform(1, 90), lasts_s * 0.9)
            yield ArticleUpload(at_s=round(later, 2), article_id=article_id, number=1, clips=edited)
