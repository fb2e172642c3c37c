"""A parsed article and the clips that exist → the article record: a pure function, whatever arrived first."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from tasks.errors import SourceRejected
from tasks.news.article import ParsedArticle, paragraph_ids
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
) -> ArticleRecord:
    """The article's record, given the records of all clips that match a reference, by its folded name (`keys.fold`).

    A clip is shown once under each paragraph that refers to it. A reference before the first paragraph keeps
    ``paragraph`` null, and its clip is shown under the first body paragraph.
    """
    ids = paragraph_ids([paragraph.text for paragraph in parsed.paragraphs])
    matches = [_match(reference.name, clips.get(keys.fold(reference.name), ())) for reference in parsed.references]
    first_body = next((index for index, each in enumerate(parsed.paragraphs) if each.kind == "body"), None)

    shown: dict[int, dict[str, ParagraphClip]] = {}
    for reference, match in zip(parsed.references, matches, strict=True):
        index = first_body if reference.paragraph is None else reference.paragraph
        if match.clip is not None and index is not None:
            shown.setdefault(index, {}).setdefault(match.clip.name, _shown(match.clip))

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
                paragraph=None if reference.paragraph is None else ids[reference.paragraph],
                state=match.state,
                message=match.message,
                suggestions=match.suggestions,
            )
            for reference, match in zip(parsed.references, matches, strict=True)
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


def _shown(clip: ClipRecord) -> ParagraphClip:
    # From articles/<id>/article.json, two levels up is the bucket's root; ids and names hold no slash.
    return ParagraphClip(name=clip.name, state=clip.state, record=f"../../clips/{quote(clip.name, safe='')}/clip.json")
