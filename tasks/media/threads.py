"""Threads: how many each part of an encode gets, and a poster's look beside it, by the cores that it may use.

Left to itself ffmpeg starts one and a half threads a core for every encoder, and a thread a core for decoder and
filters. With several rungs at once that keeps the cores no busier, and each thread holds frames: on two cores a ladder
of four rungs took a quarter more memory.
"""

from __future__ import annotations

from typing import Final

from tasks.records.base import Value

# Frame threads delay the decoder by a frame each, and beyond this no source that newsrooms have gains by more.
_MOST_OF_A_DECODER: Final = 8
# x264 loses quality to more, its own limit for 1080 lines.
_MOST_OF_AN_ENCODER: Final = 16
# Up to here a look is over in half a second on one thread.
SMALL_PIXELS: Final = 1920 * 1088


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


def threads_for(cores: int) -> Threads:
    """Threads for an encode of a ladder on that many cores."""
    return Threads(
        decoder=min(max(2, cores), _MOST_OF_A_DECODER),
        # The graph runs beside decoder and encoders anyway; on few cores splitting its work only costs.
        filters=max(1, cores // 2),
        encoder=min(max(2, cores), _MOST_OF_AN_ENCODER),
    )
