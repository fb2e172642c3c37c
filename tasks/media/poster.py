"""The poster: the run that takes it, and the one that makes its further sizes and formats."""

from __future__ import annotations

from typing import Final

import ffmpeg

from tasks.media.colour import as_jpeg, scaled
from tasks.media.encode import OUTPUT
from tasks.media.geometry import fitted
from tasks.media.ladder import Ladder
from tasks.media.looks import KEPT, QUIET
from tasks.media.opening import can_seek, looking_further
from tasks.media.picture import shown
from tasks.media.shapes import sizes
from tasks.media.source import Source
from tasks.media.source_input import SOURCE_FILE, input_options
from tasks.media.threads import ALL_THREADS, Threads, threads_to_look
from tasks.media.thumbhash import MAX_SIDE
from tasks.records.base import Value

POSTER: Final = "poster.jpg"
STILL: Final = "still.nut"
# AVIF's encoder refuses more than 240; a still has none, but inherits the claim of what it was taken from.
_ANY_RATE: Final = 25
THUMB: Final = "thumb.rgb"
_THUMB_SIDE: Final = 64


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


def plan_poster(source: Source, ladder: Ladder, time_s: float, *, max_pixels: int, kept: int | None = None) -> Still:
    """The run that takes the largest JPEG, a small picture for the thumbhash, and the still that sizes are made of.

    It takes the picture at ``time_s``, or that number of those which a look has kept, counted from 0.
    """
    video = source.video
    width = min(ladder.poster.max_width, video.width // 2 * 2 or 2)
    height = _height(source, width)
    if kept is None:
        picture = _sought(source, time_s, max_pixels)
    else:
        picture = ffmpeg.input(KEPT)["v"].filter("select", f"eq(n,{kept})")
    picture = shown(picture, video)
    picture = as_jpeg(scaled(picture, video.colour, width, height, within=sizes(video, width, height)))
    return still_run(picture, width, height, threads=_threads(source))


def _sought(source: Source, time_s: float, max_pixels: int) -> ffmpeg.nodes.FilterableStream:
    video = source.video
    # Half a frame early at most: the time is rounded, and seeking passes over what lies before it.
    soon_s = max(0.0, time_s - 0.004)
    options = input_options(max_pixels=max_pixels, video=source.video) | _threads(source).of_decoder
    options |= looking_further(source)
    if soon_s and can_seek(source):
        options["ss"] = f"{soon_s:.3f}"
    picture = ffmpeg.input(SOURCE_FILE, **options)[str(video.index)]
    if soon_s and not can_seek(source):
        picture = picture.filter("trim", start=f"{soon_s:.3f}")
    return picture


def still_run(
    picture: ffmpeg.nodes.FilterableStream, width: int, height: int, *, threads: Threads = ALL_THREADS
) -> Still:
    """The run that writes one frame of that size, in JPEG's colours, as `POSTER`, `STILL` and `THUMB`."""
    thumb_width, thumb_height = fitted(width, height, min(_THUMB_SIDE, MAX_SIDE))
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
        arguments=(*QUIET, *threads.of_filters, *ffmpeg.merge_outputs(*outputs).get_args()),
        width=width,
        height=height,
        thumb_width=thumb_width,
        thumb_height=thumb_height,
    )


def plan_variants(ladder: Ladder, still: Still) -> tuple[tuple[str, ...], tuple[Variant, ...]]:
    """The run that makes every width in AVIF, WebP and JPEG from the still, and what it makes; nothing is enlarged."""
    widths = sorted({min(width, still.width) for width in ladder.poster.widths}, reverse=True)
    sizes = [(width, max(2, round(width * still.height / still.width / 2) * 2)) for width in widths]
    picture = ffmpeg.input(STILL, r=_ANY_RATE)["v"].split()
    outputs, variants = [], []
    for number, (width, height) in enumerate(sizes):
        sized = picture[number].filter("scale", width, height, flags="lanczos").split()
        # AVIF says its matrix; JPEG and WebP are BT.601 by their standards, which is also swscale's choice for RGB.
        avif = sized[0].filter("scale", out_color_matrix="bt709", out_range="tv").filter("format", "yuv420p")
        colour = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709", "color_range": "tv"}
        coded = {"c:v": "libsvtav1", "preset": 8, "crf": 32, "svtav1-params": "avif=1", "f": "avif"}
        webp = {"c:v": "libwebp", "quality": 80, "compression_level": 2, "f": "webp"}
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
    return (*QUIET, *filters, *ffmpeg.merge_outputs(*outputs).get_args()), tuple(variants)


def _threads(source: Source) -> Threads:
    return threads_to_look(source.video.pixels)


def _height(source: Source, width: int) -> int:
    return max(2, round(width * source.video.height / source.video.width / 2) * 2)
