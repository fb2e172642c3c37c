"""The streams in ffprobe's answer → the picture and the sound tracks of a source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from tasks.media.colour import read_colour
from tasks.media.decoders import DECODERS_OF_ALPHA
from tasks.media.geometry import coded_size, is_overscan, kept_size, rotation_of, shown_size
from tasks.media.probed import items, number, ratio, text
from tasks.media.scan import Scan
from tasks.media.source import AudioStream, VideoStream
from tasks.media.timing import claimed_rate

_FIELD_ORDERS: Final[Mapping[str, Scan]] = {
    "tt": "interlaced_tff",
    "tb": "interlaced_tff",
    "bb": "interlaced_bff",
    "bt": "interlaced_bff",
}
# IMX (SMPTE 356M, D-10) carries the lines of the vertical blanking above the picture.
_BLANKING_LINES: Final = 32
_HEIGHTS_WITH_BLANKING: Final = (512, 608)
# Names of ffprobe's side data.
_CHANGES_THE_PICTURE: Final = ("Display Matrix", "Frame Cropping")
_STILLS: Final = ("attached_pic", "timed_thumbnails", "still_image")
WITHOUT_ALPHA: Final = "yuv420p"
"""The pixel format of VP8 and VP9 in WebM whose transparency, beside the packets, is not decoded."""
_ASIDES: Final = ("comment", "hearing_impaired", "visual_impaired")
# Each frame of these says how many channels it has. AAC does so only where the container doesn't say it for all.
_TOLD_BY_FRAMES: Final = ("aac_latm", "ac3", "dca", "eac3", "mlp", "mp1", "mp2", "mp3", "truehd")
_TELLS_AAC: Final = ("mov", "matroska")


def read_video(
    pictures: list[Mapping[str, object]], programmes: list[Mapping[str, object]], container: str
) -> VideoStream | None:
    """The one that is shown of these pictures; None where there are none."""
    if not pictures:
        return None
    stream = _with_alpha(max(pictures, key=_claim))
    index = int(number(stream, "index") or 0)
    width, height = coded_size(stream)
    codec = text(stream, "codec_name") or "unknown"
    rotation = rotation_of(stream)
    blanking = _BLANKING_LINES if codec == "mpeg2video" and width == 720 and height in _HEIGHTS_WITH_BLANKING else 0
    keeps_overscan = is_overscan(stream, width, height)
    kept_width, kept_height = (width, height) if keeps_overscan else kept_size(stream, width, height)
    pixel_aspect = ratio(text(stream, "sample_aspect_ratio"), ":")
    if blanking and pixel_aspect:
        # The file's pixel aspect stretches all its lines over the screen, the picture's alone fill it.
        pixel_aspect *= Fraction(height - blanking, height)
        kept_height -= blanking
    shown_width, shown_height = shown_size(kept_width, kept_height, pixel_aspect)
    if rotation % 180 == 90:
        shown_width, shown_height = shown_height, shown_width
    told = text(stream, "field_order")
    # DV is interlaced by its standard (IEC 61834), bottom field first; its containers often do not tell.
    scan = _FIELD_ORDERS.get(told, "interlaced_bff" if codec == "dvvideo" and told != "progressive" else "progressive")
    nominal = ratio(text(stream, "r_frame_rate"), "/")
    average = ratio(text(stream, "avg_frame_rate"), "/")
    if container == "h264" and nominal:
        # Of a stream without a container it is the rate of fields, of frames too, and the average is ffmpeg's default.
        nominal, average = nominal / 2, None
    rate, is_sure = claimed_rate(average, nominal, interlaced=scan != "progressive")
    return VideoStream(
        index=index,
        codec=codec,
        width=shown_width,
        height=shown_height,
        coded_width=width,
        coded_height=height,
        frame_rate=rate,
        scan=scan,
        pixel_format=text(stream, "pix_fmt"),
        rotation=rotation,
        duration_s=number(stream, "duration") or tagged_length_s(stream),
        nominal_rate=nominal,
        rate_is_sure=is_sure,
        scan_is_told=told in _FIELD_ORDERS or told == "progressive",
        blanking_lines=blanking,
        colour=read_colour(stream, width=width, height=height, container=container),
        companions=_companions(index, programmes),
        profile=text(stream, "profile"),
        keeps_overscan=keeps_overscan,
        is_as_coded=not any(
            text(side_data, "side_data_type") in _CHANGES_THE_PICTURE
            for side_data in items(stream.get("side_data_list"))
        ),
        pid=_pid(stream, container),
    )


def read_audio(streams: list[Mapping[str, object]], container: str) -> tuple[AudioStream, ...]:
    """The sound tracks that have a decoder and a channel."""
    return tuple(
        AudioStream(
            index=int(number(stream, "index") or 0),
            codec=text(stream, "codec_name"),
            channels=int(number(stream, "channels") or 0),
            sample_rate=int(number(stream, "sample_rate") or 0),
            language=_language(stream),
            layout=text(stream, "channel_layout"),
            is_default=_disposition(stream, "default"),
            is_aside=any(_disposition(stream, mark) for mark in _ASIDES),
            profile=text(stream, "profile"),
            may_change=_may_change(text(stream, "codec_name"), container),
            pid=_pid(stream, container),
        )
        for stream in streams
        if text(stream, "codec_type") == "audio" and text(stream, "codec_name") and number(stream, "channels")
    )


def is_picture(stream: Mapping[str, object]) -> bool:
    """Whether the stream is a picture that moves, and has a size."""
    return _has_size(stream) and not is_still(stream)


def is_picture_late(answer: Mapping[str, object]) -> bool:
    """Whether ffprobe's answer about a broadcast names a picture of which nothing came in what was read of it."""
    streams = [each for each in items(answer.get("streams")) if text(each, "codec_type") == "video"]
    is_broadcast = text(answer.get("format"), "format_name") in ("mpegts", "mpeg")
    return is_broadcast and bool(streams) and not any(_has_size(each) for each in streams)


def have_pictures_begun(answer: Mapping[str, object]) -> bool:
    """Whether ffprobe's answer about the beginning of a file tells when each of its pictures begins.

    Matroska gives no part of a frame: of an uncompressed one that has not come whole, only the header tells.
    """
    return all(number(each, "start_time") is not None for each in items(answer.get("streams")) if is_picture(each))


def is_still(stream: Mapping[str, object]) -> bool:
    """Whether the stream is marked as a picture that doesn't move: a cover, a thumbnail."""
    return any(_disposition(stream, kind) for kind in _STILLS)


def is_cover(stream: Mapping[str, object]) -> bool:
    """Whether the stream is the picture that goes with the sound."""
    return _has_size(stream) and _disposition(stream, "attached_pic")


def tagged_length_s(stream: Mapping[str, object]) -> float | None:
    """A track's length as Matroska's muxers tag it (``00:00:04.000000000``); the container knows that of the whole."""
    try:
        hours, minutes, seconds = (float(part) for part in text(stream.get("tags"), "DURATION").split(":"))
    except ValueError:
        return None
    tagged_s = hours * 3600 + minutes * 60 + seconds
    return tagged_s if math.isfinite(tagged_s) and tagged_s > 0 else None


def _claim(picture: Mapping[str, object]) -> tuple[bool, bool, int]:
    """Sorts pictures by their claim to be the one shown: what the file plays by default, then the largest.

    One of which nothing came in all that was read for probing comes last: a recording of a web broadcast in several
    bit rates may list all of their streams and hold a single one.
    """
    width, height = coded_size(picture)
    has_come = number(picture, "start_time") is not None and text(picture, "pix_fmt") != ""
    return has_come, _disposition(picture, "default"), width * height


def _with_alpha(stream: Mapping[str, object]) -> Mapping[str, object]:
    """The stream with a format that has the transparency which WebM keeps beside the packets of VP8 and VP9."""
    # Its track says so itself; in what ffmpeg has remuxed that is a tag as well, in capitals.
    is_marked = any(text(stream.get("tags"), name) == "1" for name in ("alpha_mode", "ALPHA_MODE"))
    has_alpha = is_marked and text(stream, "codec_name") in DECODERS_OF_ALPHA
    return {**stream, "pix_fmt": "yuva420p"} if has_alpha and text(stream, "pix_fmt") == WITHOUT_ALPHA else stream


def _companions(index: int, programmes: list[Mapping[str, object]]) -> frozenset[int]:
    for programme in programmes:
        members = {int(number(stream, "index") or 0) for stream in items(programme.get("streams"))}
        if index in members:
            return frozenset(members)
    return frozenset()


def _pid(stream: Mapping[str, object], container: str) -> int | None:
    try:
        return int(text(stream, "id"), 16) if container == "mpegts" else None
    except ValueError:
        return None


def _may_change(codec: str, container: str) -> bool:
    return codec in _TOLD_BY_FRAMES or (codec == "aac" and container not in _TELLS_AAC)


def _language(stream: Mapping[str, object]) -> str | None:
    language = text(stream.get("tags"), "language")
    return language if language and language != "und" else None


def _has_size(stream: Mapping[str, object]) -> bool:
    return text(stream, "codec_type") == "video" and min(coded_size(stream)) > 0


def _disposition(stream: Mapping[str, object], kind: str) -> bool:
    return bool(number(stream.get("disposition"), kind))
