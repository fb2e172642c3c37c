"""What the pipeline's steps are given to work with; built in one place, `workers.services`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config.settings import Settings
from tasks.adapters.doorbell import Doorbell
from tasks.adapters.ffmpeg import Ffmpeg
from tasks.adapters.ffprobe import Ffprobe
from tasks.adapters.object_store import ObjectStore
from tasks.adapters.records import RecordStore
from tasks.adapters.workspace import Workspaces
from tasks.media.ladder import Ladder
from tasks.records.article_record import ArticleRecord
from tasks.records.clip_record import ClipRecord


@dataclass(frozen=True, kw_only=True)
class Services:
    """Settings and adapters of one process; ``is_stopping`` turns true when the worker is told to end."""

    settings: Settings
    store: ObjectStore
    clips: RecordStore[ClipRecord]
    articles: RecordStore[ArticleRecord]
    doorbell: Doorbell
    ffmpeg: Ffmpeg
    ffprobe: Ffprobe
    workspaces: Workspaces
    ladder: Ladder
    is_caged: bool
    is_stopping: Callable[[], bool]
