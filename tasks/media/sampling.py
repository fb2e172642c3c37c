"""Sampling: the short stretches of a source that are decoded to see what its flags don't tell, and the run for it."""

from __future__ import annotations

from typing import Final

import ffmpeg

from tasks.media.encode import SOURCE_FILE, input_options
from tasks.media.source import Source, VideoStream

_WHOLE_S: Final = 6.0
_STRETCH_S: Final = 1.5
_PLACES: Final = (0.15, 0.5, 0.8)
# The numbers of lines in which interlaced pictures come: 525 and 625 line systems, half HD on tape, HD.
_INTERLACED_HEIGHTS: Final = (480, 486, 512, 576, 608, 1080, 1088)
_NEVER_INTERLACED: Final = ("av1", "hevc", "vp8", "vp9", "gif", "png", "webp", "vvc")
_MOST_INTERLACED: Final = 31


def may_be_interlaced(video: VideoStream) -> bool:
    """Whether it is worth a look: it is flagged so, or of a kind that comes so and may be flagged wrongly."""
    return video.is_interlaced or (
        video.codec not in _NEVER_INTERLACED
        and video.coded_height in _INTERLACED_HEIGHTS
        and video.frame_rate < _MOST_INTERLACED
    )


def plan_fields(source: Source, *, max_pixels: int) -> tuple[str, ...]:
    """Arguments of a run that prints idet's finding for each frame: of a short clip whole, of others 4.5 s in all."""
    options = input_options(max_pixels=max_pixels)
    index = str(source.video.index)
    if source.duration_s <= _WHOLE_S:
        picture = ffmpeg.input(SOURCE_FILE, t=f"{_WHOLE_S:g}", **options)[index]
    else:
        # From the key frame before, without decoding up to the very time: any frames will do.
        stretches = [
            ffmpeg.input(
                SOURCE_FILE,
                ss=f"{source.duration_s * place:.3f}",
                t=f"{_STRETCH_S:g}",
                noaccurate_seek=None,
                **options,
            )[index]
            for place in _PLACES
        ]
        picture = ffmpeg.concat(*stretches, v=1, a=0)
    if source.video.blanking_lines:
        picture = picture.filter("crop", "iw", f"ih-{source.video.blanking_lines}", 0, source.video.blanking_lines)
    if source.video.rotation % 180:
        picture = picture.filter("transpose", "clock")
    output = picture.filter("idet").filter("metadata", "print", file="-").output("-", f="null")
    return ("-nostdin", "-hide_banner", "-loglevel", "error", *output.get_args())
