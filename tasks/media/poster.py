"""The poster: at which times to look for it, and the runs that look, take it, and make its further sizes and formats.

How long that takes does not grow with the clip: of a long one a few key frames are looked at, found by seeking.
"""

from __future__ import annotations

import re
from typing import Final

import ffmpeg

from tasks.media.appeal import Look
from tasks.media.colour import as_jpeg, scaled
from tasks.media.encode import OUTPUT, SOURCE_FILE, input_options
from tasks.media.ladder import Ladder
from tasks.media.picture import shown
from tasks.media.source import Source
from tasks.media.threads import ALL_THREADS, Threads, threads_to_look
from tasks.media.thumbhash import MAX_SIDE
from tasks.records.base import Value

POSTER: Final = "poster.jpg"
STILL: Final = "still.nut"
THUMB: Final = "thumb.rgb"
LOOKS: Final = "looks"
_QUIET: Final = ("-nostdin", "-hide_banner", "-loglevel", "error", "-y")
# Up to here reading all key frames costs no more than seeking to some.
_WHOLE_S: Final = 12.0
# With fewer key frames than this there is too little to choose from, and a whole decode is worth its cost.
_ENOUGH: Final = 3
_WHOLE_LOOKS: Final = 24
_CANDIDATES: Final = 8
_FINALISTS: Final = 3
_BURST_S: Final = 0.6
_BURST_LOOKS: Final = 4
_LOOK_SIDE: Final = 128
_THUMB_SIDE: Final = 64


class LookPlan(Value):
    """A run that looks at the clip: one burst of small pictures from each of ``starts``, in seconds.

    Burst *n* is written to ``looks/n.rgb``, and the times of its pictures, from its start on, to ``looks/n.txt``.
    ``enough``: of key frames alone, so many have to be found; 0 where the looks are neighbours, to be compared.
    """

    arguments: tuple[str, ...]
    starts: tuple[float, ...]
    width: int
    height: int
    enough: int


class Still(Value):
    """The run that takes the poster, and the sizes of what it makes in pixels."""

    arguments: tuple[str, ...]
    width: int
    height: int
    thumb_width: int
    thumb_height: int


class Variant(Value):
    """A further size or format of the poster; ``path`` is below the version prefix."""

    path: str
    type: str
    width: int
    height: int


def plan_looks(source: Source, *, max_pixels: int) -> LookPlan:
    """The first look: at all key frames of a short clip, at some of a long one. The very ends are left out."""
    duration_s = source.duration_s
    if not _can_seek(source):
        return whole_looks(source, max_pixels=max_pixels)
    if duration_s <= _WHOLE_S:
        return _looks(source, (0.0,), rate=None, most=_WHOLE_LOOKS, span_s=None, max_pixels=max_pixels, enough=_ENOUGH)
    starts = tuple(round(duration_s * (0.04 + 0.84 * number / _CANDIDATES), 3) for number in range(_CANDIDATES))
    return _looks(source, starts, rate=None, most=1, span_s=None, max_pixels=max_pixels, enough=1)


def whole_looks(source: Source, *, max_pixels: int) -> LookPlan:
    """Looks all over the first seconds, where too few key frames were found."""
    span_s = min(source.duration_s or _WHOLE_S, _WHOLE_S)
    rate = max(2.0, _WHOLE_LOOKS / span_s)
    return _looks(source, (0.0,), rate=rate, most=_WHOLE_LOOKS, span_s=span_s, max_pixels=max_pixels)


def plan_finals(source: Source, times_s: tuple[float, ...], *, max_pixels: int) -> LookPlan:
    """The second look, at the best key frames of a long clip: what moves right after them."""
    rate = _BURST_LOOKS / _BURST_S
    starts = times_s[:_FINALISTS]
    return _looks(source, starts, rate=rate, most=_BURST_LOOKS, span_s=_BURST_S, max_pixels=max_pixels)


def read_looks(plan: LookPlan, number: int, rgb: bytes, times: str) -> tuple[Look, ...]:
    """The looks of one burst, from its two files; none where nothing could be decoded."""
    size = plan.width * plan.height * 3
    found = [float(time_s) for time_s in re.findall(r"pts_time:([\d.]+)", times)]
    return tuple(
        Look(
            time_s=round(plan.starts[number] + time_s, 3),
            width=plan.width,
            height=plan.height,
            rgb=rgb[place * size : (place + 1) * size],
        )
        for place, time_s in enumerate(found[: len(rgb) // size])
    )


def plan_poster(source: Source, ladder: Ladder, time_s: float, *, max_pixels: int) -> Still:
    """The run that takes the largest JPEG, a small picture for the thumbhash, and the still that sizes are made of."""
    video = source.video
    width = min(ladder.poster.max_width, video.width // 2 * 2 or 2)
    height = _height(source, width)
    # Half a frame early at most: the time is rounded, and seeking passes over what lies before it.
    soon_s = max(0.0, time_s - 0.004)
    picture = _from(source, soon_s if _can_seek(source) else 0.0, max_pixels)
    if soon_s and not _can_seek(source):
        picture = picture.filter("trim", start=f"{soon_s:.3f}")
    picture = shown(picture, video)
    picture = as_jpeg(scaled(picture, video.colour, width, height))
    return still_run(picture, width, height, threads=_threads(source))


def still_run(
    picture: ffmpeg.nodes.FilterableStream, width: int, height: int, *, threads: Threads = ALL_THREADS
) -> Still:
    """The run that writes one frame of that size, in JPEG's colours, as `POSTER`, `STILL` and `THUMB`."""
    thumb_width, thumb_height = _fitted(width, height, min(_THUMB_SIDE, MAX_SIDE))
    picture = picture.split()
    thumb = picture[2].filter("scale", thumb_width, thumb_height, flags="area").filter("format", "rgb24")
    outputs = [
        picture[0].output(
            f"{OUTPUT}/{POSTER}",
            **{"frames:v": 1, "c:v": "mjpeg", "q:v": 3, "pix_fmt": "yuvj420p", "f": "image2", "update": 1},
        ),
        picture[1].filter("format", "rgb24").output(STILL, **{"frames:v": 1, "c:v": "rawvideo"}),
        thumb.output(THUMB, **{"frames:v": 1, "c:v": "rawvideo", "f": "rawvideo"}),
    ]
    return Still(
        arguments=(*_QUIET, *threads.of_filters, *ffmpeg.merge_outputs(*outputs).get_args()),
        width=width,
        height=height,
        thumb_width=thumb_width,
        thumb_height=thumb_height,
    )


def plan_variants(ladder: Ladder, still: Still) -> tuple[tuple[str, ...], tuple[Variant, ...]]:
    """The run that makes every width in AVIF, WebP and JPEG from the still, and what it makes; nothing is enlarged."""
    widths = sorted({min(width, still.width) for width in ladder.poster.widths}, reverse=True)
    sizes = [(width, max(2, round(width * still.height / still.width / 2) * 2)) for width in widths]
    picture = ffmpeg.input(STILL)["v"].split()
    outputs, variants = [], []
    for number, (width, height) in enumerate(sizes):
        sized = picture[number].filter("scale", width, height, flags="lanczos").split()
        # AVIF says its matrix; JPEG and WebP are BT.601 by their standards, which is also swscale's choice for RGB.
        avif = sized[0].filter("scale", out_color_matrix="bt709", out_range="tv").filter("format", "yuv420p")
        colour = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709", "color_range": "tv"}
        coded = {"c:v": "libsvtav1", "preset": 7, "crf": 32, "svtav1-params": "avif=1", "f": "avif"}
        webp = {"c:v": "libwebp", "quality": 80, "f": "webp"}
        outputs.append(avif.output(f"{OUTPUT}/poster-{width}.avif", **{"frames:v": 1}, **coded, **colour))
        outputs.append(
            sized[1].filter("format", "yuv420p").output(f"{OUTPUT}/poster-{width}.webp", **{"frames:v": 1}, **webp)
        )
        variants.append(Variant(path=f"poster-{width}.avif", type="image/avif", width=width, height=height))
        variants.append(Variant(path=f"poster-{width}.webp", type="image/webp", width=width, height=height))
        jpeg = {"c:v": "mjpeg", "q:v": 3, "pix_fmt": "yuvj420p", "f": "image2", "update": 1}
        if width == still.width:
            variants.append(Variant(path=POSTER, type="image/jpeg", width=width, height=height))
        else:
            outputs.append(sized[2].output(f"{OUTPUT}/poster-{width}.jpg", **{"frames:v": 1}, **jpeg))
            variants.append(Variant(path=f"poster-{width}.jpg", type="image/jpeg", width=width, height=height))
    variants.sort(key=lambda each: (("image/avif", "image/webp", "image/jpeg").index(each.type), -each.width))
    filters = threads_to_look(still.width * still.height).of_filters
    return (*_QUIET, *filters, *ffmpeg.merge_outputs(*outputs).get_args()), tuple(variants)


def _looks(
    source: Source,
    starts: tuple[float, ...],
    *,
    rate: float | None,
    most: int,
    span_s: float | None,
    max_pixels: int,
    enough: int = 0,
) -> LookPlan:
    width, height = _fitted(source.video.width, source.video.height, _LOOK_SIDE)
    outputs = []
    for number, start_s in enumerate(starts):
        picture = _from(source, start_s, max_pixels, key_frames_only=rate is None, span_s=span_s, is_small=True)
        if rate is not None:
            picture = picture.filter("fps", f"{rate:g}", start_time=0)
        picture = picture.filter("scale", width, height, flags="area").filter("format", "rgb24")
        # The print filter prints frames that have something to print.
        picture = picture.filter("metadata", "add", key="look", value=number)
        picture = picture.filter("metadata", "print", file=f"{LOOKS}/{number}.txt")
        options = {"frames:v": most, "c:v": "rawvideo", "f": "rawvideo"}
        outputs.append(picture.output(f"{LOOKS}/{number}.rgb", **options))
    arguments = (*_QUIET, *_threads(source).of_filters, *ffmpeg.merge_outputs(*outputs).get_args())
    return LookPlan(arguments=arguments, starts=starts, width=width, height=height, enough=enough)


def _from(
    source: Source,
    start_s: float,
    max_pixels: int,
    *,
    key_frames_only: bool = False,
    span_s: float | None = None,
    is_small: bool = False,
) -> ffmpeg.nodes.FilterableStream:
    options = input_options(max_pixels=max_pixels, video=source.video, key_frames_only=key_frames_only)
    options |= _threads(source).of_decoder
    if span_s is not None:
        options["t"] = f"{span_s:g}"
        # Frames predicted from both sides are passed over, a fifth of the work.
        options["skip_frame"] = "bidir"
    if is_small:
        # What softens block edges is another fifth, and so small a look hides it.
        options["skip_loop_filter"] = "all"
    if start_s > 0:
        options["ss"] = f"{start_s:.3f}"
    return ffmpeg.input(SOURCE_FILE, **options)[str(source.video.index)]


def _threads(source: Source) -> Threads:
    return threads_to_look(source.video.pixels)


def _can_seek(source: Source) -> bool:
    # H.264 in 4:4:4 was written wrongly by older x264; decoders correct it where they have read the first frame's note.
    return not (source.video.codec == "h264" and "444" in source.video.pixel_format)


def _fitted(width: int, height: int, longest: int) -> tuple[int, int]:
    """The picture's shape with this longer side, at least 8 pixels high and wide."""
    scale = longest / max(width, height)
    return max(8, round(width * scale)), max(8, round(height * scale))


def _height(source: Source, width: int) -> int:
    return max(2, round(width * source.video.height / source.video.width / 2) * 2)
