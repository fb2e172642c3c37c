"""Shapes: pictures of another size, as where recordings were joined, are shown whole in the first one's frame.

ffmpeg gives all pictures of a transport stream the pixel aspect of the first. Those of another size have square pixels,
though, unless they are anamorphic HD of 1080 lines, or SD (ITU-R BT.601), of which their headers alone would tell: SD
fills the frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import ffmpeg

if TYPE_CHECKING:
    from tasks.media.source import VideoStream

# Of HD with fewer columns than 1920. What is upright has more lines.
_FEWER_COLUMNS: Final = (960, 1280, 1440)
_LINES_OF_HD: Final = (1080, 1088)
_WIDE: Final = Fraction(16, 9)
_LINES_OF_SD: Final = (480, 576)
_MOST_COLUMNS_OF_SD: Final = 720
_SQUARE: Final = 640


def shape_of(width: int, height: int) -> Fraction | None:
    """Width to height that pictures of another size than the first's are shown with; None if they fill its frame."""
    if height in _LINES_OF_SD and width <= _MOST_COLUMNS_OF_SD and width != _SQUARE:
        return None
    return _WIDE if width in _FEWER_COLUMNS and height in _LINES_OF_HD else Fraction(width, height)


def sizes(video: VideoStream, width: int, height: int) -> dict[str, str]:
    """The size within ``width`` × ``height`` of each picture, as expressions of ffmpeg's scale filter.

    Empty where all are of one size, or the container turns or crops them by the first one's.
    """
    if video.pid is None or not video.is_as_coded or video.blanking_lines:
        return {}
    is_as_first = f"eq(iw,{video.coded_width})*eq(ih,{video.coded_height})"
    is_sd = f"({_any('ih', _LINES_OF_SD)})*lte(iw,{_MOST_COLUMNS_OF_SD})*(1-eq(iw,{_SQUARE}))"
    shape = f"if(({_any('iw', _FEWER_COLUMNS)})*({_any('ih', _LINES_OF_HD)}),{_WIDE},iw/ih)"
    wider = f"if({is_as_first}+{is_sd},1,{shape}/({Fraction(video.width, video.height)}))"
    # By eights the bars, so that fields keep their order, in colour too.
    return {
        "w": f"{width}-8*round({width}*max(0,1-{wider})/8)",
        "h": f"{height}-8*round({height}*max(0,1-1/{wider})/8)",
        "eval": "frame",
    }


def _any(name: str, values: Sequence[int]) -> str:
    return "+".join(f"eq({name},{value})" for value in values)


def resized(
    stream: ffmpeg.nodes.FilterableStream, width: int, height: int, within: Mapping[str, str], **options: object
) -> ffmpeg.nodes.FilterableStream:
    """The stream scaled to that size; pictures of which ``within`` says another (`sizes`), with bars around them."""
    if not within:
        return stream.filter("scale", width, height, **options)
    return stream.filter("scale", **within, **options).filter(
        "pad", width, height, "(ow-iw)/2", "(oh-ih)/2", eval="frame"
    )
