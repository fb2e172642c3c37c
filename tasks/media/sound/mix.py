"""The mix: how a programme's tracks become stereo, in step with each other, and surround with its dialogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import ffmpeg

from tasks.media.ladder import AudioRung
from tasks.media.sound.channels import LEFT, RIGHT, SURROUND, channels_of, is_surround
from tasks.media.sound.programmes import Programme
from tasks.media.source import AudioStream

# What may be seen between lips and voices at most. Clocks of milliseconds, and codecs' blocks, jitter by less.
_OUT_OF_STEP_S: Final = 0.02
_SURROUNDS: Final = slice(1, 5)


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
    channels = channels_of(track.layout)
    if track.channels > 2 and not is_surround(channels):
        return "stereo|c0<c0|c1<c1"
    every = {name: name for name in (*LEFT, *RIGHT, "FC", "BC")}
    return f"stereo|FL<{_side(channels, LEFT, every)}|FR<{_side(channels, RIGHT, every)}"


def _stereo(stream: ffmpeg.nodes.FilterableStream, track: AudioStream) -> ffmpeg.nodes.FilterableStream:
    if track.may_change:
        # It comes as `steady` leaves it.
        return stream.filter("aformat", channel_layouts="stereo")
    if track.channels == 1:
        return stream.filter("pan", "stereo|c0<c0|c1<c0")
    if track.channels == 2:
        return stream.filter("aformat", channel_layouts="stereo")
    channels = channels_of(track.layout)
    if not is_surround(channels):
        return stream.filter("pan", "stereo|c0<c0|c1<c1")
    return _downmixed(stream, channels, by_name=track.layout in SURROUND)


def _joined(
    streams: Sequence[ffmpeg.nodes.FilterableStream], tracks: Sequence[AudioStream]
) -> tuple[ffmpeg.nodes.FilterableStream, list[str]]:
    """Several tracks as one stream, and the channels that it holds, in order."""
    held = [channels_of(track.layout) for track in tracks]
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
    sides = [_side(channels, own, heard) for own in (LEFT, RIGHT)]
    return stream.filter("pan", f"stereo|FL<{sides[0]}|FR<{sides[1]}")


def _side(channels: Sequence[str], own: Sequence[str], heard: Mapping[str, str]) -> str:
    """One side of the downmix of ITU-R BS.775-3, annex 4: front + 0.7071 centre + 0.7071 surround, without LFE.

    A single rear channel feeds both sides, and of several pairs of surrounds, those above included, each is lower
    again: together they have the same power. ``heard`` says how each channel is called.
    """
    pairs = sum(channel in channels for channel in own[_SURROUNDS])
    surround = 0.7071 / max(1, pairs) ** 0.5
    weights = {own[0]: 1.0, "FC": 0.7071, **dict.fromkeys(own[_SURROUNDS], surround), own[-1]: 0.7071, "BC": 0.5}
    return "+".join(f"{weight:.4g}*{heard[channel]}" for channel, weight in weights.items() if channel in heard)
