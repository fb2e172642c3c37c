"""The sound: which of a source's tracks are heard, and how they are encoded."""

from __future__ import annotations

from collections.abc import Sequence

import ffmpeg

from tasks.media.ladder import AudioRung
from tasks.media.source import AudioStream


def mixed(clip: ffmpeg.nodes.FilterableStream, audio: Sequence[AudioStream]) -> list[ffmpeg.nodes.FilterableStream]:
    """The streams to encode: the first track, or none."""
    return [clip[str(audio[0].index)]] if audio else []


def sound_options(rung: AudioRung) -> dict[str, object]:
    """How the sound is encoded: AAC-LC, stereo."""
    return {
        "c:a": "aac",
        "b:a": rung.bitrate_bps,
        "ar": rung.sample_rate,
        "ac": 2,
        # Gaps and drifts of the source's time stamps become silence or are stretched: lips stay in step.
        "filter:a": "aresample=async=1:first_pts=0",
    }
