"""Packaging: reading ffmpeg's media playlists and writing the HLS multivariant playlist (RFC 8216, section 4)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from tasks.media.boxes import read_header
from tasks.media.codecs import codec_string
from tasks.media.encode import EncodePlan
from tasks.media.ladder import PlannedRung
from tasks.media.language import language_name
from tasks.media.sound import MAIN, Programme
from tasks.records.base import Value

MULTIVARIANT: Final = "main.m3u8"
AAC_LC: Final = "mp4a.40.2"
_GROUP: Final = "sound"
# VBV lets a segment exceed its cap for a moment, and containers add a little.
_OVERHEAD_PERCENT: Final = 110
_SOUND_BPS: Final = 224_000

CONTENT_TYPES: Final[Mapping[str, str]] = {
    "m3u8": "application/vnd.apple.mpegurl",
    "mpd": "application/dash+xml",
    "m4s": "video/iso.segment",
    "mp4": "video/mp4",
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


class Track(Value):
    """A finished rendition: peak and average bit rate over its segments (RFC 8216, 4.3.4.2), and its codec string."""

    peak_bps: int
    average_bps: int
    codecs: str


def read_media_playlist(text: str) -> MediaPlaylist:
    """Read a media playlist as ffmpeg writes it. Lines that tell nothing about segments are passed over."""
    init, segments, duration_s = "", [], 0.0
    for line in text.splitlines():
        if line.startswith("#EXT-X-MAP:"):
            found = re.search(r'URI="([^"]*)"', line)
            init = found.group(1) if found else ""
        elif line.startswith("#EXTINF:"):
            duration_s = float(line.removeprefix("#EXTINF:").partition(",")[0])
        elif line and not line.startswith("#"):
            segments.append((line, duration_s))
    return MediaPlaylist(init=init, segments=tuple(segments), is_complete="#EXT-X-ENDLIST" in text)


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
) -> str:
    """The playlist that names all renditions. Players start with the first variant, so a middle one stands first.

    ``programmes`` are the audio renditions, the default one first; ``sound`` has the highest rates among them.
    ``iframes`` are the I-frame playlists, each ``iframes.m3u8`` beside its rendition's own.
    """
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if sound:
        lines += _audio_group([(each.name, each.language) for each in programmes] or [(MAIN, None)])
    start = next(
        (
            number
            for number, (rung, _) in enumerate(variants)
            if min(rung.width, rung.height) <= 720 and rung.codec == "h264"
        ),
        0,
    )
    for rung, track in [variants[start], *variants[:start], *variants[start + 1 :]]:
        peak = track.peak_bps + (sound.peak_bps if sound else 0)
        average = track.average_bps + (sound.average_bps if sound else 0)
        codecs = f"{track.codecs},{sound.codecs}" if sound else track.codecs
        attributes = (
            f"BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},RESOLUTION={rung.width}x{rung.height},"
            f'FRAME-RATE={float(rung.frame_rate):.3f},CODECS="{codecs}"'
        )
        lines.append(f"#EXT-X-STREAM-INF:{attributes}" + (f',AUDIO="{_GROUP}"' if sound else ""))
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


def growing_playlist(plan: EncodePlan, inits: Mapping[str, bytes]) -> str:
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
        for rung in plan.rungs
    ]
    sound = Track(peak_bps=_SOUND_BPS, average_bps=_SOUND_BPS, codecs=AAC_LC) if plan.has_audio else None
    head, rest = multivariant_playlist(variants, sound, plan.sound).split("\n", 1)
    return f"{head}\n#EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n{rest}"


def content_type(path: str) -> str:
    """The media type a file is served as, by its extension."""
    return CONTENT_TYPES[path.rsplit(".", 1)[-1]]
