"""The ladder: the rungs that may be made, read from TOML, and which of them suit a source."""

from __future__ import annotations

import hashlib
import tomllib
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tasks.errors import ConfigurationError
from tasks.media.picture import field_rate
from tasks.media.source import VideoStream
from tasks.media.timing import divided_rate

_EVEN = 2
# A source this much taller than the highest rung below it gets a top rung of its own size.
_WORTH_A_RUNG = 1.15


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Bitrate = Annotated[int, Field(ge=16_000, le=200_000_000)]
SoundBitrate = Annotated[int, Field(ge=24_000, le=320_000, multiple_of=1000)]
Height = Annotated[int, Field(ge=72, le=4320, multiple_of=2)]


Codec = Literal["h264", "hevc", "av1"]
_CODECS: tuple[Codec, ...] = ("h264", "hevc", "av1")


class Rung(_Part):
    """One size: ``height`` is the picture's shorter side, ``crf`` the encoder's quality, capped at ``max_bitrate_bps``.

    ``crf`` counts as x264, x265 and SVT-AV1 do; the last one's numbers are about 12 higher for the same quality.
    """

    height: Height
    codec: Codec = "h264"
    crf: Annotated[float, Field(ge=10, le=55)]
    max_bitrate_bps: Bitrate

    @model_validator(mode="after")
    def _known_quality(self) -> Rung:
        if self.codec != "av1" and self.crf > 40:
            raise ValueError(f"crf must be at most 40 for {self.codec} (found {self.crf:g})")
        return self


class AudioRung(_Part):
    """AAC-LC, stereo, brought to ``loudness_lufs`` by one gain that keeps peaks below ``true_peak_dbtp`` (EBU R 128).

    Without ``loudness_lufs`` the level stays as it is. A clip in several languages begins with the first of
    ``languages`` that it has; they are written as the files' tags are, mostly ISO 639-2 (``vie``).
    """

    bitrate_bps: Bitrate
    sample_rate: Literal[44_100, 48_000] = 48_000
    loudness_lufs: Annotated[float, Field(ge=-40, le=-8)] | None = None
    true_peak_dbtp: Annotated[float, Field(ge=-12, le=0)] = -1.0
    languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")], ...] = ()


class SoundOnly(_Part):
    """The ladder of clips without a picture: stereo AAC-LC at each of ``bitrates_bps``; else as `AudioRung` says."""

    bitrates_bps: Annotated[tuple[SoundBitrate, ...], Field(min_length=1, max_length=4)] = (64_000, 128_000)

    @model_validator(mode="after")
    def _distinct(self) -> SoundOnly:
        if len(set(self.bitrates_bps)) != len(self.bitrates_bps):
            raise ValueError("bitrates_bps: each bit rate must stand there once")
        return self


class Mp4Choice(_Part):
    """The progressive download is the tallest rung up to ``max_height``."""

    max_height: Height


class PosterSize(_Part):
    """The widths in which the poster is made; none larger than the picture, which is then the largest itself."""

    widths: Annotated[
        tuple[Annotated[int, Field(ge=160, le=3840, multiple_of=2)], ...], Field(min_length=1, max_length=6)
    ]

    @property
    def max_width(self) -> int:
        """The largest of them."""
        return max(self.widths)


class StoryboardShape(_Part):
    """Sheets of ``columns`` × ``rows`` tiles, one tile each ``interval_s``, longer apart beyond ``max_tiles``."""

    interval_s: Annotated[float, Field(ge=0.5, le=60)]
    max_tiles: Annotated[int, Field(ge=1, le=1000)]
    tile_width: Annotated[int, Field(ge=64, le=480, multiple_of=2)]
    columns: Annotated[int, Field(ge=1, le=12)]
    rows: Annotated[int, Field(ge=1, le=12)]


class Start(_Part):
    """What can be played before the ladder is done.

    A source that players take as it is, up to ``copy_max_bitrate_bps`` (0: never), is published by copy at once.
    ``smallest_first``: the smallest rung is made in a run of its own, before the others; it is decoded twice for that.
    """

    copy_max_bitrate_bps: Annotated[int, Field(ge=0, le=200_000_000)] = 0
    smallest_first: bool = False


class Ladder(_Part):
    """Everything that decides how a clip is made; ``revision`` changes whenever any of it does."""

    segment_s: Annotated[float, Field(ge=1, le=12)]
    gop_s: Annotated[float, Field(ge=0.5, le=10)]
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower"]
    max_frame_rate: Annotated[float, Field(ge=10, le=120)]
    start: Start = Start()
    audio: AudioRung
    sound_only: SoundOnly = SoundOnly()
    mp4: Mp4Choice
    poster: PosterSize
    storyboard: StoryboardShape
    rungs: Annotated[tuple[Rung, ...], Field(min_length=1, max_length=12)]

    @model_validator(mode="after")
    def _consistent(self) -> Ladder:
        sizes = [(rung.codec, rung.height) for rung in self.rungs]
        if len(set(sizes)) != len(sizes):
            raise ValueError("rungs: each rung of a codec must have a height of its own")
        if "h264" not in {rung.codec for rung in self.rungs}:
            raise ValueError('rungs: at least one must have codec = "h264", which every player and the MP4 need')
        if self.segment_s % self.gop_s:
            raise ValueError(f"segment_s ({self.segment_s}) must be a multiple of gop_s ({self.gop_s})")
        return self

    @property
    def revision(self) -> str:
        """A short id of exactly these values."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


class PlannedRung(_Part):
    """A rung as it is made from one source: pixels, frames per second."""

    name: str
    width: int
    height: int
    frame_rate: Fraction
    codec: Codec = "h264"
    crf: float
    max_bitrate_bps: int

    def replaces(self, other: PlannedRung) -> bool:
        """Whether the other is superfluous beside this one: of the same codec, size and frame rate."""
        ours, theirs = ((each.codec, each.width, each.height, each.frame_rate) for each in (self, other))
        return ours == theirs


def read_ladder(text: str, file_name: str) -> Ladder:
    """Read a ladder's TOML.

    Raises:
        ConfigurationError: it isn't one; the message names the file, the key and what is expected there.
    """
    try:
        return Ladder.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file_name}: not TOML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'the ladder'}: {problem['msg']}"
            + ("" if isinstance(problem["input"], dict) else f" (found {problem['input']!r:.60})")
            for problem in error.errors()
        )
        raise ConfigurationError(f"{file_name}: {problems}") from error


def climb(ladder: Ladder, video: VideoStream) -> tuple[PlannedRung, ...]:
    """The rungs to make from this picture, tallest first; at least one of H.264, none larger than the source."""
    short = min(video.width, video.height)
    fitting = [rung for codec in _CODECS for rung in _fitting(ladder, codec, short)]
    fitting.sort(key=lambda rung: -rung.height)
    frame_rate = divided_rate(field_rate(video), ladder.max_frame_rate)
    return tuple(_planned(rung, video, frame_rate) for rung in fitting)


def _fitting(ladder: Ladder, codec: Codec, short: int) -> list[Rung]:
    rungs = sorted((rung for rung in ladder.rungs if rung.codec == codec), key=lambda rung: -rung.height)
    fitting = [rung for rung in rungs if rung.height <= short]
    above = min((rung for rung in rungs if rung.height > short), key=lambda rung: rung.height, default=None)
    if above is not None and (not fitting or short >= fitting[0].height * _WORTH_A_RUNG):
        fitting.insert(0, above.model_copy(update={"height": short}))
    return fitting


def _planned(rung: Rung, video: VideoStream, frame_rate: Fraction) -> PlannedRung:
    scale = Fraction(rung.height, min(video.width, video.height))
    return PlannedRung(
        name=f"{rung.height}p" if rung.codec == "h264" else f"{rung.height}p-{rung.codec}",
        width=_even(video.width * scale),
        height=_even(video.height * scale),
        frame_rate=frame_rate,
        codec=rung.codec,
        crf=rung.crf,
        max_bitrate_bps=rung.max_bitrate_bps,
    )


def _even(length: Fraction) -> int:
    # Rounded down at the edge: half a pixel of a source's odd last line must not make it an upscale.
    return max(_EVEN, int(length) // _EVEN * _EVEN)
