"""Records of our own writing for the gateway's tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from tasks.adapters.object_store import ObjectStore
from tasks.records import keys
from tasks.records.article_record import ArticleRecord
from tasks.records.base import Record
from tasks.records.clip_record import ClipRecord

NOW = datetime(2026, 3, 12, 11, 0, 30, tzinfo=UTC)
VERSION = "0123456789abcdef"


def clip(name: str, **changes: Any) -> ClipRecord:
    """A clip that has just been received, with these changes."""
    facts = {
        "name": name,
        "version": VERSION,
        "state": "received",
        "updated_at": NOW,
        "source": {"key": f"clips/{name}.mp4", "etag": "e1", "size_bytes": 1000, "duration_s": 6.0},
    }
    return ClipRecord.model_validate({**facts, **changes})


def ready_clip(name: str, **changes: Any) -> ClipRecord:
    """A clip that can be watched, as the pipeline publishes it."""
    facts = {
        "state": "ready",
        "progress": 1.0,
        "hls": f"{VERSION}/hls/master.m3u8",
        "mp4": [
            {
                "url": f"{VERSION}/mp4/video.mp4",
                "width": 640,
                "height": 360,
                "bitrate_bps": 300_000,
                "size_bytes": 100_000,
                "codecs": "avc1.64001e,mp4a.40.2",
            }
        ],
        "poster": {"url": f"{VERSION}/poster.jpg", "width": 640, "height": 360, "time_s": 1.0},
    }
    return clip(name, **{**facts, **changes})


def reference_to(name: str) -> str:
    """The URL of a clip's record, relative to an article's."""
    return f"../../clips/{quote(name)}/clip.json"


def article(article_id: str, **changes: Any) -> ArticleRecord:
    """A short article without clips, with these changes."""
    facts = {
        "id": article_id,
        "title": "Làng nghề ven biển vào vụ muối mới",
        "published_at": "2026-03-12T18:00:30+07:00",
        "lede": "Sáng nay, bà con diêm dân ra đồng.",
        "state": "complete",
        "updated_at": NOW,
        "source": {"key": f"articles/{article_id}.txt", "etag": "e2", "size_bytes": 2000},
        "paragraphs": [{"id": "p1", "kind": "body", "text": "Sáng nay, bà con diêm dân ra đồng."}],
    }
    return ArticleRecord.model_validate({**facts, **changes})


def publish(store: ObjectStore, bucket: str, *records: Record) -> None:
    """Store the records where the pipeline does."""
    for record in records:
        if isinstance(record, ClipRecord):
            key = keys.clip_record(record.name)
            store.put(bucket, keys.clip_name_mark(record.name), b"", content_type="application/octet-stream")
        else:
            assert isinstance(record, ArticleRecord)
            key = keys.article_record(record.id)
        store.put(
            bucket,
            key,
            record.to_json(),
            content_type="application/json; charset=utf-8",
            cache_control=keys.CACHE_RECORD,
        )
