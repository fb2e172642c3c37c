"""The picture of an audio-only clip: its waveform, drawn over the whole length."""

from __future__ import annotations

from typing import Final

import ffmpeg

from tasks.media.ladder import Ladder
from tasks.media.poster import Still, still_run
from tasks.media.sound.mix import mixed
from tasks.media.sound.programmes import Programme
from tasks.media.source_input import SOURCE_FILE, input_options
from tasks.media.steady import steady

# A contrast of 8 : 1 (WCAG 2, 1.4.11 asks for 3 : 1), and still dark behind white controls.
_GROUND: Final = "0x111827"
_WAVE: Final = "0x7dd3fc"
# showwavespic keeps every sample until the end; voices are drawn as well with these, and six hours take 350 MB.
_SAMPLE_RATE: Final = 8000
_MARGIN: Final = 6


def plan_waveform(programme: Programme, ladder: Ladder, *, max_pixels: int) -> Still:
    """The run that draws the programme as a poster of 16:9, as wide as the ladder's largest one."""
    width = ladder.poster.max_width
    height = max(2, round(width * 9 / 32) * 2)
    clip = ffmpeg.input(SOURCE_FILE, **input_options(max_pixels=max_pixels))
    sound = mixed(clip, programme, ladder.audio)
    sound = sound.filter("aformat", channel_layouts="mono").filter("aresample", _SAMPLE_RATE)
    # By the square root: speech, at a tenth of full scale, would else be a thin line.
    drawn = height - 2 * (height // _MARGIN)
    wave = sound.filter("showwavespic", s=f"{width}x{drawn}", colors=_WAVE, scale="sqrt", draw="full")
    ground = ffmpeg.input(f"color={_GROUND}:size={width}x{height}:rate=1:duration=1", f="lavfi")
    picture = ground.overlay(wave, y=height // _MARGIN, format="rgb")
    picture = picture.filter("scale", out_color_matrix="bt601", out_range="full").filter("format", "yuvj420p")
    still = still_run(picture, width, height)
    return still.evolve(arguments=steady(still.arguments, (programme,), ladder.audio))
