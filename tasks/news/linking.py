"""A parsed article and the clips that exist → the article record: a pure function, whatever arrived first."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from tasks.errors import SourceRejected
from tasks.news.anchors import Anchor, anchor
from tasks.news.article import ParsedArticle
from tasks.news.identity import carry_ids
from tasks.news.people import speaker
from tasks.news.suggest import suggest
from tasks.news.text import shortened
from tasks.records import keys
from tasks.records.article_record import (
    ArticleRecord,
    ArticleSource,
    ArticleState,
    Paragraph,
    ParagraphClip,
    Reference,
    ReferenceState,
)
from tasks.records.base import Failure, Notice
from tasks.records.clip_record import ClipRecord, ClipState

_NO_REFERENCES: Final = Notice(code="no_references", message="The article has no Video: line, so it shows no clip.")


@dataclass(frozen=True, kw_only=True)
class _Match:
    """What became of a reference; ``clip`` is the one to show, None if there is none (or not just one)."""

    state: ReferenceState
    message: str = ""
    clip: ClipRecord | None = None
    suggestions: tuple[str, ...] = ()


def build_record(
    *,
    article_id: str,
    source: ArticleSource,
    parsed: ParsedArticle,
    clips: Mapping[str, tuple[ClipRecord, ...]],
    now: datetime,
    previous: ArticleRecord | None = None,
    existing: Collection[str] = (),
    decisions: Mapping[str, str] = MappingProxyType({}),
) -> ArticleRecord:
    """The article's record, given the records of all clips that match a reference, by its folded name (`keys.fold`).

    From ``previous``, the record as it stands, paragraphs keep their ids and references their anchors. ``existing`` are
    names of clips among which to look for what an unmatched reference may have meant. ``decisions`` are an editor's:
    the clip that a reference means, by the reference's folded name; ``clips`` then has that clip's record for it.

    A clip is shown once under each paragraph that refers to it. A reference before the first paragraph keeps
    ``paragraph`` null, and its clip is shown under the first body paragraph.
    """
    known = [(each.id, each.text) for each in previous.paragraphs] if previous else []
    ids = carry_ids(known, [paragraph.text for paragraph in parsed.paragraphs])
    anchors = anchor(parsed.references, parsed.paragraphs, ids, previous)
    decided = {each.name: decisions.get(keys.fold(each.name)) for each in parsed.references}
    found = {name: _match(each or name, clips.get(keys.fold(name), ())) for name, each in decided.items()}
    matches = [
        _orphaned(place) if place.is_orphaned else _suggesting(found[reference.name], reference.name, parsed, existing)
        for reference, place in zip(parsed.references, anchors, strict=True)
    ]
    first_body = next((index for index, each in enumerate(parsed.paragraphs) if each.kind == "body"), None)

    shown: dict[int, dict[str, ParagraphClip]] = {}
    texts = [paragraph.text for paragraph in parsed.paragraphs]
    for place, match in zip(anchors, matches, strict=True):
        index = first_body if place.paragraph is None else place.paragraph
        if match.clip is not None and index is not None and match.clip.name not in shown.get(index, {}):
            title = speaker(match.clip.slug or "", texts, index)
            shown.setdefault(index, {})[match.clip.name] = _shown(match.clip, title)

    return ArticleRecord(
        id=article_id,
        title=parsed.title,
        published_at=parsed.published_at,
        views=parsed.views,
        lede=parsed.lede,
        byline=parsed.byline,
        keywords=parsed.keywords,
        state=ArticleState.COMPLETE if all(map(_is_settled, matches)) else ArticleState.WAITING,
        updated_at=now,
        source=source,
        paragraphs=tuple(
            Paragraph(id=ids[index], kind=each.kind, text=each.text, clips=tuple(shown.get(index, {}).values()))
            for index, each in enumerate(parsed.paragraphs)
        ),
        references=tuple(
            Reference(
                name=reference.name,
                paragraph=None if place.paragraph is None else ids[place.paragraph],
                state=match.state,
                message=match.message,
                suggestions=match.suggestions,
                selector=place.selector,
                confidence=place.confidence,
                stands_under=place.stands_under,
                decided=decided[reference.name],
            )
            for reference, place, match in zip(parsed.references, anchors, matches, strict=True)
        ),
        warnings=parsed.warnings if parsed.references else (*parsed.warnings, _NO_REFERENCES),
    )


def failed_record(article_id: str, source: ArticleSource, failure: SourceRejected, now: datetime) -> ArticleRecord:
    """The record of an upload that can't be read as an article."""
    return ArticleRecord(
        id=article_id,
        state=ArticleState.FAILED,
        updated_at=now,
        source=source,
        failure=Failure(code=failure.code, message=failure.message, detail=failure.detail),
    )


def withdrawn_record(before: ArticleRecord, now: datetime) -> ArticleRecord:
    """The record of an article whose upload was deleted: a text that was taken back is shown nowhere."""
    return ArticleRecord(id=before.id, state=ArticleState.WITHDRAWN, updated_at=now, source=before.source)


def needs_suggestions(name: str, clips: Mapping[str, tuple[ClipRecord, ...]]) -> bool:
    """Whether nothing of that name was ever uploaded."""
    return not clips.get(keys.fold(name))


def links_of(record: ArticleRecord) -> dict[str, tuple[str, ...]]:
    """The ids of the paragraphs that show each clip, by the clip's name, in reading order."""
    links: dict[str, tuple[str, ...]] = {}
    for paragraph in record.paragraphs:
        for clip in paragraph.clips:
            links[clip.name] = (*links.get(clip.name, ()), paragraph.id)
    return links


def _match(name: str, candidates: Iterable[ClipRecord]) -> _Match:
    """The clip of exactly this name, else the only one that differs in case; withdrawn ones step back."""
    by_name = {unicodedata.normalize("NFC", clip.name): clip for clip in candidates}
    if name in by_name:
        return _outcome(by_name[name])
    public = sorted(each for each, clip in by_name.items() if clip.state is not ClipState.WITHDRAWN)
    if len(public) > 1:
        message = f"Several uploads match {name}: {', '.join(public)}. Write one of these names exactly."
        return _Match(state=ReferenceState.AMBIGUOUS, message=message, suggestions=tuple(public))
    if by_name:
        return _outcome(by_name[(public or sorted(by_name))[0]])
    return _Match(state=ReferenceState.WAITING, message=f"No upload named {name} has arrived yet.")


def _suggesting(match: _Match, name: str, parsed: ParsedArticle, existing: Collection[str]) -> _Match:
    if match.state is not ReferenceState.WAITING or match.clip is not None or not existing:
        return match
    # A clip that the article names elsewhere is hardly meant here as well.
    others = {keys.fold(each.name) for each in parsed.references}
    found = suggest(name, [each for each in existing if keys.fold(each) not in others])
    if not found:
        return match
    return replace(match, suggestions=found, message=f"{match.message} Did you mean {' or '.join(found)}?")


def _orphaned(place: Anchor) -> _Match:
    quoted = place.selector.exact if place.selector else ""
    message = (
        f"The paragraph that this clip stood under (“{shortened(quoted)}”) was taken out. "
        "Move the line to the paragraph it belongs to, or take it out too."
    )
    return _Match(state=ReferenceState.ORPHANED, message=message)


def _outcome(clip: ClipRecord) -> _Match:
    match clip.state:
        case ClipState.WITHDRAWN:
            return _Match(state=ReferenceState.WAITING, message=f"{clip.name} has been withdrawn.")
        case ClipState.FAILED:
            message = clip.failure.message if clip.failure else f"{clip.name} could not be prepared."
            return _Match(state=ReferenceState.FAILED, message=message, clip=clip)
        case ClipState.PLAYABLE | ClipState.READY:
            return _Match(state=ReferenceState.LINKED, message=_about_next(clip), clip=clip)
        case ClipState.RECEIVED | ClipState.PROCESSING:
            return _Match(state=ReferenceState.WAITING, message=f"{clip.name} is being prepared.", clip=clip)


def _about_next(clip: ClipRecord) -> str:
    if clip.next is None or clip.next.state is not ClipState.FAILED:
        return ""
    reason = f" {clip.next.failure.message}" if clip.next.failure else ""
    return f"A newer upload of {clip.name} failed; the earlier one is shown.{reason}"


def _is_settled(match: _Match) -> bool:
    return match.state is ReferenceState.LINKED and match.clip is not None and match.clip.state is ClipState.READY


def _shown(clip: ClipRecord, title: str | None) -> ParagraphClip:
    # From articles/<id>/article.json, two levels up is the bucket's root; ids and names hold no slash.
    record = f"../../clips/{quote(clip.name, safe='')}/clip.json"
    return ParagraphClip(name=clip.name, state=clip.state, record=record, title=title)
