"""How long an upload lasts, where its container doesn't tell, can't know, or tells by a clock that may start anew.

Measured from its packets, which ffprobe reads without decoding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from tasks.media import probed, timing
from tasks.media.source_input import RESTARTING_CLOCKS
from tasks.media.transport import restarts

_PACE_OF_S: Final = 5
# Tracks begin and end by so much apart, and lose packets on their way.
_SAME_S: Final = 1.0


class ReadsPackets(Protocol):
    """Reads these entries of each packet of a stream (None: of all), from the first seconds or the whole file."""

    def __call__(self, stream: str | None, *, entries: str, first_s: int | None = None) -> list[list[str]]:
        """One list of texts for each packet, in the file's order; none where reading them took too long."""


def correct(answer: dict[str, object], packets: ReadsPackets) -> None:
    """Put the measured duration into ffprobe's answer, if the container states none or a doubtful one.

    The streams' own durations, told by the same clock, are then taken out.

    Raises:
        Whatever ``packets`` raises.
    """
    form = answer.get("format")
    if not isinstance(form, dict):
        return
    streams = probed.items(answer.get("streams"))
    length_s = _measured_s(form, streams, packets)
    if length_s is not None:
        form["duration"] = f"{length_s:.6f}"
        for each in streams:
            _forget_length(each)


def seconds(text: str) -> float | None:
    """A time as ffprobe prints it; None for ``N/A`` and anything else."""
    try:
        return float(text)
    except ValueError:
        return None


def _measured_s(
    form: Mapping[str, object], streams: Sequence[Mapping[str, object]], packets: ReadsPackets
) -> float | None:
    """The file's length in seconds; None if what its container states is good."""
    if not timing.is_length_told(form):
        # Matroska and WebM that were sent live don't tell; by the times of two pictures they may yet be days long.
        # The picture's span; "V" passes over attached stills. Without one, the sound's.
        spans = (_span_s(track, packets) for track in ("V:0", "a:0"))
        return next((each for each in spans if each is not None), None)
    if str(form.get("format_name")) not in RESTARTING_CLOCKS:
        return None
    told_s = probed.number(form, "duration") or 0.0
    begun = packets(None, entries="dts_time,size", first_s=_PACE_OF_S)
    if not restarts.is_doubtful(_pairs(begun), probed.number(form, "size") or 0, told_s):
        return None
    # Captions may be silent for longer than any clock stands still.
    tracks: dict[str, list[list[str]]] = {
        str(each.get("index")): [] for each in streams if each.get("codec_type") in ("audio", "video")
    }
    for index, *times in packets(None, entries="stream_index,dts_time,duration_time"):
        tracks.get(index, []).append(times)
    length_s = restarts.played_s([_pairs(each) for each in tracks.values()])
    return length_s if length_s and abs(length_s - told_s) >= _SAME_S else None


def _span_s(stream: str, packets: ReadsPackets) -> float | None:
    """The time, in seconds, between the stream's first and last packets; None where they have no times.

    A stream without a container has none; its packets have at least lengths, by the rate that it claims.
    """
    fields = packets(stream, entries="pts_time,duration_time")
    times = [time_s for field in fields if (time_s := seconds(field[0])) is not None]
    if times:
        return max(times) - min(times)
    lengths = [length_s for field in fields if len(field) > 1 and (length_s := seconds(field[1])) is not None]
    return sum(lengths) if lengths else None


def _forget_length(stream: object) -> None:
    if isinstance(stream, dict):
        stream.pop("duration", None)
        if isinstance(tags := stream.get("tags"), dict):
            tags.pop("DURATION", None)


def _pairs(fields: list[list[str]]) -> list[tuple[float, float]]:
    """The first two entries of each packet that has both."""
    pairs = ((seconds(field[0]), seconds(field[1])) for field in fields if len(field) > 1)
    return [(one, two) for one, two in pairs if one is not None and two is not None]
