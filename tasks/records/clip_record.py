"""The clip record, ``clips/<name>/clip.json``: what a portal reads and what the workers agree on.

The fields of `Work` describe one version (one upload, encoded one way). They stand at the top of the record; while a
new upload of a published clip is in work, the published version stays there and the new one stands under ``next``.
Its pieces, with their units, stand in `tasks.records.clip_facts`.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Final, Literal

from pydantic import Field

from tasks.records.base import Failure, Notice, Record, UtcTime, Value
from tasks.records.clip_facts import (
    ArticleLink,
    AudioFile,
    CaptionFacts,
    Lease,
    Mp4,
    Poster,
    Rendition,
    Sound,
    SourceFacts,
    Storyboard,
    Timings,
)


class ClipState(StrEnum):
    """The state of a version."""

    RECEIVED = "received"
    PROCESSING = "processing"
    PLAYABLE = "playable"
    READY = "ready"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in (ClipState.READY, ClipState.FAILED, ClipState.WITHDRAWN)


NO_POSTER: Final = "no_poster"
"""The warning of a version of which no poster or storyboard can be made."""


class Work(Value):
    """One version of the clip: its upload, how it is encoded, its progress, and its result."""

    version: str
    state: ClipState
    queue: str | None = None
    ladder: str | None = Field(default=None, description="The ladder asked for, null for the newsroom's usual one.")
    progress: float = Field(default=0.0, ge=0.0, le=1.0)
    speed: float | None = Field(default=None, description="Seconds of clip encoded per second.")
    source: SourceFacts
    hls: str | None = None
    dash: str | None = None
    mp4: tuple[Mp4, ...] = ()
    audio: tuple[AudioFile, ...] = Field(
        default=(), description="Of a clip that is only heard, instead of `mp4` and `renditions`."
    )
    renditions: tuple[Rendition, ...] = ()
    sound: tuple[Sound, ...] = ()
    captions: tuple[CaptionFacts, ...] = ()
    poster: Poster | None = None
    poster_wish_s: float | None = Field(
        default=None, ge=0, description="Where an editor wants the poster taken; null: where newsreel finds it best."
    )
    storyboard: Storyboard | None = None
    warnings: tuple[Notice, ...] = ()
    failure: Failure | None = None
    timings: Timings = Timings()
    attempts: int = 0
    begun_anew: int = Field(default=0, ge=0, description="How many of the attempts were not new ones of a worker.")
    postponed: int = 0
    retry_at: UtcTime | None = None
    lease: Lease | None = None

    @property
    def tries(self) -> int:
        """How many attempts count against the clip; beginning anew gives one its own place, and is no fault of it."""
        return self.attempts - self.begun_anew

    def has_live_lease(self, now: datetime) -> bool:
        """Whether a worker has it, with a recent heartbeat."""
        return self.lease is not None and self.lease.expires_at > now

    @property
    def lacks_pictures(self) -> bool:
        """The poster in all its forms and the storyboard are not complete, and it was not found that they can't be.

        A poster taken elsewhere than an editor wants it counts as missing too. A clip that is only heard has no
        storyboard.
        """
        if self.poster is not None and self.poster.chosen_s != self.poster_wish_s:
            return True
        has_storyboard = self.storyboard is not None or self.source.is_only_heard
        has_all = self.poster is not None and bool(self.poster.sources) and has_storyboard
        return not has_all and all(warning.code != NO_POSTER for warning in self.warnings)

    def version_facts(self) -> Work:
        """The fields of one version alone, without what a whole record has beside them."""
        return Work.model_validate({name: getattr(self, name) for name in Work.model_fields})


class Arrived(Value):
    """An upload that came while the clip was withdrawn, and waits for its restoration."""

    key: str
    etag: str
    size_bytes: int
    uploaded_at: UtcTime | None = None


class Withdrawal(Value):
    """When and why the clip was taken offline; ``arrived`` is the newest upload since then.

    The reason is public, as the whole record is.
    """

    at: UtcTime
    reason: str = ""
    arrived: Arrived | None = None


class ClipRecord(Work, Record):
    """The record of one clip; ``withdrawn`` is set while its state is ``withdrawn``, and then it names no media."""

    schema_: Literal["newsreel/clip/1"] = Field(default="newsreel/clip/1", alias="schema")
    name: str
    air_date: date | None = None
    slug: str | None = None
    take: int | None = None
    updated_at: UtcTime
    next: Work | None = None
    withdrawn: Withdrawal | None = None
    links: tuple[ArticleLink, ...] = ()

    @property
    def work(self) -> Work:
        """The version in work, or the last one: ``next`` where there is one, else the record's own."""
        return self.next or self

    def work_of(self, version: str) -> Work | None:
        """The version of that name, be it in work or published."""
        return next((work for work in (self.next, self) if work is not None and work.version == version), None)
