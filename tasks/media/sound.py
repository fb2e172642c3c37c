"""The sound: which of a source's tracks form a programme, and how each programme becomes stereo.

A programme is what a listener hears at once: a stereo track, two mono tracks as a broadcaster lays them out (1+2, 3+4,
…), or surround brought down to two channels, in one track or in several that say which channels they hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import ffmpeg

from tasks.media.ladder import AudioRung
from tasks.media.language import language_tag
from tasks.media.source import AudioStream, Recording
from tasks.records.base import Value

MAIN: Final = "audio"
_MOST: Final = 16
# What may be seen between lips and voices at most. Clocks of milliseconds, and codecs' blocks, jitter by less.
_OUT_OF_STEP_S: Final = 0.02

_LEFT: Final = ("FL", "BL", "SL", "TFL", "TBL", "FLC")
_RIGHT: Final = ("FR", "BR", "SR", "TFR", "TBR", "FRC")
_SURROUNDS: Final = slice(1, 5)
# Channel layouts, by ffmpeg's names, that say what each channel holds. All others are taken as discrete channels, of
# which broadcasters keep the first two for the main stereo programme; so are those that ffmpeg itself writes for 8 and
# 16 channels of which nobody knows what they hold.
_SURROUND: Final[dict[str, str]] = {
    "2.1": "FL FR LFE",
    "3.0": "FL FR FC",
    "3.1": "FL FR FC LFE",
    "4.0": "FL FR FC BC",
    "4.1": "FL FR FC LFE BC",
    "quad": "FL FR BL BR",
    "quad(side)": "FL FR SL SR",
    "5.0": "FL FR FC BL BR",
    "5.0(side)": "FL FR FC SL SR",
    "5.1": "FL FR FC LFE BL BR",
    "5.1(side)": "FL FR FC LFE SL SR",
    "6.1": "FL FR FC LFE BC SL SR",
    "7.0": "FL FR FC BL BR SL SR",
    "7.1": "FL FR FC LFE BL BR SL SR",
    "3.0(back)": "FL FR BC",
    "6.0": "FL FR FC BC SL SR",
    "6.0(front)": "FL FR FLC FRC SL SR",
    "hexagonal": "FL FR FC BL BR BC",
    "6.1(back)": "FL FR FC LFE BL BR BC",
    "6.1(front)": "FL FR LFE FLC FRC SL SR",
    "7.0(front)": "FL FR FC FLC FRC SL SR",
    "7.1(wide)": "FL FR FC LFE BL BR FLC FRC",
    "7.1(wide-side)": "FL FR FC LFE FLC FRC SL SR",
    "3.1.2": "FL FR FC LFE TFL TFR",
    "5.1.2": "FL FR FC LFE SL SR TFL TFR",
    "5.1.2(back)": "FL FR FC LFE BL BR TFL TFR",
    "5.1.4": "FL FR FC LFE SL SR TFL TFR TBL TBR",
    "7.1.2": "FL FR FC LFE BL BR SL SR TFL TFR",
    "7.1.4": "FL FR FC LFE BL BR SL SR TFL TFR TBL TBR",
    "9.1.4": "FL FR FC LFE BL BR FLC FRC SL SR TFL TFR TBL TBR",
}
_KNOWN: Final = {frozenset(channels.split()) for channels in _SURROUND.values()}
_LAYOUTS: Final = {"mono": "FC", "stereo": "FL FR", **_SURROUND}
# A layout without a name is spelt out: "4 channels (FL+FR+LFE+BC)".
_SPELT_OUT: Final = re.compile(r"\d+ channels \(([A-Z]{2,3}(?:\+[A-Z]{2,3})*)\)")


class Programme(Value):
    """Sound to publish: one track, a pair of mono tracks, or those of one surround sound.

    ``gain_db`` is applied to the mix, once and linearly.

    ``name`` is its folder below ``hls/``; the main programme is `MAIN`.
    """

    name: str = MAIN
    tracks: tuple[AudioStream, ...]
    gain_db: float = 0.0

    @property
    def language(self) -> str | None:
        """The tracks' language as an RFC 5646 tag, None where the file names none."""
        return language_tag(self.tracks[0].language)

    @property
    def is_downmixed(self) -> bool:
        """Whether more channels were recorded than are published."""
        return sum(track.channels for track in self.tracks) > 2


def candidates(source: Recording) -> tuple[Programme, ...]:
    """All programmes that the tracks can form, in the file's order; commentaries and audio descriptions come last.

    What the file plays by default comes first: QuickTime's tracks may be disabled, Matroska's stand behind others.

    Neighbouring tracks that hold different channels of one surround layout are one sound; so are mono tracks, two by
    two, unless their language tags tell them apart. Of a transport stream with several services, only the tracks of the
    picture's own are taken, if it has any.
    """
    audio = [track for track in source.audio if track.index in source.companions] or source.audio
    found: list[Programme] = []
    waiting: AudioStream | None = None
    together = 0
    for place, track in enumerate(audio):
        if together:
            together -= 1
            continue
        if surround := _surround(audio[place:]):
            if waiting is not None:
                found.append(Programme(tracks=(waiting,)))
                waiting = None
            found.append(Programme(tracks=surround))
            together = len(surround) - 1
            continue
        if waiting is not None and track.channels == 1 and track.language == waiting.language:
            found.append(Programme(tracks=(waiting, track)))
            waiting = None
            continue
        if waiting is not None:
            found.append(Programme(tracks=(waiting,)))
        waiting = track if track.channels == 1 else None
        if waiting is None:
            found.append(Programme(tracks=(track,)))
    if waiting is not None:
        found.append(Programme(tracks=(waiting,)))
    return tuple(sorted(found, key=lambda each: (each.tracks[0].is_aside, not each.tracks[0].is_default)))[:_MOST]


def published(sounding: Sequence[Programme], preferred: Sequence[str]) -> tuple[Programme, ...]:
    """One programme for each language, the default one first: the first language of ``preferred`` that is there."""
    by_language: dict[str | None, Programme] = {}
    for programme in sounding:
        by_language.setdefault(programme.language, programme)
    wishes = [language_tag(language) for language in preferred]
    ordered = sorted(
        by_language.values(),
        key=lambda each: wishes.index(each.language) if each.language in wishes else len(wishes),
    )
    return tuple(
        programme.evolve(name=MAIN if number == 0 else f"{MAIN}-{number + 1}")
        for number, programme in enumerate(ordered)
    )


def mixed(clip: ffmpeg.nodes.FilterableStream, programme: Programme, rung: AudioRung) -> ffmpeg.nodes.FilterableStream:
    """The programme in stereo, at the rung's sample rate, in floating point: nothing clips before the encoder."""
    tracks = [_in_step(clip[str(track.index)], rung) for track in programme.tracks]
    if len(tracks) > 1 and programme.is_downmixed:
        stereo = _downmixed(*_joined(tracks, programme.tracks), by_name=False)
    elif len(tracks) == 2:
        sides = [tracks[0].filter("pan", "stereo|c0<c0"), tracks[1].filter("pan", "stereo|c1<c0")]
        # Each side is silent in the other one's stream, so their sum is exact; the longer track decides the length.
        stereo = ffmpeg.filter(sides, "amix", inputs=2, duration="longest", normalize=0)
    else:
        stereo = _stereo(tracks[0], programme.tracks[0])
    if programme.gain_db:
        stereo = stereo.filter("volume", f"{programme.gain_db:.2f}dB", precision="float")
    return stereo


def _in_step(track: ffmpeg.nodes.FilterableStream, rung: AudioRung) -> ffmpeg.nodes.FilterableStream:
    # Gaps of the source's time stamps become silence, overlaps are cut, and all tracks begin at zero: lips stay in
    # step, and tracks that start at different times can be mixed. Left to itself the filter lets 100 ms pass.
    stream = track.filter("aresample", **{"async": 1, "first_pts": 0, "min_hard_comp": _OUT_OF_STEP_S})
    return stream.filter("aformat", sample_fmts="fltp", sample_rates=rung.sample_rate)


def changing_downmix(track: AudioStream) -> str:
    """The ``pan`` that makes stereo of whatever channels the track has at the time.

    Those that are not there are passed over, so each layout comes out as `mixed` would have it.
    """
    channels = _channels(track.layout)
    if track.channels > 2 and not _is_surround(channels):
        return "stereo|c0<c0|c1<c1"
    every = {name: name for name in (*_LEFT, *_RIGHT, "FC", "BC")}
    return f"stereo|FL<{_side(channels, _LEFT, every)}|FR<{_side(channels, _RIGHT, every)}"


def _surround(tracks: Sequence[AudioStream]) -> tuple[AudioStream, ...]:
    """The first of these tracks with those that follow it and hold the other channels of a surround sound; or none.

    Where a track is mono nobody knows whether it holds the centre. It is taken to do so only in the midst of others
    that say which channel they hold.
    """
    found: tuple[AudioStream, ...] = ()
    held: list[str] = []
    if len(tracks) < 2 or _channels(tracks[0].layout)[:1] != ["FL"] or tracks[0].channels > 2:
        return found
    for count, track in enumerate(tracks, start=1):
        channels = _channels(track.layout)
        if not channels or track.may_change or track.language != tracks[0].language or set(channels) & set(held):
            break
        held += channels
        if count > 1 and set(held) - {"FL", "FR", "FC"} and frozenset(held) in _KNOWN:
            found = tuple(tracks[:count])
    return found


def _stereo(stream: ffmpeg.nodes.FilterableStream, track: AudioStream) -> ffmpeg.nodes.FilterableStream:
    if track.may_change:
        # It comes as `steady` leaves it.
        return stream.filter("aformat", channel_layouts="stereo")
    if track.channels == 1:
        return stream.filter("pan", "stereo|c0<c0|c1<c0")
    if track.channels == 2:
        return stream.filter("aformat", channel_layouts="stereo")
    channels = _channels(track.layout)
    if not _is_surround(channels):
        return stream.filter("pan", "stereo|c0<c0|c1<c1")
    return _downmixed(stream, channels, by_name=track.layout in _SURROUND)


def _joined(
    streams: Sequence[ffmpeg.nodes.FilterableStream], tracks: Sequence[AudioStream]
) -> tuple[ffmpeg.nodes.FilterableStream, list[str]]:
    """Several tracks as one stream, and the channels that it holds, in order."""
    held = [_channels(track.layout) for track in tracks]
    links = [f"{number}.{place}-{name}" for number, names in enumerate(held) for place, name in enumerate(names)]
    channels = [name for names in held for name in names]
    options = {"inputs": len(tracks), "channel_layout": "+".join(channels), "map": "|".join(links)}
    return ffmpeg.filter(streams, "join", **options), channels


def _downmixed(
    stream: ffmpeg.nodes.FilterableStream, channels: Sequence[str], *, by_name: bool
) -> ffmpeg.nodes.FilterableStream:
    # Where the channels stand in another order than ffmpeg's own, its filter takes one for another by their names.
    heard = {name: name if by_name else f"c{place}" for place, name in enumerate(channels)}
    # "<" lets pan scale each side so that its weights add up to 1: no sum of full-scale channels can clip.
    sides = [_side(channels, own, heard) for own in (_LEFT, _RIGHT)]
    return stream.filter("pan", f"stereo|FL<{sides[0]}|FR<{sides[1]}")


def _channels(layout: str) -> list[str]:
    """The channels of a layout, in order; none if they are unknown."""
    spelt = _SPELT_OUT.fullmatch(layout)
    return spelt.group(1).split("+") if spelt else _LAYOUTS.get(layout, "").split()


def _is_surround(channels: Sequence[str]) -> bool:
    return {"FL", "FR"}.issubset(channels) and len(set(channels)) == len(channels)


def _side(channels: Sequence[str], own: Sequence[str], heard: Mapping[str, str]) -> str:
    """One side of the downmix of ITU-R BS.775-3, annex 4: front + 0.7071 centre + 0.7071 surround, without LFE.

    A single rear channel feeds both sides, and of several pairs of surrounds, those above included, each is lower
    again: together they have the same power. ``heard`` says how each channel is called.
    """
    pairs = sum(channel in channels for channel in own[_SURROUNDS])
    surround = 0.7071 / max(1, pairs) ** 0.5
    weights = {own[0]: 1.0, "FC": 0.7071, **dict.fromkeys(own[_SURROUNDS], surround), own[-1]: 0.7071, "BC": 0.5}
    return "+".join(f"{weight:.4g}*{heard[channel]}" for channel, weight in weights.items() if channel in heard)
