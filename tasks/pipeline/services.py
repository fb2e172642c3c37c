"""What the pipeline's steps work with; built in one place, `workers.services`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config.settings import Settings
from tasks.adapters.changes import ChangeNotes
from tasks.adapters.doorbell import Doorbell
from tasks.adapters.ffmpeg import Ffmpeg
from tasks.adapters.ffprobe import Ffprobe
from tasks.adapters.object_store import ObjectStore
from tasks.adapters.outbox import Outbox
from tasks.adapters.records import RecordStore
from tasks.adapters.sources import Sources
from tasks.adapters.workspace import Workspaces
from tasks.media.ladder import Ladder
from tasks.records.article_record import ArticleRecord
from tasks.records.clip_record import ClipRecord, Work


@dataclass(frozen=True, kw_only=True)
class Services:
    """Settings and adapters of one process; ``is_stopping`` turns true when the worker is told to end.

    ``ladder`` is the newsroom's usual one; ``find_ladder`` reads another by its name.
    """

    settings: Settings
    store: ObjectStore
    clips: RecordStore[ClipRecord]
    articles: RecordStore[ArticleRecord]
    doorbell: Doorbell
    changes: ChangeNotes
    outbox: Outbox
    ffmpeg: Ffmpeg
    ffprobe: Ffprobe
    workspaces: Workspaces
    sources: Sources
    ladder: Ladder
    find_ladder: Callable[[str], Ladder]
    is_caged: bool
    is_stopping: Callable[[], bool]

    def ladder_of(self, work: Work) -> Ladder:
        """The ladder for this version.

        Raises:
            ConfigurationError: one was asked for that isn't there any more.
        """
        return self.ladder if work.ladder is None else self.find_ladder(work.ladder)
