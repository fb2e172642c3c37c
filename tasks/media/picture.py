"""The picture: from a decoded stream of any kind to frames as they are to be shown."""

from __future__ import annotations

from fractions import Fraction

import ffmpeg

from tasks.media.scan import FILM_RATE
from tasks.media.shapes import resized, sizes
from tasks.media.source import VideoStream
from tasks.media.timing import FIELDS_OF_FILM


def shown(
    stream: ffmpeg.nodes.FilterableStream, video: VideoStream, *, rate: Fraction | None = None
) -> ffmpeg.nodes.FilterableStream:
    """The stream as progressive frames of the picture's own lines; ffmpeg itself has turned it upright.

    Where the source is interlaced, bwdif makes one frame of each pair of fields, or one of each field where ``rate``,
    the frames per second to encode at, asks for more than there are pairs. 3:2 pulldown is taken out.
    """
    if video.blanking_lines:
        # An even number, so the fields keep their order.
        stream = stream.filter("crop", "iw", f"ih-{video.blanking_lines}", 0, video.blanking_lines)
    if not video.is_interlaced:
        return stream
    if of_one_graph(video):
        # Fields are parted in pictures of one size only; where it changes, each field is scaled by itself.
        width, height = video.coded_width, video.coded_height
        stream = resized(stream, width, height, sizes(video, width, height), flags="lanczos", interl=1)
    if video.rotation % 180 == 0:
        return _woven(stream, video, rate)
    # ffmpeg has turned the fields' lines into columns; they are parted lying, as they were taken.
    return _woven(stream.filter("transpose", "clock"), video, rate).filter("transpose", "cclock")


def evened(stream: ffmpeg.nodes.FilterableStream, video: VideoStream) -> ffmpeg.nodes.FilterableStream:
    """Film in 2:3 pulldown by flags with its frames at one distance, each within a quarter of a field of its own time.

    As they come, a constant rate can't but show every other frame twice and leave the next one out, wherever its clock
    falls between both. The mean of two neighbours' times is even, two fields and a half behind the one before.
    """
    if video.nominal_rate != video.frame_rate * FIELDS_OF_FILM:
        return stream
    field = 1 / video.nominal_rate
    # What comes after a gap keeps its time.
    mean = f"(PREV_INPTS+PTS)/2+{field * FIELDS_OF_FILM / 2}/TB"
    return stream.filter("setpts", f"if(lt(PTS-PREV_INPTS,{field * 7 / 2}/TB),{mean},PTS)")


def of_one_graph(video: VideoStream) -> dict[str, object]:
    """Options of an input whose pictures are scaled first, or `shown` if they are interlaced.

    Its filters then stay as they are where size or colours change. Built anew, as where recordings were joined, they
    would forget what they have seen and written. Only where nothing turns or crops pictures, or lays them over black:
    that counts on the size that it began with.
    """
    if not video.is_as_coded or video.blanking_lines or video.colour.has_alpha:
        return {}
    return {"reinit_filter": 0, "noautorotate": None}


def field_rate(video: VideoStream) -> Fraction:
    """The rate at which the picture moves: frames per second, fields of interlaced video, frames of telecined film."""
    if video.telecined:
        return FILM_RATE
    return video.frame_rate * (2 if video.is_interlaced else 1)


def _woven(
    stream: ffmpeg.nodes.FilterableStream, video: VideoStream, rate: Fraction | None
) -> ffmpeg.nodes.FilterableStream:
    order = video.scan.removeprefix("interlaced_")
    if video.telecined:
        stream = stream.filter("fieldmatch", order=order, combmatch="full")
        # What no neighbouring field fits is video, a ticker over film for one.
        return stream.filter("bwdif", mode="send_frame", deint="interlaced").filter("decimate")
    mode = "send_field" if rate is not None and rate > video.frame_rate else "send_frame"
    if video.mixed:
        # idet marks each frame by what it shows; the file's own marks are what it corrects.
        return stream.filter("idet").filter("bwdif", mode=mode, parity=order, deint="interlaced")
    return stream.filter("bwdif", mode=mode, parity=order)
