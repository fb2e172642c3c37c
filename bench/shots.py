"""Single shots of the kinds that a newsroom sends, lossless: what a fixed ladder must serve with one bitrate for all.

Four are of the material: a fast street, a slow one, grass in the wind, a face, all with the grain of a camera in poor
light. Two are what a programme has between them: an interview in good light, and a full page of graphics.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench import material
from bench.material import COLOUR, SHOT_S, TICKER, Clip
from bench.programs import FFMPEG, run_quietly
from bench.stock import footage
from workers.demo.lettering import draw

_OUTDOORS: Final = (("street", 0, 2), ("stall", 1, 1), ("grass", 0, 1), ("talk", 1, 2))
_ROWS: Final = ("RESULTS AT 21:40", "WEST   52.4", "NORTH  31.9", "EAST   15.7", "COUNTED 88.0")
_BARS: Final = (0, 900, 560, 270, 0)


def shots(cache: Path) -> list[Clip]:
    """The six of them."""
    folder = cache / f"shots-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, number, place in _OUTDOORS:
        target = folder / f"shot-{name}.mkv"
        if not target.is_file():
            cut = ["-ss", f"{place * SHOT_S:g}", "-t", f"{SHOT_S:g}"]
            # From zero on, wherever between two pictures it was cut: the renditions begin there.
            _make(cache, target, [*cut, "-i", material.part(cache, "progressive", number)], "[0:v]setpts=PTS-STARTPTS")
        made.append(target)
    for name, make in (("interview", _interview), ("graphics", _graphics)):
        target = folder / f"shot-{name}.mkv"
        if not target.is_file():
            make(cache, target)
        made.append(target)
    return [Clip(path=target, kind="progressive", duration_s=SHOT_S) for target in made]


def _interview(cache: Path, target: Path) -> None:
    """An interview in daylight, where a camera's grain is hardly seen; a line of words stands below."""
    inputs = ["-ss", "0.5", "-t", f"{SHOT_S:g}", "-i", footage(cache)["carphone_pristine"]]
    inputs += _lettered(target, "ON HIS WAY TO THE COURT", dot=6)
    graph = (
        "[0:v]fps=25,crop='min(iw,ih*16/9)':'min(ih,iw*9/16)',scale=1920:1080:flags=lanczos,setsar=1,format=yuv420p,"
        "noise=c0s=2:c0f=t,setpts=PTS-STARTPTS[shot];[shot][1:v]overlay=x=120:y=H-h-120:format=yuv420:shortest=1"
    )
    _make(cache, target, inputs, graph)


def _graphics(cache: Path, target: Path) -> None:
    """A table with bars on a shaded ground, drawn by a computer; only the ticker moves."""
    ground = "gradients=size=1920x1080:rate=25:c0=0x10264a:c1=0x2a5a8c:x0=0:y0=0:x1=1919:y1=1079:speed=0.00001"
    inputs: list[object] = ["-f", "lavfi", "-t", f"{SHOT_S:g}", "-i", ground]
    graph = "[0:v]format=yuv420p"
    for number, width in enumerate(_BARS):
        if width:
            graph += f",drawbox=x=760:y={150 + number * 150}:w={width}:h=80:t=fill:color=0xd08030"
    graph += "[page]"
    for number, row in enumerate((*_ROWS, TICKER * 2)):
        is_ticker = number == len(_ROWS)
        inputs += _lettered(target, row, dot=6 if is_ticker else 9)
        place = "x=-t*240:y=H-h-60" if is_ticker else f"x=160:y={150 + number * 150}"
        graph += f";[page][{number + 1}:v]overlay={place}:format=yuv420:shortest=1[page]"
    _make(cache, target, inputs, graph.removesuffix("[page]"))


def _lettered(target: Path, text: str, *, dot: int) -> list[object]:
    """An input that shows a line of letters."""
    picture = target.with_name(f"{hashlib.sha256(text.encode()).hexdigest()[:8]}.pgm")
    picture.write_bytes(draw(text, dot=dot))
    return ["-loop", "1", "-framerate", "25", "-t", f"{SHOT_S:g}", "-i", picture]


def _make(cache: Path, target: Path, inputs: Sequence[object], graph: str) -> None:
    unfinished = target.with_suffix(".part")
    sound = ["-t", f"{SHOT_S:g}", "-i", material.voice(cache)]
    count = sum(word == "-i" for word in inputs)
    coded = ["-map", "[shot-made]", "-map", f"{count}:a", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "0"]
    coded += ["-pix_fmt", "yuv420p", "-c:a", "pcm_s16le", "-f", "matroska"]
    run_quietly([FFMPEG, "-y", *inputs, *sound, "-filter_complex", f"{graph}[shot-made]", *coded, *COLOUR, unfinished])
    unfinished.replace(target)
