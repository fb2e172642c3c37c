"""Packaging: reading ffmpeg's media playlists and writing the HLS multivariant playlist (RFC 8216, section 4)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from tasks.media.captions.selection import Caption
from tasks.media.ladder import PlannedRung
from tasks.media.language import language_name
from tasks.media.mp4.boxes import read_header
from tasks.media.mp4.codecs import codec_string
from tasks.media.sound.programmes import MAIN, Programme
from tasks.records.base import Value

MULTIVARIANT: Final = "main.m3u8"
AAC_LC: Final = "mp4a.40.2"
_GROUP: Final = "sound"
_CAPTIONS: Final = "captions"
# What Apple's players look for in captions that are made for people who can't hear.
_FOR_THE_DEAF: Final = "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"
# VBV lets a segment exceed its cap for a moment, and containers add a little.
_OVERHEAD_PERCENT: Final = 110
# Of the bits of the next taller rung.
_SAVES: Final = 0.83
_SOUND_BPS: Final = 224_000

CONTENT_TYPES: Final[Mapping[str, str]] = {
    "m3u8": "application/vnd.apple.mpegurl",
    "mpd": "application/dash+xml",
    "m4s": "video/iso.segment",
    "mp4": "video/mp4",
    "m4a": "audio/mp4",
    "vtt": "text/vtt; charset=utf-8",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "avif": "image/avif",
}


class MediaPlaylist(Value):
    """One rendition's list: the initialization section, then each segment's file and duration in seconds."""

    init: str
    segments: tuple[tuple[str, float], ...]
    is_complete: bool

    @property
    def duration_s(self) -> float:
        """All segments together."""
        return math.fsum(duration_s for _, duration_s in self.segments)

    @property
    def begins_s(self) -> tuple[float, ...]:
        """When each segment begins."""
        return tuple(accumulate((duration_s for _, duration_s in self.segments[:-1]), initial=0.0))[
            : len(self.segments)
        ]


class Track(Value):
    """A finished rendition: peak and average bit rate over its segments (RFC 8216, 4.3.4.2), and its codec string."""

    peak_bps: int
    average_bps: int
    codecs: str


def read_media_playlist(text: str) -> MediaPlaylist:
    """Read a media playlist as ffmpeg writes it. Lines that are not about segments are ignored."""
    init, segments, duration_s = "", [], 0.0
    for line in text.splitlines():
        if line.startswith("#EXT-X-MAP:"):
            found = re.search(r'URI="([^"]*)"', line)
            init = found.group(1) if found else ""
        elif line.startswith("#EXTINF:"):
            duration_s = float(line.removeprefix("#EXTINF:").partition(",")[0])
        elif line and not line.startswith("#"):
            segments.append((line, duration_s))
    return MediaPlaylist(init=init, segments=tuple(segments), is_complete=has_end(text))


def beginning(text: str, segments: int) -> str:
    """The media playlist as it was when it had so many segments, or as it is if it has no more."""
    lines = text.splitlines(keepends=True)
    ends = [number for number, line in enumerate(lines, start=1) if line.strip() and not line.startswith("#")]
    return text if len(ends) <= segments else "".join(lines[: ends[segments - 1]])


def has_end(text: str) -> bool:
    """Whether nothing will be added to the media playlist."""
    return "#EXT-X-ENDLIST" in text


def ended(text: str) -> str:
    """The media playlist, ended if it was not."""
    return text if has_end(text) else f"{text.rstrip()}\n#EXT-X-ENDLIST\n"


def measure_track(playlist: MediaPlaylist, sizes_bytes: Sequence[int], codecs: str) -> Track:
    """Bit rates of a rendition; ``sizes_bytes`` are those of the segments, in order."""
    rates = [
        size * 8 / duration_s
        for size, (_, duration_s) in zip(sizes_bytes, playlist.segments, strict=True)
        # A last segment of a frame or two says nothing about the rate that a player must sustain.
        if duration_s >= min(1.0, playlist.duration_s)
    ]
    average = sum(sizes_bytes) * 8 / playlist.duration_s if playlist.duration_s else 0
    return Track(peak_bps=math.ceil(max([*rates, average])), average_bps=math.ceil(average), codecs=codecs)


def multivariant_playlist(
    variants: Sequence[tuple[PlannedRung, Track]],
    sound: Track | None,
    programmes: Sequence[Programme] = (),
    *,
    iframes: Sequence[tuple[PlannedRung, Track]] = (),
    captions: Sequence[Caption] = (),
    captions_bps: int = 0,
) -> str:
    """The playlist that names all renditions. Players start with the first variant, so a middle one stands first.

    ``programmes`` are the audio renditions, the default one first; ``sound`` has the highest rates among them.
    ``iframes`` are the I-frame playlists, each ``iframes.m3u8`` beside its rendition's own. ``captions_bps`` is the
    highest rate among the ``captions``.
    """
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if sound:
        lines += _audio_group([(each.name, each.language) for each in programmes] or [(MAIN, None)])
    lines += _captions_group(captions)
    start = next(
        (
            number
            for number, (rung, _) in enumerate(variants)
            if min(rung.width, rung.height) <= 720 and rung.codec == "h264"
        ),
        0,
    )
    for rung, track in [variants[start], *variants[:start], *variants[start + 1 :]]:
        peak = track.peak_bps + (sound.peak_bps if sound else 0) + captions_bps
        average = track.average_bps + (sound.average_bps if sound else 0) + captions_bps
        codecs = f"{track.codecs},{sound.codecs}" if sound else track.codecs
        attributes = (
            f"BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},RESOLUTION={rung.width}x{rung.height},"
            f'FRAME-RATE={float(rung.frame_rate):.3f},CODECS="{codecs}"'
        )
        groups = (f',AUDIO="{_GROUP}"' if sound else "") + (f',SUBTITLES="{_CAPTIONS}"' if captions else "")
        # Apple's authoring specification, 4.5: said in so many words, or players offer captions that are not there.
        lines.append(f"#EXT-X-STREAM-INF:{attributes}{groups},CLOSED-CAPTIONS=NONE")
        lines.append(f"{rung.name}/index.m3u8")
    lines += [
        f"#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={track.peak_bps},AVERAGE-BANDWIDTH={track.average_bps},"
        f'RESOLUTION={rung.width}x{rung.height},CODECS="{track.codecs}",URI="{rung.name}/iframes.m3u8"'
        for rung, track in iframes
    ]
    return "\n".join(lines) + "\n"


def _audio_group(renditions: Sequence[tuple[str, str | None]]) -> list[str]:
    # RFC 8216, 4.3.4.1: one DEFAULT in a group, names unique in it, LANGUAGE only where it is known.
    return [
        f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{_GROUP}",NAME="{language_name(language)}",'
        + (f'LANGUAGE="{language}",' if language else "")
        + f'DEFAULT={"NO" if number else "YES"},AUTOSELECT=YES,CHANNELS="2",URI="{name}/index.m3u8"'
        for number, (name, language) in enumerate(renditions)
    ]


def _captions_group(captions: Sequence[Caption]) -> list[str]:
    return [
        f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="{_CAPTIONS}",NAME="{each.label}",'
        + (f'LANGUAGE="{each.language}",' if each.language else "")
        + f"DEFAULT={'YES' if each.is_default else 'NO'},AUTOSELECT=YES,FORCED={'YES' if each.is_forced else 'NO'},"
        + (f'CHARACTERISTICS="{_FOR_THE_DEAF}",' if each.kind == "captions" else "")
        + f'URI="{each.name}/index.m3u8"'
        for each in captions
    ]


def worth_listing(variants: Sequence[tuple[PlannedRung, Track]]) -> tuple[PlannedRung, ...]:
    """The rungs to list, of those made: one that hardly saves bits beside the next taller of its codec is left out.

    A line too slow for the taller one gains less than a fifth by it. The tallest and the smallest always stay.
    """
    kept: list[tuple[PlannedRung, Track]] = []
    for codec in dict.fromkeys(rung.codec for rung, _ in variants):
        same = [each for each in variants if each[0].codec == codec]
        taller: Track | None = None
        for number, (rung, track) in enumerate(same):
            is_last = number + 1 == len(same)
            if taller is None or is_last or track.average_bps <= taller.average_bps * _SAVES:
                kept.append((rung, track))
                taller = track
    return tuple(rung for rung, _ in variants if any(rung == each for each, _ in kept))


def growing_playlist(rungs: Sequence[PlannedRung], programmes: Sequence[Programme], inits: Mapping[str, bytes]) -> str:
    """The multivariant playlist of a clip that is still being encoded; ``inits`` are its initialization sections.

    The rates are the ladder's caps, since the true ones are not known yet; players are told to start at the beginning.
    """
    variants = [
        (
            rung,
            Track(
                peak_bps=rung.max_bitrate_bps * _OVERHEAD_PERCENT // 100,
                average_bps=rung.max_bitrate_bps,
                codecs=codec_string(read_header(inits[rung.name])),
            ),
        )
        for rung in rungs
    ]
    sound = Track(peak_bps=_SOUND_BPS, average_bps=_SOUND_BPS, codecs=AAC_LC) if programmes else None
    head, rest = multivariant_playlist(variants, sound, programmes).split("\n", 1)
    return f"{head}\n#EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n{rest}"


def content_type(path: str) -> str:
    """The media type a file is served as, by its extension."""
    return CONTENT_TYPES[path.rsplit(".", 1)[-1]]
