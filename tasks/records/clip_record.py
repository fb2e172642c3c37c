"""The clip record, ``clips/<name>/clip.json``: what a portal reads and what the workers agree on.

The fields of `Work` describe one version (one upload, encoded one way). They stand at the top of the record; while a
new upload of a published clip is in work, the published version stays there and the new one stands under ``next``.
Durations in seconds, rates in bits per second, sizes in bytes, lengths in pixels. URLs are relative to the record.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Final, Literal

from pydantic import Field

from tasks.records.base import Failure, Notice, Record, UtcTime, Value


class ClipState(StrEnum):
    """Where a version is on its way."""

    RECEIVED = "received"
    PROCESSING = "processing"
    PLAYABLE = "playable"
    READY = "ready"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"

    @property
    def is_final(self) -> bool:
        """Nothing more will happen by itself."""
        return self in (ClipState.READY, ClipState.FAILED, ClipState.WITHDRAWN)


class VideoFacts(Value):
    """The source's picture as it is shown: ``width`` × ``height`` with rotation and pixel shape applied.

    ``mixed``: interlaced, with progressive frames between. ``telecined``: film at 23.976 frames per second in 29.97
    (3:2 pulldown); it is published as film.
    """

    codec: str
    width: int
    height: int
    frame_rate: float
    scan: Literal["progressive", "interlaced_tff", "interlaced_bff"]
    pixel_format: str = ""
    rotation: int = 0
    dynamic_range: Literal["sdr", "pq", "hlg"] = "sdr"
    mixed: bool = False
    telecined: bool = False


class AudioFacts(Value):
    """One audio track of the source; ``language`` is the tag that the file carries, ``layout`` as ffmpeg names it."""

    codec: str
    channels: int
    sample_rate: int = 0
    language: str | None = None
    layout: str = ""


class SourceFacts(Value):
    """The uploaded object, and what probing told; the probed fields are null until then."""

    key: str
    etag: str
    size_bytes: int
    sha256: str | None = None
    container: str | None = None
    duration_s: float | None = None
    video: VideoFacts | None = None
    audio: tuple[AudioFacts, ...] = ()

    @property
    def is_only_heard(self) -> bool:
        """Probing found sound and no picture."""
        return self.container is not None and self.video is None


class Rendition(Value):
    """One encoded variant; ``codecs`` as in RFC 6381, ``bitrate_bps`` is the measured average."""

    name: str
    width: int
    height: int
    frame_rate: float
    codecs: str
    bitrate_bps: int


class Loudness(Value):
    """What was measured before the encode (EBU R 128: LUFS, LU, dBTP), and the linear gain applied to it."""

    integrated_lufs: float
    range_lu: float
    true_peak_dbtp: float
    gain_db: float


class Sound(Value):
    """A published sound programme, the first is the default; ``tracks`` count the source's audio tracks from 1.

    ``language`` is an RFC 5646 tag.
    """

    language: str | None
    tracks: tuple[int, ...]
    loudness: Loudness | None = None


class CaptionFacts(Value):
    """Published captions; ``url`` is all of them in one WebVTT file, as HTML's ``track`` reads it.

    ``kind`` is HTML's: ``captions`` are for people who can't hear. ``language`` is an RFC 5646 tag. Forced ones are
    shown to everybody, for lines in a foreign language.
    """

    language: str | None
    label: str
    kind: Literal["subtitles", "captions"]
    url: str
    is_default: bool = False
    is_forced: bool = False


class Mp4(Value):
    """A progressive download."""

    url: str
    width: int
    height: int
    bitrate_bps: int
    size_bytes: int
    codecs: str


class AudioFile(Value):
    """A progressive download of a clip that is only heard; ``type`` is its media type."""

    url: str
    type: str
    bitrate_bps: int
    size_bytes: int
    codecs: str


class PosterSource(Value):
    """The poster in one size and format; ``type`` is its media type."""

    url: str
    type: str
    width: int
    height: int


class Poster(Value):
    """The still shown before play, taken at ``time_s`` of the clip: a JPEG, as large as the poster gets.

    ``sources`` are all its sizes and formats, the smallest files' formats first; they follow a moment after the JPEG.
    ``thumbhash`` is its gist in base64 (https://evanw.github.io/thumbhash/). ``chosen_s`` is the moment that an editor
    asked for, null where newsreel chose; the frame taken is the nearest that there is.
    """

    url: str
    width: int
    height: int
    time_s: float
    sources: tuple[PosterSource, ...] = ()
    thumbhash: str | None = None
    chosen_s: float | None = None


class Storyboard(Value):
    """Sprite sheets and the WebVTT that maps times to tiles."""

    vtt: str
    images: tuple[str, ...]
    interval_s: float


class ArticleLink(Value):
    """A paragraph that shows this clip."""

    article: str
    paragraph: str


class Lease(Value):
    """Who is at work on the clip; after ``expires_at`` the work is anybody's."""

    owner: str
    attempt: int
    heartbeat_at: UtcTime
    expires_at: UtcTime


class Timings(Value):
    """When each step was reached."""

    uploaded_at: UtcTime | None = None
    received_at: UtcTime | None = None
    poster_at: UtcTime | None = None
    playable_at: UtcTime | None = None
    ready_at: UtcTime | None = None


NO_POSTER: Final = "no_poster"
"""The warning of a version of which no poster or storyboard can be made."""


class Work(Value):
    """One version of the clip: an upload, how it is encoded, how far it has come, and what came of it."""

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
    postponed: int = 0
    retry_at: UtcTime | None = None
    lease: Lease | None = None

    def has_live_lease(self, now: datetime) -> bool:
        """Somebody is at work and has been heard of lately."""
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
    """When and why the clip was taken from public view; ``arrived`` is the newest upload that came since then.

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
