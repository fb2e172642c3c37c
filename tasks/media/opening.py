"""Opening: how a run that needs parts of a source gets at them with the least work."""

from __future__ import annotations

from typing import Final, TypeAlias

from tasks.media.source import Recording, Source

Options: TypeAlias = dict[str, object]
THROUGH_S: Final = 32.0
"""What of a long clip is looked at first, in seconds from its beginning on: the rest may still be on its way."""

FURTHER: Final[Options] = {"analyzeduration": "120M", "probesize": "200M"}
"""The input's options to find out what is in a broadcast whose picture begins `LATE_S` or more after its sound.

By itself ffmpeg reads five seconds at most, or five megabytes.
"""

LATE_S: Final = 4.0

# ffmpeg decodes pictures of these at the opening of a file, and with each seek the file is opened once more.
_DEAR_TO_OPEN: Final = ("h264", "hevc")
_MP4: Final = "mov"
# At each opening ffmpeg reads five megabytes of a stream, or five seconds, to find out what is in it. Matroska's index
# may still be on its way; and to read through a 1080p film takes a third of what it takes to seek in it.
_READ_THROUGH: Final = (_MP4, "mpegts", "matroska")
# Left to itself ffmpeg tells, of pictures that come out of order, the times at which others were decoded.
_OWN_TIMES: Final = "setts=pts=PTS:dts='if(eq(PTS,NOPTS),DTS,NOPTS)'"


def reads_through(source: Recording) -> bool:
    """Whether reading up to the wanted parts, without decoding what is between, costs less than seeking.

    Not where it `changes_coding`: the packet that carries the news may be one of those that are dropped.
    """
    return (
        isinstance(source, Source)
        and source.video.codec in _DEAR_TO_OPEN
        and source.container in _READ_THROUGH
        and not source.video.changes_coding
    )


def can_seek(source: Source) -> bool:
    """Whether its frames can be decoded from the middle on.

    H.264 in 4:4:4 was written wrongly by older x264; decoders correct it where they have read the first frame's note.
    """
    return not (source.video.codec == "h264" and "444" in source.video.pixel_format)


def unprobed(source: Recording) -> Options:
    """The input's option to open such a file by its index alone, without decoding a picture to find out what is in it.

    A picture that is late is looked for instead: unless its size is known it can't be passed on beside the sound.

    That costs as much as two key frames, and is nothing to the sound, nor to looks at some pictures; the encode is to
    know beforehand in which order they are shown. A file whose clock does not begin at 0 would tell other times than
    by the usual opening; and other containers don't tell all that is found out so.
    """
    has_index = reads_through(source) and source.container == _MP4
    if has_index and source.start_s == 0:
        return {"nofind_stream_info": None}
    return looking_further(source)


def looking_further(source: Recording) -> Options:
    """`FURTHER` for a source whose picture is late, nothing for others."""
    return FURTHER if isinstance(source, Source) and source.video.is_late else {}


def dropping(condition: str) -> Options:
    """The input's option that drops packets before they are decoded, by ffmpeg's noise filter, and adds no noise.

    As with `keeping_times`.
    """
    return {"bsf:v": f"noise=amount=0:drop='{condition}',{_OWN_TIMES}"}


def keeping_times() -> Options:
    """The input's option by which each picture has the time of its own packet, though others before it stay away.

    Without what lies between, key frames of open GOPs come out of order: H.264's decoder counts on it.
    """
    return {"bsf:v": _OWN_TIMES}
