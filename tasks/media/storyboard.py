"""The storyboard: small pictures at a steady interval on sprite sheets, and the WebVTT that says where each stands.

The VTT's cues carry media-fragment addresses (``sheet-001.jpg#xywh=…``, W3C Media Fragments URI), as players read them.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Final

import ffmpeg

from tasks.media.colour import as_jpeg, scaled
from tasks.media.encode import OUTPUT
from tasks.media.ladder import Ladder, StoryboardShape
from tasks.media.opening import dropping, keeping_times, unprobed
from tasks.media.picture import of_one_graph, shown
from tasks.media.shapes import sizes
from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE, input_options
from tasks.media.threads import threads_to_look
from tasks.records.base import Value

FOLDER: Final = "storyboard"
VTT: Final = f"{FOLDER}/storyboard.vtt"
SHEETS: Final = "sheet-%03d.jpg"
SEEN: Final = "tiles.txt"
"""Where a run that decodes key frames alone notes, in the workspace, at which times it got some."""
_DECODED_WHOLE_S: Final = 180.0
# Files in which each packet has a time of its own, counted from the file's beginning.
_TIMED: Final = ("mov", "mxf")
_MOST_TILES: Final = 0.75
# HEVC counts its pictures in eight bits, as a rule, and behind key frames of open GOPs the count goes on.
_ORDERED_FRAMES: Final = 128


class Board(Value):
    """How the sheets are laid out: a tile for each interval, in seconds; sizes of a tile in pixels."""

    interval_s: float
    tiles: int
    tile_width: int
    tile_height: int
    shape: StoryboardShape

    def firsts(self, clock: str) -> str:
        """An expression of ffmpeg's, true of each tile's first key frame; ``ld(1)`` is the next tile's number.

        ``clock`` is what it has for the time in seconds: ``pts*tb`` for packets, ``t`` for frames.
        """
        # Times are rounded, hence the hundredth.
        tile = f"floor(({clock}+0.01)/{self.interval_s:g})"
        return f"if(key*gte({tile},ld(1)),st(1,{tile}+1)*0+1,0)"


class StoryboardPlan(Value):
    """A run that makes the sheets of that ``board``; it may decode ``key_frames_only``.

    It ``is_dense`` if these are as close as tiles.
    """

    arguments: tuple[str, ...]
    key_frames_only: bool
    is_dense: bool
    board: Board


def lay_out(source: Source, ladder: Ladder) -> Board:
    """The storyboard of that source: the ladder's interval, or a longer one where there would be too many tiles."""
    shape = ladder.storyboard
    duration_s = max(source.duration_s, shape.interval_s)
    interval_s = max(shape.interval_s, math.ceil(duration_s / shape.max_tiles * 2) / 2)
    return Board(
        interval_s=interval_s,
        tiles=max(1, math.ceil(duration_s / interval_s)),
        tile_width=shape.tile_width,
        tile_height=max(2, round(shape.tile_width * source.video.height / source.video.width / 2) * 2),
        shape=shape,
    )


def is_dense(board: Board, key_frame_gap_s: float | None) -> bool:
    """Whether key frames that are no further apart than that, in seconds, give a picture for each tile."""
    return key_frame_gap_s is not None and key_frame_gap_s <= board.interval_s


def can_pick(source: Source, board: Board) -> bool:
    """Whether its packets tell which of them are the first of a tile, and can be decoded without those between."""
    # HEVC's decoder knows the order of pictures that are not too far apart.
    keeps_order = source.video.codec != "hevc" or board.interval_s * source.video.frame_rate < _ORDERED_FRAMES
    return source.container in _TIMED and keeps_order and not source.video.changes_coding


def has_every_tile(board: Board, seen: str) -> bool:
    """Whether each tile has a key frame of its own; ``seen`` is what stands in `SEEN`."""
    return _tiles(board, seen) == list(range(board.tiles))


def goes_through(board: Board, source: Source, seen: str) -> bool:
    """Whether pictures of key frames came in their order, and for most tiles; ``seen`` is what stands in `SEEN`.

    H.264's decoder counts on what lies between key frames of open GOPs: without it they come late, or not at all. That
    those near the end came says little: they may be the few that can stand alone.
    """
    tiles = _tiles(board, seen)
    length_s = source.video.duration_s or source.duration_s
    most = max(1, math.floor(length_s / board.interval_s * _MOST_TILES))
    return tiles == sorted(tiles) and len(set(tiles)) >= most


def lacks_the_last(board: Board, seen: str) -> bool:
    """Whether each tile but the last, into which the picture may not reach, has a key frame of its own."""
    return _tiles(board, seen) == list(range(board.tiles - 1))


def _tiles(board: Board, seen: str) -> list[int]:
    return [int((float(time_s) + 0.01) / board.interval_s) for time_s in re.findall(r"pts_time:([\d.]+)", seen)]


def plan_storyboard(
    source: Source, ladder: Ladder, *, key_frame_gap_s: float | None, max_pixels: int, is_whole: bool = False
) -> StoryboardPlan:
    """One run over the key frames only, which costs a fiftieth of decoding all, where they are close enough.

    ``key_frame_gap_s`` is the longest time between two key frames, near the start at least (None: unknown). A short
    clip with too few is decoded whole; of a long one the nearest key frames have to do. With ``is_whole`` all is
    decoded in any case.
    """
    board = lay_out(source, ladder)
    dense = not is_whole and is_dense(board, key_frame_gap_s)
    key_frames_only = dense or (not is_whole and source.duration_s > _DECODED_WHOLE_S)
    options = input_options(max_pixels=max_pixels, video=source.video, key_frames_only=key_frames_only)
    picks = dense and can_pick(source, board)
    if key_frames_only:
        options |= dropping(f"not({board.firsts('pts*tb')})") if picks else keeping_times()
    threads = threads_to_look(source.video.pixels)
    # What softens block edges can't be seen in a picture this small, and takes a fifth of the decoding.
    options |= threads.of_decoder | unprobed(source) | of_one_graph(source.video) | {"skip_loop_filter": "all"}
    picture = ffmpeg.input(SOURCE_FILE, **options)[str(source.video.index)]
    output = sheets(picture, source, board, are_picked=picks, are_keys=key_frames_only)
    return StoryboardPlan(
        arguments=("-nostdin", "-hide_banner", "-loglevel", "warning", *threads.of_filters, *output.get_args()),
        key_frames_only=key_frames_only,
        is_dense=dense,
        board=board,
    )


def sheets(
    picture: ffmpeg.nodes.FilterableStream, source: Source, board: Board, *, are_picked: bool, are_keys: bool
) -> ffmpeg.nodes.OutputStream:
    """The sheets made of decoded pictures; of pictures that ``are_picked`` each is the one of its tile.

    If they ``are_keys`` alone, their times are noted in `SEEN`.
    """
    if are_keys:
        # The print filter prints frames that have something to print.
        picture = picture.filter("metadata", "add", key="tile", value=0).filter("metadata", "print", file=SEEN)
    # Fields need no separating here: a picture this small is made of both.
    if are_picked:
        picture = picture.filter("setpts", f"floor((T+0.01)/{board.interval_s:g})*{board.interval_s:g}/TB")
    if source.video.blanking_lines:
        picture = shown(picture, replace(source.video, scan="progressive"))
    width, height = board.tile_width, board.tile_height
    picture = scaled(
        picture, source.video.colour, width, height, flags="bicubic", within=sizes(source.video, width, height)
    )
    # The last frame is held, or the fps filter would leave out the last tile.
    picture = as_jpeg(picture).filter("tpad", stop_mode="clone", stop_duration=f"{board.interval_s:g}")
    picture = picture.filter("fps", f"1/{board.interval_s:g}", start_time=0, round="near")
    picture = picture.filter("tile", f"{board.shape.columns}x{board.shape.rows}")
    return picture.output(
        f"{OUTPUT}/{FOLDER}/{SHEETS}",
        **{"c:v": "mjpeg", "q:v": 4, "pix_fmt": "yuvj420p", "f": "image2", "an": None},
    )


def storyboard_vtt(board: Board, made: int, duration_s: float) -> str:
    """The WebVTT for so many sheets as were ``made``: one cue a tile, none beyond those or beyond the clip's end."""
    per_sheet = board.shape.columns * board.shape.rows
    cues = ["WEBVTT", ""]
    for tile in range(min(board.tiles, made * per_sheet)):
        sheet, place = divmod(tile, per_sheet)
        row, column = divmod(place, board.shape.columns)
        start_s = tile * board.interval_s
        end_s = min(start_s + board.interval_s, max(duration_s, start_s + 0.001))
        area = f"{column * board.tile_width},{row * board.tile_height},{board.tile_width},{board.tile_height}"
        cues += [f"{_timestamp(start_s)} --> {_timestamp(end_s)}", f"sheet-{sheet + 1:03d}.jpg#xywh={area}", ""]
    return "\n".join(cues)


def _timestamp(time_s: float) -> str:
    milliseconds = round(time_s * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
