"""How long an editor waits: to the poster, to the first second that plays, to all of it, over the clip's length."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from bench import material
from bench.job import encoded_ladder
from bench.material import Clip
from bench.pipeline import newsroom
from bench.programs import FFMPEG, run_quietly
from bench.report import Figure, figure
from tasks.records.clip_record import ClipState

SECTION: Final = "Waiting times"
# Seconds to the first playable: by copy of the source's own streams, smallest rung first, all rungs at once.
_PLAYABLE_BARS: Final = {
    "news": 2.0,
    "news, in MPEG-TS": 2.0,
    "news, no copy": 10.0,
    "news, 1080i in MXF": 10.0,
    "news-fast, no copy": 4.0,
}
# Not growing with the clip: what a store takes to copy a larger file is all that may be added.
_GROWTH_S: Final = 1.0


def measure(cache: Path, scratch: Path, *, quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """All figures of this section; of five minutes the shipped news ladder is seen to the end."""
    news, fast = str(encoded_ladder(scratch)), str(encoded_ladder(scratch, "news-fast"))
    ways: dict[str, tuple[str, Callable[[int], Clip]]] = {
        "news": ("news", partial(material.clip, cache, "progressive")),
        "news, in MPEG-TS": ("news", partial(_stream, cache)),
        "news, no copy": (news, partial(material.clip, cache, "progressive")),
        "news, 1080i in MXF": (news, partial(material.clip, cache, "interlaced")),
        "news-fast, no copy": (fast, partial(material.clip, cache, "progressive")),
    }
    lengths_s = [material.PART_S, material.MINUTE_S] + [material.LONG_S] * (not quick)
    figures = []
    for name, (ladder, clip_of) in ways.items():
        clips = [clip_of(length_s) for length_s in lengths_s]
        poster_s, playable_s = [], []
        with ExitStack() as open_now:
            room = open_now.enter_context(newsroom(ladder))
            for clip in clips:
                is_whole = clip.duration_s == material.PART_S or (name == "news" and not quick)
                until = ClipState.READY if is_whole else ClipState.PLAYABLE
                say(f"{name}, {clip.duration_s:g} s, until {until}")
                made = room.make(clip.path, until=until, look_closely=True)
                what = f"{name}, {clip.duration_s:g} s"
                bar = _PLAYABLE_BARS[name]
                figures.append(figure(SECTION, what, "upload to poster, s", [made.poster_s]))
                figures.append(figure(SECTION, what, "upload to first playable, s", [made.playable_s], bar=bar))
                if is_whole:
                    figures.append(figure(SECTION, what, "upload to ready, s", [made.cost.wall_s]))
                poster_s.append(made.poster_s)
                playable_s.append(made.playable_s)
                if not is_whole and clip is not clips[-1]:
                    # The rest of its encode would stand in the next clip's way.
                    open_now.close()
                    room = open_now.enter_context(newsroom(ladder))
        for step, times in (("poster", poster_s), ("first playable", playable_s)):
            grown = [times[-1] - times[0]]
            what = f"{name}, {lengths_s[-1]} s − {lengths_s[0]} s"
            figures.append(figure(SECTION, what, f"upload to {step}, s longer", grown, bar=_GROWTH_S))
    return figures


def _stream(cache: Path, duration_s: int) -> Clip:
    """The progressive clip as a transport stream, packet for packet."""
    clip = material.clip(cache, "progressive", duration_s)
    target = clip.path.with_suffix(".ts")
    if not target.is_file():
        unfinished = target.with_suffix(".part")
        run_quietly([FFMPEG, "-y", "-i", clip.path, "-map", "0", "-c", "copy", "-f", "mpegts", unfinished])
        unfinished.replace(target)
    return replace(clip, path=target)
