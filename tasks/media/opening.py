"""Opening: how a run that wants parts of a source gets at them with the least work."""

from __future__ import annotations

from typing import Final, TypeAlias

from tasks.media.source import Source

Options: TypeAlias = dict[str, object]
THROUGH_S: Final = 32.0
"""What of a long clip is looked at first, in seconds from its beginning on: the rest may still be on its way."""

# ffmpeg decodes pictures of these at the opening of a file, and with each seek the file is opened once more.
_DEAR_TO_OPEN: Final = ("h264", "hevc")
_MP4: Final = "mov"


def reads_through(source: Source) -> bool:
    """Whether reading on to the parts that are wanted, without decoding what lies between, costs less than seeking."""
    return source.video.codec in _DEAR_TO_OPEN and source.container == _MP4


def dropping(condition: str) -> Options:
    """The input's option that drops packets before they are decoded, by ffmpeg's noise filter, and adds no noise."""
    return {"bsf:v": f"noise=amount=0:drop='{condition}'"}
