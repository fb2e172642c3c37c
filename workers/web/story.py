"""What the story page shows, derived from the records alone: pure, so that each state is a row in a test's table.

Words here are for the editor who waits; the article's own text is passed through untouched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urljoin

from tasks.records import keys
from tasks.records.article_record import ArticleRecord, ArticleState, Paragraph, Reference, ReferenceState
from tasks.records.clip_record import ClipRecord, ClipState, Work
from workers.web.records import Published, media_url
from workers.web.sharing import WATCHABLE

HLS_TYPE: Final = "application/vnd.apple.mpegurl"
_WEEKDAYS: Final = ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật")

Mood = Literal["calm", "busy", "bad"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One way to play the clip; the browser takes the first of a type that it knows."""

    url: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A clip's place in the story, whatever has become of the clip.

    ``status`` is empty when there is nothing to say; ``view`` changes whenever anything shown does. ``record_url`` and
    ``etag`` let the page ask whether the record changed; they are empty where there is no record yet.
    """

    key: str
    name: str
    title: str = ""
    mood: Mood = "calm"
    status: str = ""
    detail: str = ""
    percent: int | None = None
    poster: str | None = None
    sources: tuple[Source, ...] = ()
    duration: str = ""
    suggestions: tuple[str, ...] = ()
    record_url: str = ""
    etag: str = ""
    is_final: bool = True

    @property
    def view(self) -> str:
        """A mark of all that is shown."""
        return _mark(replace(self, etag=""))


@dataclass(frozen=True, kw_only=True)
class Block:
    """A paragraph and the clips under it; ``style`` is ``lede``, ``body``, ``caption`` or ``heading``."""

    id: str
    style: str
    text: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, kw_only=True)
class Story:
    """A story as it is shown; ``view`` changes when its text does, not when a clip's state does."""

    id: str
    title: str
    date: str
    datetime: str
    byline: str
    keywords: tuple[str, ...]
    summary: str
    failure: str
    notes: tuple[str, ...]
    loose: tuple[Figure, ...]
    blocks: tuple[Block, ...]
    record_url: str
    etag: str
    is_final: bool

    @property
    def view(self) -> str:
        """A mark of the text."""
        return _mark(
            (self.title, self.date, self.byline, self.keywords, [replace(each, figures=()) for each in self.blocks])
        )


def story(article: Published[ArticleRecord], clips: Mapping[str, Published[ClipRecord]]) -> Story:
    """The story of an article's record and of the records, by name, of the clips that it shows."""
    record = article.record
    record_url = media_url(keys.article_record(record.id))
    lede = next((each.id for each in record.paragraphs if each.kind == "body"), None) if record.lede else None
    return Story(
        id=record.id,
        title=record.title or record.id,
        date=date_words(record.published_at),
        datetime=record.published_at or "",
        byline=record.byline,
        keywords=record.keywords,
        summary=summary(record),
        failure=record.failure.message if record.failure else "",
        notes=tuple(notice.message for notice in record.warnings),
        loose=_loose(record),
        blocks=tuple(
            Block(
                id=paragraph.id,
                style="lede" if paragraph.id == lede else paragraph.kind,
                text=paragraph.text,
                figures=tuple(_figures(paragraph, record, record_url, clips)),
            )
            for paragraph in record.paragraphs
        ),
        record_url=record_url,
        etag=article.etag,
        is_final=record.state is not ArticleState.WAITING,
    )


def summary(record: ArticleRecord) -> str:
    """How far the story has come, in a few words."""
    if record.state is ArticleState.FAILED:
        return "The article could not be read"
    if record.state is ArticleState.WITHDRAWN:
        return "Withdrawn"
    clips = len(record.references)
    shown = sum(each.state is ReferenceState.LINKED for each in record.references)
    if record.state is ArticleState.COMPLETE:
        return f"Complete · {_count(clips)}" if clips else "Complete · no clips"
    return f"Waiting · {shown} of {_count(clips)} can be watched"


def clip_figure(key: str, name: str, record_url: str, clip: Published[ClipRecord] | None) -> Figure:
    """The figure of a clip; its record's URLs are relative to ``record_url``."""
    if clip is None:
        return Figure(key=key, name=name, mood="busy", status="Waiting for the upload", is_final=False)
    record = clip.record
    work = record.work
    mood, status = _status(work)
    if record.next is not None and status:
        status = f"New version: {status[0].lower()}{status[1:]}"
    return Figure(
        key=key,
        name=record.name,
        mood=mood,
        status=status,
        detail=work.failure.message if work.failure else "",
        percent=_percent(work) if work.state in (ClipState.PROCESSING, ClipState.PLAYABLE) else None,
        poster=urljoin(record_url, record.poster.url) if record.poster else None,
        sources=sources(record, record_url),
        duration=duration_words(record.source.duration_s),
        record_url=record_url,
        etag=clip.etag,
        is_final=work.state.is_final,
    )


def date_words(published_at: str | None) -> str:
    """``2020-12-03T18:00:30+07:00`` → ``Thứ Năm, 3/12/2020, 18:00``, as Vietnamese papers print it."""
    try:
        moment = datetime.fromisoformat(published_at or "")
    except ValueError:
        return published_at or ""
    return f"{_WEEKDAYS[moment.weekday()]}, {moment.day}/{moment.month}/{moment.year}, {moment:%H:%M}"


def duration_words(duration_s: float | None) -> str:
    """``75.4`` → ``1:15``; empty while the duration is not known."""
    if duration_s is None:
        return ""
    minutes, seconds = divmod(round(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _loose(record: ArticleRecord) -> tuple[Figure, ...]:
    """References before the first paragraph; a clip that one has found is shown under that paragraph."""
    shown = {keys.fold(clip.name) for paragraph in record.paragraphs for clip in paragraph.clips}
    missing = [each for each in record.references if each.paragraph is None and keys.fold(each.name) not in shown]
    return tuple(_waiting(each) for each in missing)


def _figures(
    paragraph: Paragraph, record: ArticleRecord, record_url: str, clips: Mapping[str, Published[ClipRecord]]
) -> list[Figure]:
    figures = [
        replace(
            clip_figure(
                f"{paragraph.id}/{each.name}", each.name, urljoin(record_url, each.record), clips.get(each.name)
            ),
            title=each.title or "",
        )
        for each in paragraph.clips
    ]
    shown = {keys.fold(each.name) for each in paragraph.clips}
    missing = [
        each for each in record.references if each.paragraph == paragraph.id and keys.fold(each.name) not in shown
    ]
    return figures + [_waiting(each) for each in missing]


def _waiting(reference: Reference) -> Figure:
    """The figure of a reference that shows no clip here."""
    mood: Mood = "busy"
    match reference.state:
        case ReferenceState.WAITING | ReferenceState.LINKED:
            status = "Waiting for the upload"
        case ReferenceState.AMBIGUOUS:
            mood, status = "bad", "More than one clip could be meant"
        case ReferenceState.FAILED:
            mood, status = "bad", "Could not be prepared"
        case ReferenceState.ORPHANED:
            mood, status = "bad", "Its paragraph was taken out"
    return Figure(
        key=f"{reference.paragraph or ''}/{reference.name}",
        name=reference.name,
        mood=mood,
        status=status,
        detail=reference.message,
        suggestions=reference.suggestions,
    )


def _status(work: Work) -> tuple[Mood, str]:
    match work.state:
        case ClipState.RECEIVED:
            return ("busy", "Will be tried again") if work.retry_at else ("busy", "Waiting for its turn")
        case ClipState.PROCESSING:
            return "busy", f"Being prepared, {_percent(work)} %"
        case ClipState.PLAYABLE:
            return "busy", f"Being prepared, {_percent(work)} %; can be watched already"
        case ClipState.READY:
            return "calm", ""
        case ClipState.FAILED:
            return "bad", "Could not be prepared"
        case ClipState.WITHDRAWN:
            return "calm", "Withdrawn"


def sources(record: ClipRecord, record_url: str) -> tuple[Source, ...]:
    """The ways to play the clip in the order to be tried; its record's URLs are relative to ``record_url``."""
    if record.state not in WATCHABLE:
        return ()
    # HLS first: it adapts to the line, and a browser that can't play it itself passes on to the MP4.
    hls = [Source(url=urljoin(record_url, record.hls), type=HLS_TYPE)] if record.hls else []
    mp4 = [Source(url=urljoin(record_url, each.url), type="video/mp4") for each in record.mp4]
    audio = [Source(url=urljoin(record_url, each.url), type=each.type) for each in record.audio]
    return (*hls, *mp4, *audio)


def _percent(work: Work) -> int:
    return int(work.progress * 100)


def _count(clips: int) -> str:
    return f"{clips} clip{'' if clips == 1 else 's'}"


def _mark(shown: object) -> str:
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:12]
