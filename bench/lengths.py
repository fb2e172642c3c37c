"""How long an editor waits: to the poster, to the first second that plays, to all of it, over the clip's length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from bench import material
from bench.job import encoded_ladder
from bench.material import Clip
from bench.pipeline import Made, newsroom
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
_TURNS: Final = 3


def measure(cache: Path, scratch: Path, *, quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """All figures of this section."""
    news, fast = str(encoded_ladder(scratch)), str(encoded_ladder(scratch, "news-fast"))
    ways: dict[str, tuple[str, Callable[[int], Clip]]] = {
        "news": ("news", partial(material.clip, cache, "progressive")),
        "news, in MPEG-TS": ("news", partial(_stream, cache)),
        "news, no copy": (news, partial(material.clip, cache, "progressive")),
        "news, 1080i in MXF": (news, partial(material.clip, cache, "interlaced")),
        "news-fast, no copy": (fast, partial(material.clip, cache, "progressive")),
    }
    lengths_s = [material.PART_S, material.MINUTE_S] + [material.LONG_S] * (not quick)
    turns = 1 if quick else _TURNS
    figures = []
    for name, (ladder, clip_of) in ways.items():
        clips = [clip_of(length_s) for length_s in lengths_s]
        made = _take_turns(name, ladder, clips, turns=turns, say=say)
        bar = _PLAYABLE_BARS[name]
        for clip, runs in zip(clips, made, strict=True):
            what = f"{name}, {clip.duration_s:g} s"
            figures.append(figure(SECTION, what, "upload to poster, s", [run.poster_s for run in runs]))
            playable_s = [run.playable_s for run in runs]
            figures.append(figure(SECTION, what, "upload to first playable, s", playable_s, bar=bar))
            if ready_s := [run.cost.wall_s for run in runs if run.record.state is ClipState.READY]:
                figures.append(figure(SECTION, what, "upload to ready, s", ready_s))
        what = f"{name}, {lengths_s[-1]} s − {lengths_s[0]} s"
        pairs = list(zip(made[0], made[-1], strict=True))
        for step, grown in (
            ("poster", [long.poster_s - short.poster_s for short, long in pairs]),
            ("first playable", [long.playable_s - short.playable_s for short, long in pairs]),
        ):
            figures.append(figure(SECTION, what, f"upload to {step}, s longer", grown, bar=_GROWTH_S))
    return figures


def _take_turns(
    name: str, ladder: str, clips: Sequence[Clip], *, turns: int, say: Callable[[str], None]
) -> list[list[Made]]:
    """The runs of each clip, by turns; the first of a short clip, and of the ladder as it ships, goes to the end."""
    made: list[list[Made]] = [[] for _ in clips]
    for turn in range(turns):
        for clip, runs in zip(clips, made, strict=True):
            is_whole = turn == 0 and (name == "news" or clip is clips[0])
            until = ClipState.READY if is_whole else ClipState.PLAYABLE
            say(f"{name}, {clip.duration_s:g} s, turn {turn + 1} of {turns}: until {until}")
            # The rest of an encode would stand in the next clip's way, so each has a newsroom of its own.
            with newsroom(ladder) as room:
                runs.append(room.make(clip.path, until=until, look_closely=True))
    return made


def _stream(cache: Path, duration_s: int) -> Clip:
    """The progressive clip as a transport stream, packet for packet."""
    clip = material.clip(cache, "progressive", duration_s)
    target = clip.path.with_suffix(".ts")
    if not target.is_file():
        unfinished = target.with_suffix(".part")
        run_quietly([FFMPEG, "-y", "-i", clip.path, "-map", "0", "-c", "copy", "-f", "mpegts", unfinished])
        unfinished.replace(target)
    return replace(clip, path=target)
