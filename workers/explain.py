"""A clip in plain words: what it is, how far it has come, what went wrong, and what a person can do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from config.settings import Settings
from tasks.adapters.object_store import ObjectInfo
from tasks.records.article_record import ArticleRecord
from tasks.records.base import Failure
from tasks.records.clip_facts import SourceFacts
from tasks.records.clip_record import ClipRecord, ClipState, Work
from workers.overview import Queues
from workers.terminal import between, size, span

# A clip that nobody took after this long, in a queue where nothing waits, is not simply waiting for its turn.
_SUSPICIOUS_S: Final = 120.0
_REMEDIES: Final = {
    "unknown_extension": "Upload it in a video or sound format, with that format's extension.",
    "upload_removed": "Upload the file again.",
    "too_large": "Cut or compress it, and upload that.",
    "too_long": "Cut it, and upload the parts.",
    "no_video": "Upload a file that has a picture or sound that can be played.",
}


def explain_clip(record: ClipRecord, *, queues: Queues, settings: Settings, now: datetime) -> Iterator[str]:
    """The lines that describe the clip."""
    work = record.work
    yield f"{record.name}: {record.state.value}" + (f", a new version is {work.state.value}" if record.next else "")
    yield from _about("aired", _air(record))
    yield from _source(work.source)
    if not work.state.is_final:
        speed = f" at {work.speed:.1f}x" if work.speed else ""
        yield _row("progress", f"{work.progress:.0%}{speed}, attempt {work.tries} of {settings.max_attempts}")
        yield from _about("queue", work.queue or "")
    yield from _made(record)
    yield _row("links", ", ".join(f"{each.article} {each.paragraph}" for each in record.links) or "no article shows it")
    for warning in work.warnings:
        yield _row("warning", f"{warning.message} ({warning.code})")
    if work.failure:
        yield from _failure(work.failure)
    yield from _timings(work)
    yield _row("next", what_next(record, queues=queues, now=now))


def explain_article(record: ArticleRecord, *, now: datetime) -> Iterator[str]:
    """The lines that describe the article, and what it waits for."""
    yield f"{record.id}: {record.state.value}"
    yield from _about("title", record.title)
    yield from _about("published", record.published_at or "")
    yield _row(
        "source", f"{record.source.key}, {size(record.source.size_bytes)}, read {between(record.updated_at, now)} ago"
    )
    for reference in record.references:
        similar = f" Similar: {', '.join(reference.suggestions)}." if reference.suggestions else ""
        yield _row(
            "clip", f"{reference.name}: {reference.state.value}. {reference.message}{similar}".rstrip(". ") + "."
        )
    for warning in record.warnings:
        yield _row("warning", f"{warning.message} ({warning.code})")
    if record.failure:
        yield from _failure(record.failure)


def explain_upload(upload: ObjectInfo, *, settings: Settings, now: datetime) -> Iterator[str]:
    """The lines for an upload without a record."""
    age_s = (now - upload.modified_at).total_seconds()
    yield f"{upload.key}: uploaded"
    yield _row("source", f"{size(upload.size_bytes)}, {span(age_s)} ago")
    yield _row(
        "next",
        "No worker has seen it yet. If its event was lost, reconcile finds it within "
        f"{settings.reconcile_interval_s:.0f} s; if it does not, run: newsreel doctor",
    )


def what_next(record: ClipRecord, *, queues: Queues, now: datetime) -> str:
    """What happens by itself, or what a person can do."""
    work = record.work
    match work.state:
        case ClipState.READY:
            return (
                "Nothing to do."
                if record.links
                else "Nothing to do; it is shown once an article has a Video: line for it."
            )
        case ClipState.WITHDRAWN:
            return f"It is offline. To publish it again: newsreel restore {record.name}"
        case ClipState.FAILED if work.failure is not None and work.failure.retryable:
            return f"The upload is not at fault. Once the cause (see detail) is gone: newsreel retry {record.name}"
        case ClipState.FAILED:
            return _REMEDIES.get(
                work.failure.code if work.failure else "", "Upload a corrected file under the same name."
            )
    if work.retry_at is not None and work.retry_at > now:
        return f"It is tried again in {between(now, work.retry_at)}."
    if work.has_live_lease(now) and work.lease is not None:
        return f"Being processed by {work.lease.owner}; last heartbeat {between(work.lease.heartbeat_at, now)} ago."
    if work.lease is not None:
        silent = between(work.lease.heartbeat_at, now)
        return f"Its worker {work.lease.owner} has been silent for {silent}; reconcile gives the clip to another one."
    return _waiting(work, queues, now)


def _waiting(work: Work, queues: Queues, now: datetime) -> str:
    if queues.depths is None:
        return f"The broker does not answer ({queues.trouble}), so no worker can be told of it. Run: newsreel doctor"
    before = queues.depths.get(work.queue or "", 0)
    since = work.timings.received_at
    if before == 0 and since is not None and (now - since).total_seconds() > _SUSPICIOUS_S:
        return f"No worker has taken it from the queue {work.queue}. Check that one is running: newsreel doctor"
    return f"It waits for its turn in the queue {work.queue} ({before} messages)."


def _air(record: ClipRecord) -> str:
    if record.air_date is None:
        return ""
    return f"{record.air_date:%d.%m.%Y}, {record.slug}" + (f", take {record.take}" if record.take else "")


def _source(source: SourceFacts) -> Iterator[str]:
    facts = [source.key, size(source.size_bytes)]
    if source.video:
        scan = "p" if source.video.scan == "progressive" else "i"
        rate = f"{source.video.frame_rate:g}"
        facts.append(f"{source.video.codec} {source.video.width}x{source.video.height}{scan} {rate} fps")
    if source.duration_s is not None:
        facts.append(span(source.duration_s))
    if source.timecode is not None:
        facts.append(f"time code {source.timecode}")
    facts += [
        f"{audio.codec} {audio.channels} ch" + (f" {audio.language}" if audio.language else "")
        for audio in source.audio
    ]
    yield _row("source", ", ".join(facts))


def _made(record: ClipRecord) -> Iterator[str]:
    if record.renditions:
        made = (
            f"{each.name} ({each.width}x{each.height}, {each.bitrate_bps / 1000:.0f} kb/s)"
            for each in record.renditions
        )
        yield _row("renditions", ", ".join(made))
    for label, url in (
        ("hls", record.hls),
        ("dash", record.dash),
        ("poster", record.poster.url if record.poster else None),
    ):
        yield from _about(label, url or "")
    for file in record.audio:
        yield _row("audio", f"{file.url} ({size(file.size_bytes)})")
    for mp4 in record.mp4:
        yield _row("mp4", f"{mp4.url} ({mp4.width}x{mp4.height}, {size(mp4.size_bytes)})")


def _failure(failure: Failure) -> Iterator[str]:
    yield _row("failure", f"{failure.message} ({failure.code})")
    yield from _about("detail", failure.detail)


def _timings(work: Work) -> Iterator[str]:
    timings = work.timings
    steps = (
        ("received", timings.received_at),
        ("poster", timings.poster_at),
        ("playable", timings.playable_at),
        ("ready", timings.ready_at),
    )
    told = [f"{name} after {between(timings.uploaded_at, at)}" for name, at in steps if at is not None]
    if timings.uploaded_at is not None:
        yield _row("timings", ", ".join([f"uploaded {timings.uploaded_at:%Y-%m-%d %H:%M:%S} UTC", *told]))


def _about(label: str, text: str) -> Iterator[str]:
    if text:
        yield _row(label, text)


def _row(label: str, text: str) -> str:
    return f"  {label:<11} {text}"
