"""Sampling: the short stretches of a source that are decoded to see what its flags don't tell, and the run for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import ffmpeg

from tasks.media.opening import dropping, reads_through, unprobed
from tasks.media.scan import may_be_pulldown
from tasks.media.source import Source, VideoStream
from tasks.media.source_input import SOURCE_FILE, input_options
from tasks.media.threads import threads_to_look

BEGINNING_S: Final = 16.0
"""Of what still arrives so much is looked at: nobody is to wait for the end of a long clip."""

_WHOLE_S: Final = 3.0
# Fields are told from mixtures by a closer look than it takes to believe a file that it is progressive, and from film
# by one that sees its fields repeated several times.
_STRETCH_S: Final = 0.6
_FILM_STRETCH_S: Final = 1.2
_PLACES: Final = (0.15, 0.5, 0.8)
_GLANCE_S: Final = 0.48
# On the way through a film, whose pictures cost most to decode: where they tell too little they are sought once more.
_PASSING_GLANCE_S: Final = 0.32
_GLANCES: Final = (0.25, 0.7)
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


def glances_through(source: Source) -> bool:
    """Whether `plan_fields` reads the file from its beginning on, without seeking."""
    return not source.video.is_interlaced and source.duration_s > _WHOLE_S and reads_through(source)


def glanced_frames(source: Source) -> int:
    """How many frames a glance at a film that has a key frame each second sees."""
    return max(2, round(len(_GLANCES) * _passing_s(source) * float(source.video.frame_rate)))


def looked_at_s(source: Source) -> float:
    """Where the last stretch ends, in seconds, that `plan_fields` looks at."""
    span_s, places, length_s = _stretches(source)
    # The stretch begins at a key frame, and that may follow.
    return source.duration_s if span_s == source.duration_s else span_s * places[-1] + 2 * length_s


def beginning(source: Source) -> Source:
    """The source as though it ended after what of a long one is looked at first."""
    return replace(source, duration_s=min(source.duration_s, BEGINNING_S))


def plan_fields(source: Source, *, max_pixels: int, seeks: bool = False) -> tuple[str, ...]:
    """Arguments of a run that prints idet's finding for each frame: of a short clip whole, of others 4 s at most.

    Where `glances_through` says so it reads on from the beginning to each stretch's first key frame. With ``seeks`` the
    stretches are sought in any case, and found where key frames are rare.
    """
    # Without the filter that smooths block edges, which costs a fifth of decoding and hides nothing of the fields.
    threads = threads_to_look(source.video.pixels)
    options = {"skip_loop_filter": "all", **input_options(max_pixels=max_pixels, video=source.video)}
    options |= threads.of_decoder | unprobed(source)
    span_s, places, length_s = _stretches(source)
    index = str(source.video.index)
    enough: dict[str, object] = {}
    if source.duration_s <= _WHOLE_S:
        pictures = [ffmpeg.input(SOURCE_FILE, t=f"{_WHOLE_S:g}", **options)[index]]
    elif glances_through(source) and not seeks:
        first, second = (f"{span_s * place:.3f}" for place in places)
        # The first keeps count of the stretches that were begun, the other the last one's time.
        wanted = f"if(eq(ld(1),0),{first},if(eq(ld(1),1),{second},dts*tb+1))"
        begun = f"if(key*gte(dts*tb,{wanted}),st(1,ld(1)+1)*0+st(0,dts*tb)*0,0)"
        # Key frames after the second stretch are let through: only what comes out of it ends a run.
        beyond = f"gte(dts*tb-ld(0),{_passing_s(source):g})*(1-key*eq(ld(1),2))"
        passed_over = dropping(f"{begun}+eq(ld(1),0)+{beyond}")
        enough = {"frames:v": glanced_frames(source)}
        pictures = [ffmpeg.input(SOURCE_FILE, t=f"{span_s:.3f}", **passed_over, **options)[index]]
    else:
        # From the key frame before, without decoding up to the very time: any frames will do.
        pictures = [
            ffmpeg.input(
                SOURCE_FILE,
                ss=f"{span_s * place:.3f}",
                t=f"{length_s:g}",
                noaccurate_seek=None,
                **options,
            )[index]
            for place in places
        ]
    outputs = [_judged(picture, source.video).output("-", f="null", **enough) for picture in pictures]
    arguments = ffmpeg.merge_outputs(*outputs).get_args()
    return ("-nostdin", "-hide_banner", "-loglevel", "error", *threads.of_filters, *arguments)


def _judged(picture: ffmpeg.nodes.FilterableStream, video: VideoStream) -> ffmpeg.nodes.FilterableStream:
    if video.blanking_lines:
        picture = picture.filter("crop", "iw", f"ih-{video.blanking_lines}", 0, video.blanking_lines)
    if video.rotation % 180:
        picture = picture.filter("transpose", "clock")
    # Each stretch has a filter of its own, which compares neighbours, and prints line by line: all print at once.
    return picture.filter("idet").filter("metadata", "print", file="-", direct=1)


def _passing_s(source: Source) -> float:
    # Film shows itself by how often a field is repeated: a few frames don't tell.
    return _GLANCE_S if may_be_pulldown(source.video.frame_rate) else _PASSING_GLANCE_S


def _stretches(source: Source) -> tuple[float, tuple[float, ...], float]:
    """How many seconds from the first on the stretches lie in, at which shares of those, and how long each is."""
    if source.video.is_interlaced:
        length_s = _FILM_STRETCH_S if may_be_pulldown(source.video.frame_rate) else _STRETCH_S
        return source.duration_s, _PLACES, length_s
    return min(source.duration_s, BEGINNING_S), _GLANCES, _GLANCE_S
