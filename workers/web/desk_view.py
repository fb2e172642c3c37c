"""What the story desk shows of a story, derived from its records alone: pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from tasks.records import keys
from tasks.records.article_record import ArticleRecord, ArticleState, ReferenceState
from tasks.records.clip_record import ClipRecord
from workers.web.desk_references import Row, row_of
from workers.web.desk_words import Words
from workers.web.records import media_url
from workers.web.story import Mood

Show = Literal["all", "blocked", "work", "failed"]
_NAMED: Final = 3


@dataclass(frozen=True, kw_only=True)
class Card:
    """A story; ``blocked`` says by what in a sentence, and is empty where nothing blocks it."""

    id: str
    title: str
    time: str
    datetime: str
    state: str
    mood: Mood
    blocked: str
    details: tuple[str, ...]
    rows: tuple[Row, ...]
    is_failed: bool
    story_url: str
    record_url: str
    order: str

    @property
    def anchor(self) -> str:
        """The card's place on the page."""
        return f"s-{hashlib.sha256(self.id.encode()).hexdigest()[:10]}"

    @property
    def is_in_work(self) -> bool:
        """Whether something of it is being processed."""
        return any(row.is_in_work for row in self.rows)

    @property
    def view(self) -> str:
        """A mark of all that is shown."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]

    def is_shown(self, show: Show) -> bool:
        """Whether it is among those that are asked for."""
        match show:
            case "blocked":
                return bool(self.blocked)
            case "work":
                return self.is_in_work
            case "failed":
                return self.is_failed
            case "all":
                return True


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many stories there are, and of which kinds."""

    all: int
    blocked: int
    work: int
    failed: int


def counts(cards: Sequence[Card]) -> Counts:
    """The figures of these stories."""
    return Counts(
        all=len(cards),
        blocked=sum(card.is_shown("blocked") for card in cards),
        work=sum(card.is_shown("work") for card in cards),
        failed=sum(card.is_shown("failed") for card in cards),
    )


def clip_names(article: ArticleRecord) -> tuple[str, ...]:
    """The names of the clips whose records the article's card is made of."""
    shown = [clip.name for paragraph in article.paragraphs for clip in paragraph.clips]
    folded = set(map(keys.fold, shown))
    # A withdrawn clip is shown nowhere, but its record says that it is withdrawn.
    waiting = [each.decided or each.name for each in article.references if each.state is ReferenceState.WAITING]
    return tuple(dict.fromkeys([*shown, *(each for each in waiting if keys.fold(each) not in folded)]))


def card(article: ArticleRecord, clips: Mapping[str, ClipRecord], words: Words, zone: ZoneInfo) -> Card:
    """The card of a story, given the records there are of its `clip_names`, by name."""
    texts = {each.id: each.text for each in article.paragraphs}
    titles = {clip.name: clip.title for paragraph in article.paragraphs for clip in paragraph.clips if clip.title}
    rows = tuple(row_of(each, texts, titles, clips, words) for each in article.references)
    is_failed = article.state is ArticleState.FAILED or any(row.kind == "failed" for row in rows)
    details = [words.failure(article.failure)] if article.failure else []
    if article.next is not None:
        details += [words("story_next_failed"), words.failure(article.next.failure)]
    blocked = blocked_by(rows, words)
    return Card(
        id=article.id,
        title=article.title or article.id,
        time=time_words(article.published_at, zone),
        datetime=article.published_at or "",
        state=_story_state(article, rows, words),
        mood="bad" if is_failed or (blocked and not _heals(rows)) else "busy" if blocked else "calm",
        blocked=blocked,
        details=tuple(details),
        rows=rows,
        is_failed=is_failed,
        story_url=f"/stories/{quote(article.id, safe='')}",
        record_url=media_url(keys.article_record(article.id)),
        order=article.published_at or "",
    )


def blocked_by(rows: Sequence[Row], words: Words) -> str:
    """The sentence that says which references keep the story from being whole, and why; empty if none does."""
    blocking = {row.reference: row for row in reversed(rows) if row.why}
    parts = [words("blocked_part", name=name, why=row.why) for name, row in reversed(blocking.items())]
    if len(parts) > _NAMED + 1:
        parts = [*parts[:_NAMED], words("blocked_more", count=len(parts) - _NAMED)]
    if not parts:
        return ""
    listed = words("and").join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return words("blocked_by", clips=listed)


def time_words(published_at: str | None, zone: ZoneInfo) -> str:
    """``2020-12-03T18:00:30+07:00`` → ``18:00, 3/12/2020``, in the newsroom's zone."""
    try:
        moment = datetime.fromisoformat(published_at or "")
    except ValueError:
        return published_at or ""
    moment = moment.astimezone(zone) if moment.tzinfo else moment
    return f"{moment:%H:%M}, {moment.day}/{moment.month}/{moment.year}"


def _story_state(article: ArticleRecord, rows: Sequence[Row], words: Words) -> str:
    if article.state is ArticleState.WAITING:
        return words("story_waiting", ready=sum(row.kind == "ready" for row in rows), all=len(rows))
    if article.state is ArticleState.COMPLETE and not rows:
        return words("story_complete_no_clips")
    return words(f"story_{article.state.value}")


def _heals(rows: Sequence[Row]) -> bool:
    """Whether what blocks the story will be resolved by itself."""
    return all(row.is_in_work for row in rows if row.why)
