"""The picture: from a decoded stream of any kind to frames as they are to be shown."""

from __future__ import annotations

import ffmpeg

from tasks.media.source import VideoStream


def shown(stream: ffmpeg.nodes.FilterableStream, video: VideoStream) -> ffmpeg.nodes.FilterableStream:
    """The stream as progressive frames, in the size and rate it came in; ffmpeg itself has turned it upright.

    Where the source is interlaced, bwdif makes one frame of each pair of fields.
    """
    if not video.is_interlaced:
        return stream
    return stream.filter("bwdif", mode="send_frame", parity=video.scan.removeprefix("interlaced_"))
