"""What an upload is: ffprobe's answer, read into facts that the plan is made from, or refused by name.

The input is the JSON of ``ffprobe -show_format -show_streams``; its values are strings, numbers or absent as each
demuxer likes, so everything is read with suspicion.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from tasks.errors import SourceRejected

MEDIA_EXTENSIONS: Final = frozenset(
    "3gp asf avi dv f4v flv gxf lxf m2t m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogg ogv ps qt ts vob webm wmv y4m".split()
)
Scan = Literal["progressive", "interlaced_tff", "interlaced_bff"]
_FIELD_ORDERS: Final[Mapping[str, Scan]] = {
    "tt": "interlaced_tff",
    "tb": "interlaced_tff",
    "bb": "interlaced_bff",
    "bt": "interlaced_bff",
}
_STANDARD_RATES: Final = tuple(
    Fraction(rate)
    for rate in ("12", "15", "24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60", "100", "120")
)
_FALLBACK_RATE: Final = Fraction(25)
_MAX_RATE: Final = 240


@dataclass(frozen=True, kw_only=True)
class SourceLimits:
    """The largest upload that is taken on: seconds, pixels of a frame, streams."""

    duration_s: float
    pixels: int
    streams: int


@dataclass(frozen=True, kw_only=True)
class VideoStream:
    """The picture. ``width`` × ``height`` is how it is shown, upright and with square pixels; ``index`` is ffmpeg's."""

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

    @property
    def is_interlaced(self) -> bool:
        """The frames hold two fields each, taken at different times."""
        return self.scan != "progressive"


@dataclass(frozen=True, kw_only=True)
class AudioStream:
    """One sound track; ``language`` is the file's own tag, None where it has none."""

    index: int
    codec: str
    channels: int
    sample_rate: int
    language: str | None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A probed upload. ``duration_s`` is 0 where the container does not tell."""

    container: str
    duration_s: float
    video: VideoStream
    audio: tuple[AudioStream, ...]


def read_source(probe: Mapping[str, object], limits: SourceLimits) -> Source:
    """Read a probe's answer.

    Raises:
        SourceRejected: ``not_media``, ``no_video``, ``too_many_streams``, ``too_large_picture``, ``too_long``.
    """
    streams = _items(probe.get("streams"))
    form = probe.get("format")
    container = _text(form, "format_name").split(",")[0]
    if not streams or not container:
        raise SourceRejected("not_media", "This file is not a video: nothing in it can be played.")
    if len(streams) > limits.streams:
        raise SourceRejected(
            "too_many_streams", f"This file has {len(streams)} streams; at most {limits.streams} are taken."
        )
    duration_s = _number(form, "duration") or 0.0
    video = _video(streams)
    if video is None:
        raise SourceRejected(
            "no_video", "This file has no picture, only sound or data. Upload a file with video in it."
        )
    pixels = video.coded_width * video.coded_height
    if pixels > limits.pixels:
        raise SourceRejected(
            "too_large_picture",
            f"The picture has {video.coded_width}×{video.coded_height} pixels, more than is taken.",
            f"{pixels} pixels, limit {limits.pixels}",
        )
    if duration_s > limits.duration_s:
        raise SourceRejected(
            "too_long",
            f"The clip claims to last {duration_s / 3600:.1f} hours; at most {limits.duration_s / 3600:g} are taken.",
        )
    return Source(container=container, duration_s=duration_s, video=video, audio=_audio(streams))


def _video(streams: list[Mapping[str, object]]) -> VideoStream | None:
    for stream in streams:
        attached = _number(stream.get("disposition"), "attached_pic")
        width, height = int(_number(stream, "width") or 0), int(_number(stream, "height") or 0)
        if _text(stream, "codec_type") != "video" or attached or width <= 0 or height <= 0:
            continue
        rotation = _rotation(stream)
        shown_width, shown_height = _shown_size(width, height, _ratio(_text(stream, "sample_aspect_ratio"), ":"))
        if rotation % 180 == 90:
            shown_width, shown_height = shown_height, shown_width
        return VideoStream(
            index=int(_number(stream, "index") or 0),
            codec=_text(stream, "codec_name") or "unknown",
            width=shown_width,
            height=shown_height,
            coded_width=width,
            coded_height=height,
            frame_rate=_frame_rate(stream),
            scan=_FIELD_ORDERS.get(_text(stream, "field_order"), "progressive"),
            pixel_format=_text(stream, "pix_fmt"),
            rotation=rotation,
            duration_s=_number(stream, "duration"),
        )
    return None


def _audio(streams: list[Mapping[str, object]]) -> tuple[AudioStream, ...]:
    return tuple(
        AudioStream(
            index=int(_number(stream, "index") or 0),
            codec=_text(stream, "codec_name"),
            channels=int(_number(stream, "channels") or 0),
            sample_rate=int(_number(stream, "sample_rate") or 0),
            language=_language(stream),
        )
        for stream in streams
        if _text(stream, "codec_type") == "audio" and _text(stream, "codec_name") and _number(stream, "channels")
    )


def _language(stream: Mapping[str, object]) -> str | None:
    language = _text(stream.get("tags"), "language")
    return language if language and language != "und" else None


def _shown_size(width: int, height: int, pixel_aspect: Fraction | None) -> tuple[int, int]:
    # An absurd ratio is a damaged header, not a picture a kilometre wide.
    if pixel_aspect is None or not Fraction(1, 4) <= pixel_aspect <= 4:
        return width, height
    # The longer side grows, so no line or column is thrown away.
    if pixel_aspect >= 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def _rotation(stream: Mapping[str, object]) -> int:
    for side_data in _items(stream.get("side_data_list")):
        degrees = _number(side_data, "rotation")
        # A degenerate matrix makes ffprobe print the smallest 64-bit integer.
        if degrees is not None and abs(degrees) <= 360:
            return round(degrees / 90) * 90 % 360
    return 0


def _frame_rate(stream: Mapping[str, object]) -> Fraction:
    """The rate to encode at: the average, moved to a standard rate that is within 1 %."""
    for field in ("avg_frame_rate", "r_frame_rate"):
        rate = _ratio(_text(stream, field), "/")
        if rate is None or not 1 <= rate <= _MAX_RATE:
            continue
        nearest = min(_STANDARD_RATES, key=lambda standard, wanted=rate: abs(standard - wanted))  # type: ignore[misc]
        return nearest if abs(nearest - rate) <= rate / 100 else rate.limit_denominator(1001)
    return _FALLBACK_RATE


def _ratio(text: str, separator: str) -> Fraction | None:
    numerator, _, denominator = text.partition(separator)
    try:
        ratio = Fraction(int(numerator), int(denominator))
    except (ValueError, ZeroDivisionError):
        return None
    return ratio if ratio > 0 else None


def _items(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _text(value: object, field: str) -> str:
    found = value.get(field) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""


def _number(value: object, field: str) -> float | None:
    found = value.get(field) if isinstance(value, Mapping) else None
    if not isinstance(found, str | int | float):
        return None
    try:
        number = float(found)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
