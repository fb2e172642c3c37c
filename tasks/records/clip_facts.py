"""What a clip's record tells of a version, piece by piece: the upload's facts, the files made of it, and their times.

Durations in seconds, rates in bits per second, sizes in bytes, lengths in pixels. URLs are relative to the record.
"""

from __future__ import annotations

from typing import Literal

from tasks.records.base import UtcTime, Value


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
    """The uploaded object, and what probing found; the probed fields are null until then.

    ``timecode`` is that of the first frame (SMPTE ST 12-1), null where the upload has none.
    """

    key: str
    etag: str
    size_bytes: int
    sha256: str | None = None
    container: str | None = None
    duration_s: float | None = None
    timecode: str | None = None
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
    """A progressive download of an audio-only clip; ``type`` is its media type."""

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
    """Which worker processes the clip; after ``expires_at`` any worker may take it."""

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
