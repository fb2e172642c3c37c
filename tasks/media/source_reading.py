"""ffprobe's answer → the source, or the reason why it is refused.

The input is the JSON of ``ffprobe -show_format -show_programs -show_stream_groups -show_streams``, with
``-show_packets`` of the first few.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from tasks.errors import SourceRejected
from tasks.media.opening import LATE_S
from tasks.media.probed import items, number, ratio, text
from tasks.media.protection import encrypted
from tasks.media.sound.iamf import channels_carried
from tasks.media.source import SoundSource, Source
from tasks.media.source_input import RESTARTING_CLOCKS
from tasks.media.stream_reading import is_cover, is_picture, is_still, read_audio, read_video, tagged_length_s
from tasks.media.timecode import read_timecode

# A picture that lasts no longer, or tells no length, may be the only one.
_BRIEF_S: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class SourceLimits:
    """The largest upload that is accepted: seconds, pixels of a frame, streams."""

    duration_s: float
    pixels: int
    streams: int


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
            "too_many_streams", f"This file has {len(streams)} streams; at most {limits.streams} are accepted."
        )
    # Some of the noise decodes: it would be published as a picture.
    if any(_is_encrypted(packet) for packet in items(probe.get("packets"))):
        raise encrypted()
    duration_s = max(0.0, number(form, "duration") or 0.0)
    if container == "matroska" and any(text(each, "codec_type") == "subtitle" for each in streams):
        duration_s = min(duration_s, _tagged_s(streams))
    audio = read_audio(streams, container)
    video = read_video([stream for stream in streams if is_picture(stream)], items(probe.get("programs")), container)
    if video is None and any(text(each, "codec_type") == "video" and not is_still(each) for each in streams):
        # Published as sound alone, nobody would see that the picture is missing.
        raise SourceRejected(
            "no_video", "The picture in this file can't be read; it is damaged, or of an unknown format."
        )
    if video is None and not audio:
        raise SourceRejected(
            "no_video",
            "This file has neither a picture nor sound that can be played. Upload a file with video or sound in it.",
        )
    if video is not None and video.pixels > limits.pixels:
        raise SourceRejected(
            "too_large_picture",
            f"The picture has {video.coded_width}×{video.coded_height} pixels, more than is accepted.",
            f"{video.pixels} pixels, limit {limits.pixels}",
        )
    claimed_s = max(duration_s, _counted_s(streams))
    if claimed_s > limits.duration_s:
        raise SourceRejected(
            "too_long",
            f"The clip claims to last {claimed_s / 3600:.1f} hours; at most {limits.duration_s / 3600:g} are accepted.",
        )
    if video is not None:
        video = replace(video, begins_with_key_frame=_begins_with_key_frame(video.index, items(probe.get("packets"))))
    start_s, timecode = number(form, "start_time"), read_timecode(streams, form)
    if video is not None:
        begins_s = next((number(each, "start_time") for each in streams if number(each, "index") == video.index), None)
        late_s = max(0.0, begins_s - start_s) if begins_s is not None and start_s is not None else 0.0
        # Matroska's tags tell when a track ends.
        lasts_s = (video.duration_s or duration_s) - (late_s if container == "matroska" else 0.0)
        is_late = container in RESTARTING_CLOCKS and late_s >= LATE_S
        video = replace(video, is_late=is_late, is_brief=lasts_s < _BRIEF_S)
    unreadable = sum(text(stream, "codec_type") == "audio" for stream in streams) - len(audio)
    if video is None:
        cover = read_video([stream for stream in streams if is_cover(stream)], [], container)
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


def _tagged_s(streams: list[Mapping[str, object]]) -> float:
    """The longest track of sound or picture, by their tags, where all have one: captions may go on for longer."""
    shown = [each for each in streams if text(each, "codec_type") in ("audio", "video") and not is_still(each)]
    ends = [tagged_length_s(each) for each in shown]
    known = [end_s for end_s in ends if end_s is not None]
    return max(known) if known and len(known) == len(ends) else math.inf


def _counted_s(streams: list[Mapping[str, object]]) -> float:
    """The length of the longest picture by its number of frames and their rate, which may contradict the header's."""
    spans = [
        count / float(rate)
        for stream in streams
        if is_picture(stream)
        and (count := number(stream, "nb_frames")) is not None
        and (rate := ratio(text(stream, "avg_frame_rate"), "/")) is not None
    ]
    return max(spans, default=0.0)


def _begins_with_key_frame(index: int, packets: list[Mapping[str, object]]) -> bool:
    first = next((packet for packet in packets if number(packet, "stream_index") == index), None)
    return text(first, "flags").startswith("K")


def _is_encrypted(packet: Mapping[str, object]) -> bool:
    return any(text(data, "side_data_type") == "Encryption info" for data in items(packet.get("side_data_list")))
