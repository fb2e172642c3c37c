"""Coded audio carried as PCM (SMPTE ST 337): Dolby E and the like, which broadcasters put on pairs of channels.

Played as it stands it is a screech at full scale. ffmpeg has no way from PCM in a file to its decoder, so it is found
and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.media.sound.loudness import Measured
from tasks.media.sound.programmes import Programme
from tasks.media.source import AudioStream
from tasks.media.source_input import SOURCE_FILE, input_options

LOOKED_AT_S: Final = 20.0
"""A burst begins with each picture, but a recording may begin with silence."""

# Coded sound is noise at full scale; speech and music are hardly ever as loud.
_LEAST_LUFS: Final = -16.0
# The first two words of a burst, one on each channel, at the top of 32 bits: of bursts of 16, 20 and 24 bits.
_PREAMBLES: Final = tuple(
    (first << 32 - bits, second << 32 - bits)
    for bits, first, second in ((16, 0xF872, 0x4E1F), (20, 0x6F872, 0x54E1F), (24, 0x96F872, 0xA54E1F))
)


def may_be_coded(programme: Programme, measured: Measured) -> bool:
    """Whether it has to be checked: uncompressed sound of two channels or more that is very loud."""
    return measured.integrated_lufs >= _LEAST_LUFS and is_uncompressed_pair(programme)


def is_uncompressed_pair(programme: Programme) -> bool:
    """Whether coded sound could be in it at all."""
    return (
        all(track.codec.startswith("pcm_s") or track.codec == "s302m" for track in programme.tracks)
        and sum(track.channels for track in programme.tracks) >= 2
    )


def plan_look(
    programme: Programme, *, max_pixels: int, first_s: float = LOOKED_AT_S
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Arguments of a run that writes the first seconds of each track as raw samples of 32 bits, and the files."""
    options = [
        word
        for key, value in sorted(input_options(max_pixels=max_pixels).items())
        for word in ((f"-{key}",) if value is None else (f"-{key}", str(value)))
    ]
    files = tuple(f"{programme.name}-{track.index}.raw" for track in programme.tracks)
    arguments = ["-nostdin", "-hide_banner", "-loglevel", "error", "-y", *options]
    arguments += ["-t", f"{first_s:g}", "-i", SOURCE_FILE]
    for track, file in zip(programme.tracks, files, strict=True):
        arguments += ["-map", f"0:{track.index}", "-c:a", "pcm_s32le", "-f", "s32le", file]
    return tuple(arguments), files


def is_coded(tracks: Sequence[AudioStream], samples: Sequence[bytes]) -> bool:
    """Whether a burst begins on the first two channels that these tracks' raw samples have together."""
    channels: list[NDArray[np.uint32]] = []
    for track, raw in zip(tracks, samples, strict=True):
        whole = np.frombuffer(raw[: len(raw) // (4 * track.channels) * 4 * track.channels], "<u4")
        channels += list(whole.reshape(-1, track.channels).T[:2])
    if len(channels) < 2:
        return False
    length = min(len(channel) for channel in channels[:2])
    left, right = (channel[:length] for channel in channels[:2])
    return any(bool(np.any((left == first) & (right == second))) for first, second in _PREAMBLES)
