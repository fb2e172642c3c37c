"""ffprobe's answer, read into the facts of a source, or refused by name.

The input is the JSON of ``ffprobe -show_format -show_programs -show_stream_groups -show_streams``, with
``-show_packets`` of the first few.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from tasks.errors import SourceRejected
from tasks.media.colour import read_colour
from tasks.media.geometry import coded_size, is_overscan, kept_size, rotation_of, shown_size
from tasks.media.iamf import channels_carried
from tasks.media.probed import items, number, ratio, text
from tasks.media.scan import Scan
from tasks.media.source import AudioStream, SoundSource, Source, VideoStream
from tasks.media.timecode import read_timecode
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
_ASIDES: Final = ("comment", "hearing_impaired", "visual_impaired")
# Each frame of these says how many channels it has. AAC does so only where the container doesn't say it for all.
_TOLD_BY_FRAMES: Final = ("aac_latm", "ac3", "dca", "eac3", "mlp", "mp1", "mp2", "mp3", "truehd")
_TELLS_AAC: Final = ("mov", "matroska")


@dataclass(frozen=True, kw_only=True)
class SourceLimits:
    """The largest upload that is taken on: seconds, pixels of a frame, streams."""

    duration_s: float
    pixels: int
    streams: int


def read_source(probe: Mapping[str, object], limits: SourceLimits) -> Source:
    """Read a probe's answer of an upload that has to have a picture.

    Raises:
        SourceRejected: as `read_recording`, and ``no_video`` where there is sound alone.
    """
    found = read_recording(probe, limits)
    if isinstance(found, Source):
        return found
    raise SourceRejected("no_video", "This file has no picture, only sound.")


def read_recording(probe: Mapping[str, object], limits: SourceLimits) -> Source | SoundSource:
    """Read a probe's answer.

    Raises:
        SourceRejected: ``not_media``, ``encrypted``, ``no_video`` (and no sound either), ``too_many_streams``,
            ``too_large_picture``, ``too_long``.
    """
    streams = _heard_as_labelled(items(probe.get("streams")), items(probe.get("stream_groups")))
    form = probe.get("format")
    container = text(form, "format_name").split(",")[0]
    if not streams or not container:
        raise SourceRejected("not_media", "This file is not a video: nothing in it can be played.")
    if len(streams) > limits.streams:
        raise SourceRejected(
            "too_many_streams", f"This file has {len(streams)} streams; at most {limits.streams} are taken."
        )
    # Some of the noise decodes: it would be published as a picture.
    if any(_is_encrypted(packet) for packet in items(probe.get("packets"))):
        raise SourceRejected(
            "encrypted", "This file is encrypted (copy protection): nobody can play it. Upload it without protection."
        )
    duration_s = max(0.0, number(form, "duration") or 0.0)
    if container == "matroska" and any(text(each, "codec_type") == "subtitle" for each in streams):
        duration_s = min(duration_s, _heard_or_seen_s(streams))
    audio = _audio(streams, container)
    video = _video([stream for stream in streams if _is_picture(stream)], items(probe.get("programs")), container)
    if video is None and any(text(each, "codec_type") == "video" and not _is_kind_of_still(each) for each in streams):
        # Published as sound alone, nobody would see that the picture is missing.
        raise SourceRejected("no_video", "The picture in this file can't be read; it is damaged or of an unknown kind.")
    if video is None and not audio:
        raise SourceRejected(
            "no_video",
            "This file has neither a picture nor sound that can be played. Upload a file with video or sound in it.",
        )
    if video is not None and video.pixels > limits.pixels:
        raise SourceRejected(
            "too_large_picture",
            f"The picture has {video.coded_width}×{video.coded_height} pixels, more than is taken.",
            f"{video.pixels} pixels, limit {limits.pixels}",
        )
    claimed_s = max(duration_s, _span_s(streams))
    if claimed_s > limits.duration_s:
        raise SourceRejected(
            "too_long",
            f"The clip claims to last {claimed_s / 3600:.1f} hours; at most {limits.duration_s / 3600:g} are taken.",
        )
    if video is not None:
        video = replace(video, begins_with_key_frame=_begins_with_key_frame(video.index, items(probe.get("packets"))))
    start_s, timecode = number(form, "start_time"), read_timecode(streams, form)
    unreadable = sum(text(stream, "codec_type") == "audio" for stream in streams) - len(audio)
    if video is None:
        cover = _video([stream for stream in streams if _is_still(stream)], [], container)
        return SoundSource(
            container=container,
            duration_s=duration_s,
            audio=audio,
            start_s=start_s,
            timecode=timecode,
            unreadable_audio=unreadable,
            cover=cover if cover is not None and cover.pixels <= limits.pixels else None,
        )
    return Source(
        container=container,
        duration_s=duration_s,
        video=video,
        audio=audio,
        start_s=start_s,
        timecode=timecode,
        unreadable_audio=unreadable,
    )


def _video(
    pictures: list[Mapping[str, object]], programmes: list[Mapping[str, object]], container: str
) -> VideoStream | None:
    if not pictures:
        return None
    stream = max(pictures, key=_claim)
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
        duration_s=number(stream, "duration") or _tagged_s(stream),
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
    )


def _claim(picture: Mapping[str, object]) -> tuple[bool, bool, int]:
    """By which of several pictures is shown: what the file plays by default, then the largest; the first of equals.

    One of which nothing came in all that was read for probing comes last: of the streams for several bit rates of a
    broadcast on the web, a recording may hold a single one.
    """
    width, height = coded_size(picture)
    has_come = number(picture, "start_time") is not None and text(picture, "pix_fmt") != ""
    return has_come, _disposition(picture, "default"), width * height


def _heard_or_seen_s(streams: list[Mapping[str, object]]) -> float:
    """What the longest track of sound or picture is tagged with, where all are: captions may go on for long."""
    shown = [each for each in streams if text(each, "codec_type") in ("audio", "video") and not _is_kind_of_still(each)]
    ends = [_tagged_s(each) for each in shown]
    known = [end_s for end_s in ends if end_s is not None]
    return max(known) if known and len(known) == len(ends) else math.inf


def _tagged_s(stream: Mapping[str, object]) -> float | None:
    """A track's length as Matroska's muxers tag it (``00:00:04.000000000``); the container knows that of the whole."""
    try:
        hours, minutes, seconds = (float(part) for part in text(stream.get("tags"), "DURATION").split(":"))
    except ValueError:
        return None
    tagged_s = hours * 3600 + minutes * 60 + seconds
    return tagged_s if math.isfinite(tagged_s) and tagged_s > 0 else None


def _span_s(streams: list[Mapping[str, object]]) -> float:
    """How long the pictures last by their own number and rate: a file's index and its head may well disagree."""
    spans = [
        count / float(rate)
        for stream in streams
        if _is_picture(stream)
        and (count := number(stream, "nb_frames")) is not None
        and (rate := ratio(text(stream, "avg_frame_rate"), "/")) is not None
    ]
    return max(spans, default=0.0)


def _begins_with_key_frame(index: int, packets: list[Mapping[str, object]]) -> bool:
    first = next((packet for packet in packets if number(packet, "stream_index") == index), None)
    return text(first, "flags").startswith("K")


def _is_encrypted(packet: Mapping[str, object]) -> bool:
    return any(text(data, "side_data_type") == "Encryption info" for data in items(packet.get("side_data_list")))


def _is_picture(stream: Mapping[str, object]) -> bool:
    return _has_size(stream) and not _is_kind_of_still(stream)


def _is_kind_of_still(stream: Mapping[str, object]) -> bool:
    return any(_disposition(stream, kind) for kind in _STILLS)


def _is_still(stream: Mapping[str, object]) -> bool:
    return _has_size(stream) and _disposition(stream, "attached_pic")


def _has_size(stream: Mapping[str, object]) -> bool:
    return text(stream, "codec_type") == "video" and min(coded_size(stream)) > 0


def _disposition(stream: Mapping[str, object], kind: str) -> bool:
    return bool(number(stream.get("disposition"), kind))


def _companions(index: int, programmes: list[Mapping[str, object]]) -> frozenset[int]:
    for programme in programmes:
        members = {int(number(stream, "index") or 0) for stream in items(programme.get("streams"))}
        if index in members:
            return frozenset(members)
    return frozenset()


def _heard_as_labelled(
    streams: list[Mapping[str, object]], groups: list[Mapping[str, object]]
) -> list[Mapping[str, object]]:
    """The streams without what only goes with another one, each of those that carry one sound with its channels."""
    carried = channels_carried(groups)
    return [
        {**stream, "channel_layout": carried.get(index, text(stream, "channel_layout"))}
        for stream in streams
        if carried.get(index := int(number(stream, "index") or 0)) != ""
    ]


def _audio(streams: list[Mapping[str, object]], container: str) -> tuple[AudioStream, ...]:
    return tuple(
        AudioStream(
            index=int(number(stream, "index") or 0),
            codec=text(stream, "codec_name"),
            channels=int(number(stream, "channels") or 0),
            sample_rate=int(number(stream, "sample_rate") or 0),
            language=_language(stream),
            layout=text(stream, "channel_layout"),
            is_default=_disposition(stream, "default"),
            is_aside=any(number(stream.get("disposition"), mark) for mark in _ASIDES),
            profile=text(stream, "profile"),
            may_change=_may_change(text(stream, "codec_name"), container),
        )
        for stream in streams
        if text(stream, "codec_type") == "audio" and text(stream, "codec_name") and number(stream, "channels")
    )


def _may_change(codec: str, container: str) -> bool:
    return codec in _TOLD_BY_FRAMES or (codec == "aac" and container not in _TELLS_AAC)


def _language(stream: Mapping[str, object]) -> str | None:
    language = text(stream.get("tags"), "language")
    return language if language and language != "und" else None
