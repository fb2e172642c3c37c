"""The storyboard: small pictures at a steady interval on sprite sheets, and the WebVTT that says where each stands.

The VTT's cues carry media-fragment addresses (``sheet-001.jpg#xywh=…``, W3C Media Fragments URI), as players read them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import ffmpeg

from tasks.media.colour import as_jpeg, scaled
from tasks.media.encode import OUTPUT, SOURCE_FILE, input_options
from tasks.media.ladder import Ladder, StoryboardShape
from tasks.media.opening import dropping
from tasks.media.picture import shown
from tasks.media.source import Source
from tasks.media.threads import threads_to_look
from tasks.records.base import Value

FOLDER: Final = "storyboard"
VTT: Final = f"{FOLDER}/storyboard.vtt"
_DECODED_WHOLE_S: Final = 180.0
# Files in which each packet has a time of its own, counted from the file's beginning.
_TIMED: Final = ("mov", "mxf")


class StoryboardPlan(Value):
    """A run that makes the sheets: its arguments, the tiles' size in pixels, interval in seconds and number.

    It may decode ``key_frames_only``.
    """

    arguments: tuple[str, ...]
    key_frames_only: bool
    interval_s: float
    tiles: int
    tile_width: int
    tile_height: int
    shape: StoryboardShape


def plan_storyboard(
    source: Source, ladder: Ladder, *, key_frame_gap_s: float | None, max_pixels: int, is_whole: bool = False
) -> StoryboardPlan:
    """One run over the key frames only, which costs a fiftieth of decoding all, where they are close enough.

    ``key_frame_gap_s`` is the longest time between two key frames, near the start at least (None: unknown). A short
    clip with too few is decoded whole; of a long one the nearest key frames have to do. With ``is_whole`` all is
    decoded in any case.
    """
    shape = ladder.storyboard
    duration_s = max(source.duration_s, shape.interval_s)
    interval_s = max(shape.interval_s, math.ceil(duration_s / shape.max_tiles * 2) / 2)
    tile_height = max(2, round(shape.tile_width * source.video.height / source.video.width / 2) * 2)
    dense = not is_whole and key_frame_gap_s is not None and key_frame_gap_s <= interval_s
    key_frames_only = dense or (not is_whole and duration_s > _DECODED_WHOLE_S)
    options = input_options(max_pixels=max_pixels, video=source.video, key_frames_only=key_frames_only)
    picks = dense and source.container in _TIMED
    alone, at_its_tile = _firsts(interval_s)
    options |= alone if picks else {}
    threads = threads_to_look(source.video.pixels)
    # What softens block edges can't be seen in a picture this small, and takes a fifth of the decoding.
    picture = ffmpeg.input(SOURCE_FILE, **options | threads.of_decoder, skip_loop_filter="all")
    # Fields need no separating here: a picture this small is made of both.
    picture = picture[str(source.video.index)]
    if picks:
        picture = picture.filter("setpts", at_its_tile)
    if source.video.blanking_lines:
        picture = shown(picture, replace(source.video, scan="progressive"))
    picture = scaled(picture, source.video.colour, shape.tile_width, tile_height, flags="bicubic")
    # The last frame is held, or the fps filter would leave out the last tile.
    picture = as_jpeg(picture).filter("tpad", stop_mode="clone", stop_duration=f"{interval_s:g}")
    picture = picture.filter("fps", f"1/{interval_s:g}", start_time=0, round="near")
    picture = picture.filter("tile", f"{shape.columns}x{shape.rows}")
    output = picture.output(
        f"{OUTPUT}/{FOLDER}/sheet-%03d.jpg",
        **{"c:v": "mjpeg", "q:v": 4, "pix_fmt": "yuvj420p", "f": "image2", "an": None},
    )
    return StoryboardPlan(
        arguments=("-nostdin", "-hide_banner", "-loglevel", "warning", *threads.of_filters, *output.get_args()),
        key_frames_only=key_frames_only,
        interval_s=interval_s,
        tiles=max(1, math.ceil(duration_s / interval_s)),
        tile_width=shape.tile_width,
        tile_height=tile_height,
        shape=shape,
    )


def _firsts(interval_s: float) -> tuple[dict[str, object], str]:
    """Of each tile's interval the first key frame: the input's option that passes over all others before they are
    decoded, and the expression that gives each the time of its tile.
    """
    # ld(0) is the number of the next tile; times are rounded, hence the hundredth.
    tile = f"floor((pts*tb+0.01)/{interval_s:g})"
    option = dropping(f"if(key*gte({tile},ld(0)),st(0,{tile}+1);0,1)")
    return option, f"floor((T+0.01)/{interval_s:g})*{interval_s:g}/TB"


def storyboard_vtt(plan: StoryboardPlan, sheets: int, duration_s: float) -> str:
    """The WebVTT for that many sheets: one cue a tile, none beyond what was made or beyond the clip's end."""
    per_sheet = plan.shape.columns * plan.shape.rows
    cues = ["WEBVTT", ""]
    for tile in range(min(plan.tiles, sheets * per_sheet)):
        sheet, place = divmod(tile, per_sheet)
        row, column = divmod(place, plan.shape.columns)
        start_s = tile * plan.interval_s
        end_s = min(start_s + plan.interval_s, max(duration_s, start_s + 0.001))
        area = f"{column * plan.tile_width},{row * plan.tile_height},{plan.tile_width},{plan.tile_height}"
        cues += [f"{_timestamp(start_s)} --> {_timestamp(end_s)}", f"sheet-{sheet + 1:03d}.jpg#xywh={area}", ""]
    return "\n".join(cues)


def _timestamp(time_s: float) -> str:
    milliseconds = round(time_s * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
