"""What the desk shows of a reference: the clip that it means, its progress, and what can be done about it.

Pure; each state is a row of a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urljoin

from config import queues
from tasks.news.clip_names import spellings
from tasks.news.text import shortened
from tasks.records import keys
from tasks.records.article_record import Reference, ReferenceState
from tasks.records.base import Notice
from tasks.records.clip_record import ClipRecord, ClipState, Work
from workers.web.desk_words import Words
from workers.web.records import media_url
from workers.web.story import Mood, duration_words

_FIRST_WORDS: Final = 70


@dataclass(frozen=True, kw_only=True)
class Row:
    """A reference and what has become of it, in words.

    ``clip`` is the name of the clip that it shows, empty where there is none; ``why`` says what it blocks the story
    with, empty where it does not. ``percent`` is there while a worker is at work.
    """

    reference: str
    clip: str = ""
    title: str = ""
    duration: str = ""
    kind: str
    mood: Mood
    state: str
    why: str = ""
    percent: int | None = None
    details: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    text: str = ""
    picture: str = ""
    record_url: str = ""
    suggestions: tuple[str, ...] = ()
    decided: str = ""
    can_retry: bool = False
    can_hasten: bool = False
    has_poster: bool = False

    @property
    def is_in_work(self) -> bool:
        """Whether a worker processes it, or will by itself."""
        return self.percent is not None or self.kind in ("queued", "urgent", "again", "work", "playable")


def row_of(
    reference: Reference,
    texts: Mapping[str, str],
    titles: Mapping[str, str],
    clips: Mapping[str, ClipRecord],
    words: Words,
) -> Row:
    """The row of a reference, given the paragraphs' texts by id, and titles and records of clips by name."""
    clip = _clip_of(reference, clips)
    text = texts.get(reference.paragraph or "", "")
    if not text and reference.selector is not None:
        text = reference.selector.exact
    made = (
        _without_clip(reference, words)
        if clip is None
        else _with_clip(reference, clip, titles.get(clip.name, ""), words)
    )
    return replace(made, text=shortened(text, _FIRST_WORDS) if text else "", decided=reference.decided or "")


def _clip_of(reference: Reference, clips: Mapping[str, ClipRecord]) -> ClipRecord | None:
    if reference.state in (ReferenceState.AMBIGUOUS, ReferenceState.ORPHANED):
        return None
    if reference.decided:
        return clips.get(reference.decided)
    if reference.name in clips:
        return clips[reference.name]
    meant = {keys.fold(each) for each in spellings(reference.name)}
    return next((clip for name, clip in clips.items() if keys.fold(name) in meant), None)


def _without_clip(reference: Reference, words: Words) -> Row:
    match reference.state:
        case ReferenceState.AMBIGUOUS:
            kind = "ambiguous"
        case ReferenceState.ORPHANED:
            kind = "orphaned"
        case ReferenceState.FAILED:
            kind = "failed"
        case ReferenceState.WAITING | ReferenceState.LINKED:
            kind = "no_match" if reference.suggestions else "waiting"
    details = (words("orphaned_help"),) if kind == "orphaned" else ()
    mood: Mood = "busy" if kind == "waiting" else "bad"
    return Row(
        reference=reference.name,
        kind=kind,
        mood=mood,
        state=words(f"state_{kind}"),
        why=words(f"why_{kind}"),
        details=details,
        suggestions=reference.suggestions,
    )


def _with_clip(reference: Reference, clip: ClipRecord, title: str, words: Words) -> Row:
    # What readers see is what the story shows; a newer upload in work stands beside it.
    kind = _kind(clip)
    percent = int(clip.progress * 100)
    state = words(f"state_{kind}", percent=percent)
    busy = clip.work if clip.work.state in (ClipState.PROCESSING, ClipState.PLAYABLE) else None
    details, notes = _told(clip, kind, words)
    if busy is not None and busy.speed:
        speed = f"{busy.speed:.1f}"
        state += f" · {words('speed', speed=speed if words.language == 'en' else speed.replace('.', ','))}"
    is_blocking = kind not in ("ready", "playable")
    is_offered = clip.state is not ClipState.WITHDRAWN
    is_waiting = clip.work.state is ClipState.RECEIVED and clip.work.lease is None
    record_url = media_url(keys.clip_record(clip.name))
    return Row(
        reference=reference.name,
        clip=clip.name if is_offered else "",
        title=title,
        duration=duration_words(clip.source.duration_s),
        kind=kind,
        mood="bad" if kind in ("failed", "withdrawn") else "calm" if kind == "ready" else "busy",
        state=state,
        why=words(f"why_{'queued' if kind == 'urgent' else kind}", percent=percent) if is_blocking else "",
        percent=int(busy.progress * 100) if busy is not None else None,
        details=details,
        notes=notes,
        picture=_picture(clip, record_url),
        record_url=record_url,
        can_retry=is_offered and (clip.work.state is ClipState.FAILED or clip.work.retry_at is not None),
        can_hasten=is_waiting and clip.work.queue != queues.TRANSCODE_URGENT,
        has_poster=is_offered and clip.poster is not None,
    )


def _kind(work: Work) -> str:
    match work.state:
        case ClipState.RECEIVED if work.retry_at is not None:
            return "again"
        case ClipState.RECEIVED:
            return "urgent" if work.queue == queues.TRANSCODE_URGENT else "queued"
        case ClipState.PROCESSING:
            return "work"
        case _:
            return work.state.value


def _told(clip: ClipRecord, kind: str, words: Words) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What went wrong and what to do about it, and the warnings."""
    details: list[str] = []
    if clip.next is not None and clip.next.state is ClipState.FAILED:
        details.append(words("next_failed"))
    elif clip.next is not None:
        state = words(f"state_{_kind(clip.next)}", percent=int(clip.next.progress * 100))
        details.append(words("next_work", state=state))
    failure = clip.work.failure
    if failure is not None and (clip.work.state is ClipState.FAILED or kind == "again"):
        details.append(words.failure(failure))
        if clip.work.state is ClipState.FAILED:
            details.append(words.remedy(failure))
    notices: Sequence[Notice] = clip.warnings
    return tuple(details), tuple(map(words.warning, notices))


def _picture(clip: ClipRecord, record_url: str) -> str:
    """The smallest poster that every browser shows."""
    if clip.poster is None:
        return ""
    common = [each for each in clip.poster.sources if each.type != "image/avif"]
    smallest = min(common, key=lambda each: (each.width, each.type != "image/webp"), default=None)
    return urljoin(record_url, smallest.url if smallest else clip.poster.url)
