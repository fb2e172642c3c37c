"""Audio-only clips: their ladder of bit rates, the run that makes it, and the HLS playlist.

One programme's renditions differ in their bit rate alone; several programmes, one for each language, are the renditions
of an audio group for each bit rate (RFC 8216, 4.3.4.1.1; Apple's authoring specification, chapter 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import ffmpeg

from tasks.media.encode import HEAD, HLS, MEDIA_PLAYLIST, OUTPUT, PLAYLISTS, Run, hls_options, in_step
from tasks.media.ladder import Ladder
from tasks.media.language import language_name
from tasks.media.package import AAC_LC, Track
from tasks.media.sound.mix import mixed
from tasks.media.sound.programmes import Programme
from tasks.media.source import SoundSource
from tasks.media.source_input import SOURCE_FILE, input_options
from tasks.media.steady import steady
from tasks.records.base import Value

M4A: Final = "mp4/audio.m4a"
"""Where the progressive file stands below the version prefix."""
_OVERHEAD_PERCENT: Final = 125


class SoundRendition(Value):
    """One programme at one bit rate; ``track`` is its folder below ``hls/`` and holds the programme's own name."""

    programme: Programme
    bitrate_bps: int

    @property
    def track(self) -> Programme:
        """The programme under the rendition's name, as `Run` and packaging want it."""
        return self.programme.evolve(name=f"{self.programme.name}-{self.bitrate_bps // 1000}k")

    @property
    def group(self) -> str:
        """The audio group of its bit rate."""
        return f"sound-{self.bitrate_bps // 1000}k"


def plan_renditions(programmes: Sequence[Programme], ladder: Ladder) -> tuple[SoundRendition, ...]:
    """Every programme at every bit rate of the ladder: the default programme first, and its highest rate."""
    rates = sorted(ladder.sound_only.bitrates_bps, reverse=True)
    return tuple(SoundRendition(programme=programme, bitrate_bps=rate) for programme in programmes for rate in rates)


def plan_encode(source: SoundSource, ladder: Ladder, renditions: Sequence[SoundRendition], *, max_pixels: int) -> Run:
    """All renditions in one run: each programme is decoded and mixed once."""
    clip = ffmpeg.input(SOURCE_FILE, **input_options(max_pixels=max_pixels))
    programmes = list(dict.fromkeys(each.programme for each in renditions))
    mixes = {
        each: mixed(clip, each, ladder.audio).filter_multi_output("asplit", _rates(renditions, each))
        for each in programmes
    }
    used_up = dict.fromkeys(programmes, 0)
    streams: list[ffmpeg.nodes.FilterableStream] = []
    options: dict[str, object] = {"c:a": "aac"}
    for number, each in enumerate(renditions):
        streams.append(mixes[each.programme][used_up[each.programme]])
        used_up[each.programme] += 1
        options[f"b:a:{number}"] = each.bitrate_bps
    tracks = tuple(each.track for each in renditions)
    options |= hls_options([f"a:{number},name:{track.name}" for number, track in enumerate(tracks)], ladder)
    output = ffmpeg.output(*streams, PLAYLISTS, **options)
    used = {track.index for programme in programmes for track in programme.tracks}
    arguments = steady(output.get_args(), programmes, ladder.audio)
    return Run(arguments=(*HEAD, *arguments, *in_step(source, used)), sound=tracks)


def plan_m4a(rendition: SoundRendition) -> tuple[str, ...]:
    """Arguments of a run that copies a rendition into one progressive file, index first; nothing is encoded."""
    sound = ffmpeg.input(f"{OUTPUT}/{HLS}/{rendition.track.name}/{MEDIA_PLAYLIST}")["a"]
    output = sound.output(f"{OUTPUT}/{M4A}", c="copy", movflags="+faststart", f="ipod", copyts=None)
    return ("-nostdin", "-hide_banner", "-loglevel", "warning", *output.get_args())


def multivariant_playlist(made: Sequence[tuple[SoundRendition, Track]]) -> str:
    """The playlist that names all renditions; players start with the first variant, the highest rate."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    programmes = list(dict.fromkeys(each.programme for each, _ in made))
    is_grouped = len(programmes) > 1
    if is_grouped:
        lines += [_rendition(each, is_default=each.programme == programmes[0]) for each, _ in made]
    for each, track in made:
        if each.programme != programmes[0]:
            continue
        # A variant of a group is as fast as the fastest of its renditions.
        group = [other for rendition, other in made if rendition.group == each.group]
        peak_bps, average_bps = max(one.peak_bps for one in group), max(one.average_bps for one in group)
        attributes = f'BANDWIDTH={peak_bps},AVERAGE-BANDWIDTH={average_bps},CODECS="{track.codecs}"'
        lines.append(f"#EXT-X-STREAM-INF:{attributes}" + (f',AUDIO="{each.group}"' if is_grouped else ""))
        lines.append(f"{each.track.name}/{MEDIA_PLAYLIST}")
    return "\n".join(lines) + "\n"


def growing_playlist(renditions: Sequence[SoundRendition]) -> str:
    """The playlist of a clip that is still being encoded; the rates are the ladder's, with what containers add.

    Players are told to start at the beginning.
    """
    tracks = [
        Track(
            peak_bps=each.bitrate_bps * _OVERHEAD_PERCENT // 100,
            average_bps=each.bitrate_bps * _OVERHEAD_PERCENT // 100,
            codecs=AAC_LC,
        )
        for each in renditions
    ]
    head, rest = multivariant_playlist(list(zip(renditions, tracks, strict=True))).split("\n", 1)
    return f"{head}\n#EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n{rest}"


def _rates(renditions: Sequence[SoundRendition], programme: Programme) -> int:
    return sum(each.programme == programme for each in renditions)


def _rendition(each: SoundRendition, *, is_default: bool) -> str:
    language, default = each.programme.language, "YES" if is_default else "NO"
    return (
        f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{each.group}",NAME="{language_name(language)}",'
        + (f'LANGUAGE="{language}",' if language else "")
        + f'DEFAULT={default},AUTOSELECT=YES,CHANNELS="2",URI="{each.track.name}/{MEDIA_PLAYLIST}"'
    )
