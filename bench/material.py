"""The material: news as a newsroom has it, 1080p25 H.264 at 14 Mb/s and 1080i25 MPEG-2 at 35 Mb/s, made once.

Real footage cut into shots, with a camera's grain, a ticker that moves at 50 Hz, and a voice. Six parts of ten seconds
differ in their shots; a minute holds each once, five minutes each five times in changing order.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from bench.programs import FFMPEG, run_quietly
from bench.speech import speak
from bench.stock import SPEECH, footage, unpacked
from workers.demo.lettering import draw

Kind = Literal["progressive", "interlaced"]
KINDS: Final[tuple[Kind, ...]] = ("progressive", "interlaced")
PART_S: Final = 10
MINUTE_S: Final = 60
LONG_S: Final = 300

_PARTS: Final = MINUTE_S // PART_S
SHOT_S: Final = 2.5
TICKER: Final = (
    "NEWS AT TEN - RIVER ABOVE THE LOWER ROAD - BRIDGE OPENS TOMORROW AT 7:00 - BUSES 4. 9 AND 12 GO BY THE STATION - "
    "COUNCIL VOTES ON THE BUDGET TONIGHT - CUP FINAL ON SUNDAY AT 15:30 - WIND FROM THE SEA. 21 DEGREES - "
)
# Where a shot begins, and the part of the picture it shows: a camera nearer or farther, to the left or to the right.
_SHOTS: Final = (
    ("bikes", 0.0, 1.0),
    ("bigbuckbunny", 0.2, 1.0),
    ("bikes", 2.5, 1.0),
    ("bikes", 5.0, 1.0),
    ("bigbuckbunny", 2.6, 0.8),
    ("bikes", 7.4, 1.0),
    ("carphone_pristine", 0.5, 1.0),
    ("bigbuckbunny", 1.4, 0.65),
)
_LOOKS: Final = ("null", "eq=contrast=1.1:saturation=1.15", "eq=gamma=0.9", "eq=brightness=0.04:saturation=0.9")
_CODED: Final[dict[Kind, list[str]]] = {
    "progressive": [
        *("-c:v", "libx264", "-preset", "veryfast", "-b:v", "14M", "-maxrate", "16M", "-bufsize", "14M"),
        *("-g", "25", "-bf", "2", "-flags", "+cgop", "-pix_fmt", "yuv420p"),
    ],
    "interlaced": [
        *("-c:v", "mpeg2video", "-b:v", "35M", "-minrate", "35M", "-maxrate", "35M", "-bufsize", "17825792"),
        *("-g", "12", "-bf", "2", "-flags", "+ildct+ilme+cgop", "-sc_threshold", "1000000000", "-qmin", "1"),
    ],
}
_SOUND: Final[dict[Kind, list[str]]] = {
    "progressive": ["-c:a", "aac", "-b:a", "192k"],
    "interlaced": ["-c:a", "pcm_s16le"],
}
_FORMS: Final[dict[Kind, list[str]]] = {
    "progressive": ["-movflags", "+faststart", "-f", "mp4"],
    "interlaced": ["-f", "mxf"],
}
_ENDINGS: Final[dict[Kind, str]] = {"progressive": "mp4", "interlaced": "mxf"}
_RATES: Final[dict[Kind, str]] = {
    "progressive": "framestep=2,setfield=prog",
    "interlaced": "interlace=scan=tff:lowpass=complex,setfield=tff",
}
COLOUR: Final = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One clip of the material."""

    path: Path
    kind: Kind
    duration_s: float

    @property
    def name(self) -> str:
        """What it is called in tables: ``progressive 60 s``."""
        return f"{self.kind} {self.duration_s:g} s"


def clip(cache: Path, kind: Kind, duration_s: int) -> Clip:
    """The clip of that kind, of 10, 60 or 300 seconds; what is missing is made, which takes minutes the first time."""
    folder = _folder(cache)
    target = folder / f"BENCH_{kind.upper()}_{duration_s}.{_ENDINGS[kind]}"
    if not target.is_file():
        order = [*range(_PARTS)] if duration_s <= MINUTE_S else _shuffled(duration_s // PART_S)
        wanted = order[: duration_s // PART_S]
        for number in sorted(set(wanted)):
            _make_part(cache, folder, number)
        _join(cache, folder, kind, wanted, target)
    return Clip(path=target, kind=kind, duration_s=duration_s)


def marked(cache: Path, kind: Kind) -> Clip:
    """Ten seconds with a white frame at each odd second and a tone that begins with it."""
    folder = _folder(cache)
    target = folder / f"BENCH_{kind.upper()}_MARKED.{_ENDINGS[kind]}"
    if not target.is_file():
        _make_part(cache, folder, 0)
        # A thousandth early and late, so that no rounding of a time decides.
        flash = "drawbox=t=fill:color=white:enable='lt(mod(t+9.001,2),0.039)'"
        field = ",setfield=tff" if kind == "interlaced" else ""
        beep = f"aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t+9,2),0.08)':s=48000:d={PART_S}"
        unfinished = target.with_suffix(".part")
        inputs = ["-i", _part(folder, kind, 0), "-f", "lavfi", "-i", beep]
        coded = ["-vf", flash + field, *_CODED[kind], *COLOUR, *_SOUND[kind]]
        run_quietly([FFMPEG, "-y", *inputs, *coded, "-ac", "2", *_FORMS[kind], unfinished])
        unfinished.replace(target)
    return Clip(path=target, kind=kind, duration_s=PART_S)


def part(cache: Path, kind: Kind, number: int) -> Path:
    """Ten seconds of four shots each, without sound; ``number`` is 0 to 5."""
    folder = _folder(cache)
    _make_part(cache, folder, number)
    return _part(folder, kind, number)


def voice(cache: Path) -> Path:
    """Ten seconds of speech."""
    return _voice(cache, _folder(cache), PART_S)


def _folder(cache: Path) -> Path:
    """Where this material lies: material made otherwise lies elsewhere."""
    folder = cache / f"material-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _shuffled(count: int) -> list[int]:
    turns = random.Random(1)
    order: list[int] = []
    while len(order) < count:
        order += turns.sample(range(_PARTS), _PARTS)
    return order


def _part(folder: Path, kind: Kind, number: int) -> Path:
    return folder / f"part-{kind}-{number}.mkv"


def _make_part(cache: Path, folder: Path, number: int) -> None:
    """Ten seconds, without sound, in both kinds: the same pictures, at 25 frames or at 50 fields a second."""
    targets = [_part(folder, kind, number) for kind in KINDS]
    if all(target.is_file() for target in targets):
        return
    clips = footage(cache)
    dice = random.Random(number)
    inputs: list[object] = []
    graph = []
    count = round(PART_S / SHOT_S)
    for shot in range(count):
        name, start_s, share = _SHOTS[(number * count + shot + number // 2) % len(_SHOTS)]
        inputs += ["-ss", f"{start_s:g}", "-t", f"{SHOT_S:g}", "-i", clips[name]]
        place = dice.random()
        crop = f"crop='min(iw,ih*16/9)*{share}':'min(ih,iw*9/16)*{share}':'(iw-ow)*{place:.2f}':'(ih-oh)*{place:.2f}'"
        turned = "hflip," if number % 2 else ""
        graph.append(
            f"[{shot}:v]fps=50,{crop},{turned}scale=1920:1080:flags=lanczos,setsar=1,format=yuv420p,{dice.choice(_LOOKS)},"
            f"tpad=stop_mode=clone:stop_duration=1,trim=duration={SHOT_S:g},setpts=PTS-STARTPTS[s{shot}]"
        )
    ticker = folder / "ticker.pgm"
    ticker.write_bytes(draw(TICKER * 2, dot=6))
    width = int(ticker.read_bytes().split(maxsplit=2)[1]) // 2
    moved = f"-mod((t+{number * PART_S})*240\\,{width})"
    graph.append(f"{''.join(f'[s{shot}]' for shot in range(count))}concat=n={count}[shots]")
    # Grain differs from picture to picture, as a sensor's does.
    graph.append("[shots]noise=c0s=7:c0f=t:c1s=3:c1f=t:c2s=3:c2f=t[grainy]")
    graph.append(f"[grainy][{count}:v]overlay=x={moved}:y=H-h-60:format=yuv420,split[a][b]")
    outputs: list[object] = []
    for label, kind, target in zip("ab", KINDS, targets, strict=True):
        graph.append(f"[{label}]{_RATES[kind]}[{kind}]")
        outputs += ["-map", f"[{kind}]", *_CODED[kind], *COLOUR, "-f", "matroska", target.with_suffix(".part")]
    still = ["-loop", "1", "-framerate", "50", "-t", str(PART_S), "-i", ticker]
    run_quietly([FFMPEG, "-y", *inputs, *still, "-filter_complex", ";".join(graph), *outputs])
    for target in targets:
        target.with_suffix(".part").replace(target)


def _voice(cache: Path, folder: Path, duration_s: int) -> Path:
    target = folder / f"voice-{duration_s}.wav"
    if not target.is_file():
        speak(unpacked(SPEECH, cache), target, duration_s=duration_s)
    return target


def _join(cache: Path, folder: Path, kind: Kind, order: list[int], target: Path) -> None:
    duration_s = len(order) * PART_S
    listed = folder / f"{target.stem}.txt"
    listed.write_text("".join(f"file '{_part(folder, kind, number).name}'\nduration {PART_S}\n" for number in order))
    # A quiet room's noise below the voice; two sides that are not quite alike.
    sound = (
        f"[1:a]aresample=48000,volume=-6dB[voice];anoisesrc=color=pink:amplitude=0.004:r=48000:d={duration_s}[room];"
        "[voice][room]amix=inputs=2:duration=first:normalize=0,pan=stereo|c0=c0|c1=0.9*c0[sound]"
    )
    unfinished = target.with_suffix(".part")
    inputs = ["-f", "concat", "-safe", "0", "-i", listed, "-i", _voice(cache, folder, duration_s)]
    mapped = ["-filter_complex", sound, "-map", "0:v", "-map", "[sound]", "-c:v", "copy", *_SOUND[kind]]
    run_quietly([FFMPEG, "-y", *inputs, *mapped, "-t", str(duration_s), *_FORMS[kind], unfinished])
    unfinished.replace(target)
