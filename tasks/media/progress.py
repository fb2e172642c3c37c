"""Reading ffmpeg's ``-progress`` report: lines ``key=value``; ``progress=continue`` or ``=end`` closes each report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far ffmpeg has come: seconds of its longest stream, pictures of its first rendition, and speed (media seconds
    per second, None at the start).

    At the end it may be known how many pictures were ``damaged``, before any that were damaged by theirs.
    """

    time_s: float = 0.0
    frames: int = 0
    speed: float | None = None
    ended: bool = False
    damaged: int = 0


class ProgressReader:
    """Gathers the lines of one run; `feed` returns a `Progress` whenever a report is complete."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self.latest = Progress()

    def feed(self, line: str) -> Progress | None:
        """Take one line. Values that are not numbers (``N/A`` at the start) leave the former ones unchanged."""
        key, _, value = line.strip().partition("=")
        if key != "progress":
            self._values[key] = value.strip()
            return None
        # out_time_us, since out_time_ms holds microseconds as well.
        time_us = _number(self._values.get("out_time_us", ""))
        frames = _number(self._values.get("frame", ""))
        speed = _number(self._values.get("speed", "").removesuffix("x"))
        self.latest = Progress(
            time_s=max(self.latest.time_s, time_us / 1e6) if time_us is not None else self.latest.time_s,
            frames=max(self.latest.frames, int(frames)) if frames is not None else self.latest.frames,
            speed=speed if speed is not None else self.latest.speed,
            ended=value == "end",
        )
        return self.latest


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
