"""What an upload is, as far as the plan needs it: its picture, its sound, and how long they last.

`tasks.media.source_reading` makes it of ffprobe's answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from tasks.media.colour import Colour
from tasks.media.scan import Scan


@dataclass(frozen=True, kw_only=True)
class VideoStream:
    """The picture. ``width`` × ``height`` is how it is shown, upright and with square pixels; ``index`` is ffmpeg's.

    ``frame_rate`` is constant, in frames per second; where the container contradicts itself ``rate_is_sure`` is false,
    and measuring decides, as it does of ``scan``. One that ``is_alone`` is a single picture, which may
    not be said to last. ``blanking_lines`` at the top are no picture. ``mixed`` and
    ``telecined`` are as `ScanDecision` has them; they are measured, never read. ``companions`` are the indexes of the
    streams in the same programme, empty where the container has none. A picture ``is_as_coded`` if the container asks
    for no turning, mirroring or cropping; ``profile`` is the codec's, as ffprobe names it. With
    ``keeps_overscan`` it is shown whole, whatever the container asks to be cropped. It ``begins_with_key_frame`` unless
    its first packet is another, or was not among those that were probed. Where it ``changes_coding`` its container
    describes on the way, beside the packets, how the following ones are coded. ``pid`` is its number in a transport
    stream, None in any other container. One that ``is_late`` begins long
    after the sound; one that ``is_brief`` may be a single picture by its length. For so many as are ``held`` the last
    one is shown on: they were dropped, or sound is heard meanwhile.
    """

    index: int
    codec: str
    width: int
    height: int
    coded_width: int
    coded_height: int
    frame_rate: Fraction
    scan: Scan
    pixel_format: str
    rotation: int
    duration_s: float | None
    nominal_rate: Fraction | None = None
    rate_is_sure: bool = True
    is_alone: bool = False
    scan_is_told: bool = True
    blanking_lines: int = 0
    colour: Colour = field(default_factory=Colour)
    mixed: bool = False
    telecined: bool = False
    companions: frozenset[int] = frozenset()
    profile: str = ""
    is_as_coded: bool = True
    begins_with_key_frame: bool = True
    keeps_overscan: bool = False
    changes_coding: bool = False
    pid: int | None = None
    is_late: bool = False
    is_brief: bool = False
    held: int = 0

    @property
    def pixels(self) -> int:
        """How many a frame has, as it is coded."""
        return self.coded_width * self.coded_height

    @property
    def is_interlaced(self) -> bool:
        """The frames hold two fields each, taken at different times."""
        return self.scan != "progressive"


@dataclass(frozen=True, kw_only=True)
class AudioStream:
    """One sound track; ``language`` is the file's own tag, None where it has none.

    ``layout`` names the channels as ffmpeg does (``stereo``, ``5.1(side)``), "" where the file doesn't tell. A track
    ``is_aside`` is marked as a commentary, or as made for people who see or hear badly; one that ``is_default`` is
    played unless somebody chooses another. One that ``may_change`` can have more or fewer channels in the middle, as
    where a film follows the news; the figures are those of one part. ``pid`` is as in `VideoStream`.
    """

    index: int
    codec: str
    channels: int
    sample_rate: int
    language: str | None
    layout: str = ""
    is_aside: bool = False
    is_default: bool = False
    profile: str = ""
    may_change: bool = False
    pid: int | None = None


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A probed upload. ``duration_s`` is 0 where the container does not tell.

    ``start_s`` is the time of its beginning on its own clock, None where that is not known, and ``timecode`` what its
    recorder's clock showed then. ``unreadable_audio`` counts the sound tracks that have no decoder or no channel.
    """

    container: str
    duration_s: float
    audio: tuple[AudioStream, ...]
    start_s: float | None = None
    timecode: str | None = None
    unreadable_audio: int = 0

    @property
    def companions(self) -> frozenset[int]:
        """Indexes of the streams that belong to the programme to be shown; empty where the container has none."""
        return frozenset()

    def longest_s(self, limit_s: float) -> float:
        """How many seconds may be made of it, ``limit_s`` at most, before its claimed length counts as wrong.

        Growing and mended files tell less than they hold. But two pictures whose time stamps lie days apart, in a file
        that claims to last a second, would be filled up with millions between them.
        """
        return min(limit_s, max(3 * self.duration_s, self.duration_s + 600)) if self.duration_s else limit_s


@dataclass(frozen=True, kw_only=True)
class Source(Recording):
    """A recording with video."""

    video: VideoStream

    @property
    def companions(self) -> frozenset[int]:
        """As `VideoStream` has them."""
        return self.video.companions


@dataclass(frozen=True, kw_only=True)
class SoundSource(Recording):
    """An audio-only recording; ``cover`` is the picture attached to it, if its size is accepted."""

    cover: VideoStream | None = None
