"""Looks: the small pictures of a clip among which its poster is found, at which times, and the runs that take them.

How long that takes does not grow with the clip: of a long one its first 32 s are looked at, or a few key frames that
are found by seeking.
"""

from __future__ import annotations

import math
import re
from typing import Final

import ffmpeg

from tasks.media import opening, storyboard
from tasks.media.appeal import Look
from tasks.media.encode import in_step
from tasks.media.geometry import fitted
from tasks.media.opening import Options, can_seek, dropping, reads_through, unprobed
from tasks.media.picture import of_one_graph
from tasks.media.shapes import resized, sizes
from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE, input_options
from tasks.media.storyboard import Board
from tasks.media.threads import SMALL_PIXELS, Threads, threads_to_look
from tasks.records.base import Value

FOLDER: Final = "looks"
KEPT: Final = f"{FOLDER}/kept.nut"
QUIET: Final = ("-nostdin", "-hide_banner", "-loglevel", "error", "-y")
# Up to here reading all key frames costs no more than seeking to some.
_WHOLE_S: Final = 12.0
_THROUGH_CANDIDATES: Final = 12
# With fewer key frames than this there is too little to choose from, and a whole decode is worth its cost.
_ENOUGH: Final = 3
_WHOLE_LOOKS: Final = 24
_CANDIDATES: Final = 8
_FINALISTS: Final = 3
_BURST_S: Final = 0.5
_BURST_LOOKS: Final = 3
_SIDE: Final = 128
_LINES_WIDTH: Final = 400
_LEAST_LINES: Final = 720
_ENDS: Final = 0.04
_BETWEEN: Final = 0.84

_KEYS_ALONE: Final[Options] = {"skip_frame": "nokey"}
# What softens block edges is a fifth of decoding, and so small a look hides it.
_ROUGHLY: Final[Options] = {"skip_loop_filter": "all"}
# Frames predicted from both sides are passed over, a fifth of the work.
_NOT_BOTH_WAYS: Final[Options] = {"skip_frame": "bidir"}
# "nokey" would leave out the key frames of open GOPs: the decoders take it for "none but IDR".
_KEYS_WELL: Final[Options] = {"skip_loop_filter": "nointra"}


class LookPlan(Value):
    """A run that looks at the clip: one series of small pictures from each of ``starts``, in seconds.

    Series *n* is written to ``looks/n.rgb``, and the times of its pictures, from its start on, to ``looks/n.txt``.
    ``enough``: of key frames alone, so many have to be found; 0 where the looks are neighbours, to be compared.
    With ``has_lines``, *n*``.pgm`` has a part of each picture in its own size, from top to bottom.
    ``is_parted``: a series holds several bursts of neighbours. ``is_of_all``: no part of the clip is left out.
    With ``keeps``, the pictures of the one series stand in `KEPT` as well, its key frames as a player shows them; the
    others are good for small looks only. With ``has_sheets`` the run makes the storyboard's as well.
    """

    arguments: tuple[str, ...]
    starts: tuple[float, ...]
    width: int
    height: int
    enough: int
    is_parted: bool = False
    is_of_all: bool = True
    has_lines: bool = False
    keeps: bool = False
    has_sheets: bool = False


def plan_looks(source: Source, *, max_pixels: int, is_arriving: bool = False, board: Board | None = None) -> LookPlan:
    """The first look, at some key frames all over the clip, or its first 32 s. The very ends are left out.

    Of a clip that ``is_arriving`` it is never at more than that. Where it reads through all of the clip, the same run
    makes the sheets of ``board`` out of its key frames.
    """
    duration_s = source.duration_s
    if not can_seek(source):
        return whole_looks(source, max_pixels=max_pixels)
    if (duration_s > _WHOLE_S and not reads_through(source)) or source.video.changes_coding:
        return plan_sought(source, max_pixels=max_pixels, within_s=opening.THROUGH_S if is_arriving else duration_s)
    span_s = min(duration_s or _WHOLE_S, opening.THROUGH_S)
    first_s, apart_s = span_s * _ENDS, span_s * _BETWEEN / _THROUGH_CANDIDATES
    # Key frames alone get to the decoder, and of those one a while after the last; st and ld keep that one's time.
    most = _THROUGH_CANDIDATES
    wanted = f"if(key*gte(dts*tb,{first_s:.3f}+ld(0)),st(0,dts*tb+{apart_s - first_s:.3f})*0+1,0)"
    is_of_all = duration_s <= opening.THROUGH_S
    board = board if board is not None and is_of_all and storyboard.can_pick(source, board) else None
    if board is not None:
        most += board.tiles
        wanted += f"+{board.firsts('pts*tb')}"
    options = _ROUGHLY | _KEYS_ALONE | dropping(f"not({wanted})") | {"t": f"{span_s:.3f}"}
    picture = _opened(source, max_pixels, options)
    return _plan(source, (0.0,), [picture], most=most, enough=_ENOUGH, is_of_all=is_of_all, board=board)


def plan_sought(source: Source, *, max_pixels: int, within_s: float = math.inf) -> LookPlan:
    """A first look at key frames all over the clip, or what lies ``within_s`` of it, each of which is sought."""
    span_s = min(source.duration_s, within_s)
    starts = tuple(round(span_s * (_ENDS + _BETWEEN * number / _CANDIDATES), 3) for number in range(_CANDIDATES))
    pictures = [_opened(source, max_pixels, _ROUGHLY | _KEYS_ALONE, start_s) for start_s in starts]
    return _plan(source, starts, pictures, most=1, enough=1, is_of_all=source.duration_s <= span_s)


def whole_looks(source: Source, *, max_pixels: int) -> LookPlan:
    """Looks all over the first seconds, where too few key frames were found."""
    span_s = min(source.duration_s or _WHOLE_S, _WHOLE_S)
    rate = max(2.0, _WHOLE_LOOKS / span_s)
    options = _ROUGHLY | _NOT_BOTH_WAYS | {"t": f"{span_s:g}"}
    picture = _at_rate(_opened(source, max_pixels, options), rate)
    return _plan(source, (0.0,), [picture], most=_WHOLE_LOOKS)


def plan_finals(source: Source, times_s: tuple[float, ...], *, max_pixels: int) -> LookPlan:
    """The second look, at the best key frames: what moves right after them."""
    rate = _BURST_LOOKS / _BURST_S
    starts = times_s[:_FINALISTS]
    if not reads_through(source) or max(starts) > opening.THROUGH_S:
        stretch = _ROUGHLY | _NOT_BOTH_WAYS | {"t": f"{_BURST_S:g}"}
        opened = [_opened(source, max_pixels, stretch, start_s) for start_s in starts]
        return _plan(source, starts, [_at_rate(picture, rate) for picture in opened], most=_BURST_LOOKS)
    last_s = max(starts) + _BURST_S
    # Times are rounded: each stretch begins a little early, so that it has its key frame.
    wanted = "+".join(f"between(pts*tb,{start_s - 0.004:.3f},{start_s + _BURST_S:.3f})" for start_s in sorted(starts))
    stretches = dropping(f"not({wanted})") | {"t": f"{last_s:.3f}"}
    keeps = _can_keep(source)
    picture = _opened(source, max_pixels, (_KEYS_WELL if keeps else _ROUGHLY) | _NOT_BOTH_WAYS | stretches)
    picture = picture.filter("select", f"isnan(prev_selected_t)+gte(t-prev_selected_t,{0.9 / rate:.3f})")
    # Two stretches that touch or meet are one burst, as good for comparing.
    most = _BURST_LOOKS * len(starts)
    return _plan(source, (0.0,), [picture], most=most, is_parted=True, keeps=keeps)


def read_looks(plan: LookPlan, number: int, rgb: bytes, times: str) -> tuple[tuple[Look, ...], ...]:
    """The bursts of one series, from its two files; none where nothing could be decoded."""
    size = plan.width * plan.height * 3
    found = [float(time_s) for time_s in re.findall(r"pts_time:([\d.]+)", times)]
    bursts: list[list[Look]] = []
    for place, time_s in enumerate(found[: len(rgb) // size]):
        look = Look(
            time_s=round(plan.starts[number] + time_s, 3),
            width=plan.width,
            height=plan.height,
            rgb=rgb[place * size : (place + 1) * size],
        )
        if not bursts or (plan.is_parted and look.time_s - bursts[-1][-1].time_s > _BURST_S):
            bursts.append([])
        bursts[-1].append(look)
    return tuple(tuple(burst) for burst in bursts)


def _opened(source: Source, max_pixels: int, more: Options, start_s: float = 0.0) -> ffmpeg.nodes.FilterableStream:
    options = input_options(max_pixels=max_pixels, video=source.video) | _threads(source).of_decoder
    # Built anew where the size changes, the filters would write the times that they note from the beginning.
    options |= unprobed(source) | of_one_graph(source.video) | more
    if start_s > 0:
        options["ss"] = f"{start_s:.3f}"
    return ffmpeg.input(SOURCE_FILE, **options)[str(source.video.index)]


def _at_rate(picture: ffmpeg.nodes.FilterableStream, rate: float) -> ffmpeg.nodes.FilterableStream:
    return picture.filter("fps", f"{rate:g}", start_time=0)


def _plan(
    source: Source,
    starts: tuple[float, ...],
    pictures: list[ffmpeg.nodes.FilterableStream],
    *,
    most: int,
    enough: int = 0,
    is_parted: bool = False,
    is_of_all: bool = True,
    keeps: bool = False,
    board: Board | None = None,
) -> LookPlan:
    width, height = fitted(source.video.width, source.video.height, _SIDE)
    has_lines = enough > 0 and _has_lines(source)
    # Each picture once: raw video has no times, and ffmpeg would repeat pictures to fill what lies between them.
    raw = {"frames:v": most, "c:v": "rawvideo", "fps_mode": "passthrough"}
    outputs = []
    for number, each in enumerate(pictures):
        branches = each.split()
        picture = branches["look"]
        if keeps:
            outputs.append(_as_large_as_told(branches["kept"], source, has_bars=True).output(KEPT, f="nut", **raw))
        if board is not None:
            firsts = branches["tiles"].filter("select", board.firsts("t"))
            outputs.append(storyboard.sheets(firsts, source, board, are_picked=True, are_keys=True))
            # The very beginning has a tile, and is no poster.
            picture = picture.filter("select", f"gt(t,{source.duration_s * _ENDS:.3f})")
        if has_lines:
            lines = _as_large_as_told(branches["lines"], source).filter("crop", f"min(iw,{_LINES_WIDTH})", "ih")
            # Without a filter that converts in between, ffmpeg would take the colours off all branches.
            lines = lines.filter("scale").filter("format", "gray")
            outputs.append(
                lines.output(
                    f"{FOLDER}/{number}.pgm",
                    **{"frames:v": most, "c:v": "pgm", "f": "image2pipe", "fps_mode": "passthrough"},
                )
            )
        picture = picture.filter("scale", width, height, flags="area").filter("format", "rgb24")
        # The print filter prints frames that have something to print.
        picture = picture.filter("metadata", "add", key="look", value=number)
        picture = picture.filter("metadata", "print", file=f"{FOLDER}/{number}.txt")
        outputs.append(picture.output(f"{FOLDER}/{number}.rgb", f="rawvideo", **raw))
    # A still is sought by its time from the file's beginning on: so are times told where the file is read through.
    beside = in_step(source, {source.video.index}) if starts == (0.0,) else ()
    arguments = (*QUIET, *_threads(source).of_filters, *ffmpeg.merge_outputs(*outputs).get_args(), *beside)
    return LookPlan(
        arguments=arguments,
        starts=starts,
        width=width,
        height=height,
        enough=enough,
        is_parted=is_parted,
        is_of_all=is_of_all,
        has_lines=has_lines,
        keeps=keeps,
        has_sheets=board is not None,
    )


def _as_large_as_told(
    picture: ffmpeg.nodes.FilterableStream, source: Source, *, has_bars: bool = False
) -> ffmpeg.nodes.FilterableStream:
    """All pictures in the size of the first, if their filters stay: what is cut or written as it is counts on it.

    If it ``has_bars``, those of another shape keep it (`tasks.media.shapes`).
    """
    video = source.video
    if not of_one_graph(video):
        return picture
    width, height = video.coded_width, video.coded_height
    return resized(picture, width, height, sizes(video, width, height) if has_bars else {})


def _has_lines(source: Source) -> bool:
    # Fields would have to be parted first; and small pictures are not what anybody enlarges to.
    return not source.video.is_interlaced and source.video.height >= _LEAST_LINES and source.video.rotation % 180 == 0


def _can_keep(source: Source) -> bool:
    # Raw pictures carry no colours, fields want what lies beside them, and larger pictures would fill the disk.
    video = source.video
    is_usual = video.pixel_format == "yuv420p" and video.colour.is_plain and not video.colour.full_range
    return is_usual and not video.is_interlaced and video.pixels <= SMALL_PIXELS


def _threads(source: Source) -> Threads:
    return threads_to_look(source.video.pixels)
