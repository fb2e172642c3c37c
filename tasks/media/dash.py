"""The DASH manifest (ISO/IEC 23009-1, static, live profile) for the CMAF segments that HLS uses too.

Times are those of the segments themselves: a `SegmentTimeline` in each track's own timescale, read from the fragments.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree

from tasks.media.captions.selection import WHOLE_FILE, Caption
from tasks.media.ladder import PlannedRung
from tasks.media.mp4.boxes import Fragment, Header
from tasks.media.package import MediaPlaylist, Track
from tasks.records.base import Value

FOLDER: Final = "dash"
MANIFEST: Final = f"{FOLDER}/main.mpd"
_NAMESPACE: Final = "urn:mpeg:dash:schema:mpd:2011"
_PROFILES: Final = "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019"
_CHANNELS: Final = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"
_ROLE: Final = "urn:mpeg:dash:role:2011"


class Representation(Value):
    """A finished rendition with its segments; ``name`` is its folder."""

    name: str
    track: Track
    header: Header
    playlist: MediaPlaylist
    fragments: tuple[Fragment, ...]


class Picture(Representation):
    """A rendition of the picture."""

    rung: PlannedRung


class Sound(Representation):
    """A rendition of the sound, stereo; ``language`` as the source tags it, if it does.

    Those of one ``programme`` differ in their bit rate alone: players may switch between them.
    """

    programme: str
    language: str | None
    sample_rate: int


class Text(Value):
    """Captions: one WebVTT file beside the HLS segments; ``bitrate_bps`` is that of the whole file."""

    caption: Caption
    bitrate_bps: int


def manifest(pictures: Sequence[Picture], sounds: Sequence[Sound], texts: Sequence[Text] = ()) -> str:
    """The MPD; its addresses are relative to the folder ``dash`` beside ``hls``. The first programme is the main one.

    Without pictures the sounds make the clip. Renditions of one programme stand together in ``sounds``.
    """
    everything: list[Representation] = [*pictures, *sounds]
    duration_s = max(each.playlist.duration_s for each in pictures or sounds)
    longest_s = max(duration_s for each in everything for _, duration_s in each.playlist.segments)
    root = ElementTree.Element(
        "MPD",
        {
            "xmlns": _NAMESPACE,
            "profiles": _PROFILES,
            "type": "static",
            "mediaPresentationDuration": _duration(duration_s),
            "maxSegmentDuration": _duration(longest_s),
            # With a buffer of one segment, a line as fast as @bandwidth (the peak over segments) never runs dry.
            "minBufferTime": _duration(longest_s),
        },
    )
    ElementTree.SubElement(root, "BaseURL").text = "../hls/"
    period = ElementTree.SubElement(root, "Period", {"id": "0", "start": "PT0S"})
    # Players switch freely inside a set, and not from one codec to another.
    for number, (_, same) in enumerate(itertools.groupby(_by_codec(pictures), _codec)):
        period.append(_picture_set(list(same), number))
    for number, (_, alike) in enumerate(itertools.groupby(sounds, lambda each: each.programme)):
        period.append(_sound_set(list(alike), is_main=number == 0))
    for text in texts:
        period.append(_text_set(text))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _by_codec(pictures: Sequence[Picture]) -> list[Picture]:
    order = list(dict.fromkeys(_codec(each) for each in pictures))
    return sorted(pictures, key=lambda each: order.index(_codec(each)))


def _codec(picture: Picture) -> str:
    return picture.header.entry


def _picture_set(pictures: list[Picture], number: int) -> ElementTree.Element:
    made = ElementTree.Element(
        "AdaptationSet",
        {
            "id": f"video-{number}",
            "contentType": "video",
            "mimeType": "video/mp4",
            "segmentAlignment": "true",
            "startWithSAP": "1",
            "maxWidth": str(max(each.rung.width for each in pictures)),
            "maxHeight": str(max(each.rung.height for each in pictures)),
            "maxFrameRate": str(max(each.rung.frame_rate for each in pictures)),
        },
    )
    for each in pictures:
        described = {
            "width": str(each.rung.width),
            "height": str(each.rung.height),
            "frameRate": str(each.rung.frame_rate),
            "sar": "1:1",
        }
        made.append(_representation(each, described))
    return made


def _sound_set(sounds: list[Sound], *, is_main: bool) -> ElementTree.Element:
    sound = sounds[0]
    attributes = {
        "id": sound.programme,
        "contentType": "audio",
        "mimeType": "audio/mp4",
        "segmentAlignment": "true",
        "startWithSAP": "1",
        **({"lang": sound.language} if sound.language else {}),
    }
    made = ElementTree.Element("AdaptationSet", attributes)
    ElementTree.SubElement(made, "Role", {"schemeIdUri": _ROLE, "value": "main" if is_main else "alternate"})
    for each in sounds:
        representation = _representation(each, {"audioSamplingRate": str(each.sample_rate)})
        channels = ElementTree.Element("AudioChannelConfiguration", {"schemeIdUri": _CHANNELS, "value": "2"})
        representation.insert(0, channels)
        made.append(representation)
    return made


def _text_set(text: Text) -> ElementTree.Element:
    caption = text.caption
    language = {"lang": caption.language} if caption.language else {}
    made = ElementTree.Element(
        "AdaptationSet", {"id": caption.name, "contentType": "text", "mimeType": "text/vtt", **language}
    )
    if caption.kind == "captions":
        hard_of_hearing = {"schemeIdUri": "urn:tva:metadata:cs:AudioPurposeCS:2007", "value": "2"}
        ElementTree.SubElement(made, "Accessibility", hard_of_hearing)
    role = "forced-subtitle" if caption.is_forced else caption.kind.removesuffix("s")
    for value in [*(["main"] if caption.is_default else []), role]:
        ElementTree.SubElement(made, "Role", {"schemeIdUri": _ROLE, "value": value})
    ElementTree.SubElement(made, "Label").text = caption.label
    representation = ElementTree.SubElement(
        made, "Representation", {"id": caption.name, "bandwidth": str(text.bitrate_bps)}
    )
    ElementTree.SubElement(representation, "BaseURL").text = f"{caption.name}/{WHOLE_FILE}"
    return made


def _representation(each: Representation, described: dict[str, str]) -> ElementTree.Element:
    made = ElementTree.Element(
        "Representation",
        {"id": each.name, "codecs": each.track.codecs, "bandwidth": str(each.track.peak_bps), **described},
    )
    first = each.playlist.segments[0][0]
    number, extension = first.split(".", 1)
    template = ElementTree.SubElement(
        made,
        "SegmentTemplate",
        {
            "timescale": str(each.header.timescale),
            "initialization": f"$RepresentationID$/{each.playlist.init}",
            "media": f"$RepresentationID$/$Number%0{len(number)}d$.{extension}",
            "startNumber": str(int(number)),
            # The edit list has taken off what lies before the first picture and sound: both start at 0.
            "presentationTimeOffset": "0",
        },
    )
    timeline = ElementTree.SubElement(template, "SegmentTimeline")
    for start, duration, repeats in _runs(each.fragments):
        timed = {} if start is None else {"t": str(start)}
        ElementTree.SubElement(timeline, "S", timed | {"d": str(duration)} | ({"r": str(repeats)} if repeats else {}))
    return made


def _runs(fragments: Sequence[Fragment]) -> list[tuple[int | None, int, int]]:
    """Start (None: where the last one ended), duration, and how often it is repeated; priming before 0 is left out."""
    runs: list[tuple[int | None, int, int]] = []
    ended: int | None = None
    for each in fragments:
        start = max(0, each.start)
        duration = each.start + each.duration - start
        if start == ended and runs and runs[-1][1] == duration:
            runs[-1] = (runs[-1][0], duration, runs[-1][2] + 1)
        else:
            runs.append((None if start == ended else start, duration, 0))
        ended = start + duration
    return runs


def _duration(duration_s: float) -> str:
    return f"PT{duration_s:.3f}S"
