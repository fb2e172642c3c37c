"""The storyboard: small pictures at a steady interval on sprite sheets, and the WebVTT that says where each stands.

The VTT's cues carry media-fragment addresses (``sheet-001.jpg#xywh=…``, W3C Media Fragments URI), as players read them.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Final

import ffmpeg

from tasks.media.colour import as_jpeg, scaled
from tasks.media.encode import OUTPUT, SOURCE_FILE, input_options
from tasks.media.ladder import Ladder, StoryboardShape
from tasks.media.picture import shown
from tasks.media.source import Source
from tasks.records.base import Value

FOLDER: Final = "storyboard"
POSTER: Final = "poster.jpg"
VTT: Final = f"{FOLDER}/storyboard.vtt"
_CANDIDATES: Final = 6
_SAMPLE: Final = (48, 27)
_DECODED_WHOLE_S: Final = 180.0


class StoryboardPlan(Value):
    """A run that makes the sheets: its arguments, the tiles' size in pixels, interval in seconds and number."""

    arguments: tuple[str, ...]
    interval_s: float
    tiles: int
    tile_width: int
    tile_height: int
    shape: StoryboardShape


def plan_storyboard(
    source: Source, ladder: Ladder, *, key_frame_gap_s: float | None, max_pixels: int
) -> StoryboardPlan:
    """One run over the key frames only, which costs a fiftieth of decoding all, where they are close enough.

    ``key_frame_gap_s`` is the longest time between two key frames near the start (None: unknown). A short clip with too
    few is decoded whole; of a long one the nearest key frames have to do.
    """
    shape = ladder.storyboard
    duration_s = max(source.duration_s, shape.interval_s)
    interval_s = max(shape.interval_s, math.ceil(duration_s / shape.max_tiles * 2) / 2)
    tile_height = max(2, round(shape.tile_width * source.video.height / source.video.width / 2) * 2)
    dense = key_frame_gap_s is not None and key_frame_gap_s <= interval_s
    key_frames_only = dense or duration_s > _DECODED_WHOLE_S
    picture = ffmpeg.input(SOURCE_FILE, **input_options(max_pixels=max_pixels, key_frames_only=key_frames_only))
    # Fields need no separating here: a picture this small is made of both.
    picture = picture[str(source.video.index)]
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
        arguments=("-nostdin", "-hide_banner", "-loglevel", "warning", *output.get_args()),
        interval_s=interval_s,
        tiles=max(1, math.ceil(duration_s / interval_s)),
        tile_width=shape.tile_width,
        tile_height=tile_height,
        shape=shape,
    )


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


def poster_candidates(duration_s: float) -> tuple[float, ...]:
    """Times, in seconds, at which a poster may be taken: evenly spread, the very ends left out (fades, slates)."""
    if duration_s <= 0:
        return (0.0,)
    return tuple(round(duration_s * (0.05 + 0.8 * number / _CANDIDATES), 3) for number in range(_CANDIDATES))


def plan_sample(source: Source, time_s: float, *, max_pixels: int) -> tuple[str, ...]:
    """Arguments of a run that prints one small grey picture (48×27 bytes) of that time."""
    width, height = _SAMPLE
    picture = (
        _frame_at(source, time_s, max_pixels).filter("scale", width, height, flags="area").filter("format", "gray")
    )
    output = picture.output("pipe:1", **{"frames:v": 1, "f": "rawvideo", "c:v": "rawvideo"})
    return ("-nostdin", "-hide_banner", "-loglevel", "error", *output.get_args())


def plan_poster(source: Source, ladder: Ladder, time_s: float, *, max_pixels: int) -> tuple[tuple[str, ...], int, int]:
    """Arguments of a run that takes the poster at that time, and its width and height."""
    width = min(ladder.poster.max_width, source.video.width // 2 * 2 or 2)
    height = max(2, round(width * source.video.height / source.video.width / 2) * 2)
    picture = shown(_frame_at(source, time_s, max_pixels), source.video)
    picture = as_jpeg(scaled(picture, source.video.colour, width, height))
    options = {"frames:v": 1, "c:v": "mjpeg", "q:v": 3, "pix_fmt": "yuvj420p", "f": "image2", "update": 1}
    output = picture.output(f"{OUTPUT}/{POSTER}", **options)
    return ("-nostdin", "-hide_banner", "-loglevel", "error", *output.get_args()), width, height


def interest(grey: bytes) -> float:
    """How much there is to see in a small grey picture: 0 for any flat field; detail and contrast count."""
    width, height = _SAMPLE
    if len(grey) != width * height:
        return 0.0
    mean = sum(grey) / len(grey)
    contrast = math.sqrt(sum((value - mean) ** 2 for value in grey) / len(grey))
    rows = [grey[start : start + width] for start in range(0, len(grey), width)]
    across = sum(abs(row[x + 1] - row[x]) for row in rows for x in range(width - 1))
    down = sum(abs(lower[x] - upper[x]) for upper, lower in itertools.pairwise(rows) for x in range(width))
    detail = (across + down) / len(grey)
    # A picture that is nearly black or white is a fade or a flash, however sharp its edges.
    exposure = max(0.0, 1 - abs(mean - 118) / 118)
    return contrast * math.sqrt(detail) * exposure


def _frame_at(source: Source, time_s: float, max_pixels: int) -> ffmpeg.nodes.FilterableStream:
    clip = ffmpeg.input(SOURCE_FILE, ss=f"{time_s:g}", **input_options(max_pixels=max_pixels))
    return clip[str(source.video.index)]


def _timestamp(time_s: float) -> str:
    milliseconds = round(time_s * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
