"""Threads: how many each part of an encode gets, and a poster's look beside it, by the cores that it may use.

Left to itself ffmpeg starts one and a half threads a core for every encoder, and a thread a core for decoder and
filters. With several rungs at once that keeps the cores no busier, and each thread holds frames: on two cores a ladder
of four rungs took a quarter more memory.
"""

from __future__ import annotations

from typing import Final

from tasks.media.source import VideoStream
from tasks.records.base import Value

# Frame threads delay the decoder by a frame each, and beyond this no source that newsrooms have gains by more.
_MOST_OF_A_DECODER: Final = 8
# x264 loses quality to more, its own limit for 1080 lines.
_MOST_OF_AN_ENCODER: Final = 16
# Up to here a look is over in half a second on one thread.
SMALL_PIXELS: Final = 1920 * 1088
_FEW_CORES: Final = 2
_LIGHT_CODEC: Final = "h264"
# What cameras and studios record has many times the bits, and takes as many times longer.
_LIGHT_BPS: Final = 40_000_000
_LIGHT_FORMATS: Final = frozenset({"yuv420p", "yuvj420p"})
_LIGHT_RATE: Final = 30


class Threads(Value):
    """Threads of the decoder, the whole filter graph, and the tallest rung's encoder; 0 is ffmpeg's own choice."""

    decoder: int = 0
    filters: int = 0
    encoder: int = 0

    @property
    def smaller_encoder(self) -> int:
        """For each other encoder: it has at most half the pixels, and would wait for the tallest one's."""
        return max(1, self.encoder // 2) if self.encoder else 0

    @property
    def of_decoder(self) -> dict[str, object]:
        """The input's option."""
        return {"threads": self.decoder} if self.decoder else {}

    @property
    def of_filters(self) -> tuple[str, ...]:
        """The global option."""
        return ("-filter_complex_threads", str(self.filters)) if self.filters else ()


ALL_THREADS: Final = Threads()


def threads_to_look(pixels: int) -> Threads:
    """Threads for a run that decodes a few frames of that size: up to HD, more than one would only cost more."""
    return Threads(decoder=1, filters=1) if pixels <= SMALL_PIXELS else ALL_THREADS


def sound_pace(cores: int, pixels: int) -> float:
    """Seconds of sound to make in a second, beside a ladder from frames of that size on that many cores.

    It is five times what the ladder makes: all of it at once would cost the first segments of the pictures seconds.
    """
    return 2.0 * cores * max(1.0, SMALL_PIXELS / max(1, pixels))


def threads_for(cores: int, video: VideoStream, bitrate_bps: float) -> Threads:
    """Threads for an encode of a ladder from such pictures, in a file of that bit rate, on that many cores."""
    return Threads(
        # One keeps far ahead of the encoders on few cores, and two cost a sixteenth more, and memory for a frame.
        decoder=1 if cores <= _FEW_CORES and _is_light(video, bitrate_bps) else min(max(2, cores), _MOST_OF_A_DECODER),
        # The graph runs beside decoder and encoders anyway; on few cores splitting its work only costs.
        filters=max(1, cores // 2),
        encoder=min(max(2, cores), _MOST_OF_AN_ENCODER),
    )


def _is_light(video: VideoStream, bitrate_bps: float) -> bool:
    """Whether one thread decodes it in a quarter of the time that two cores take to encode a ladder of it."""
    is_hd = video.pixels <= SMALL_PIXELS and video.frame_rate <= _LIGHT_RATE
    return is_hd and video.codec == _LIGHT_CODEC and video.pixel_format in _LIGHT_FORMATS and bitrate_bps <= _LIGHT_BPS
