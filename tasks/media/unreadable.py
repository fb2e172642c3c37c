"""Why an upload can't be read: ffprobe's messages, in words that an editor understands."""

from __future__ import annotations

from typing import Final

from tasks.errors import SourceRejected
from tasks.media.decoders import refused_codec, without_lists

_NO_INDEX: Final = (
    "This file is cut off: its index is missing, so nothing in it can be played. Upload the whole file again."
)
_COMPRESSED_INDEX: Final = (
    "This film's index is compressed (QuickTime, cmov) and can't be opened. Export it without that."
)
_NO_VIDEO: Final = "This file is not a video that can be read. Check the file, then upload it again."


def unreadable(messages: str) -> SourceRejected:
    """The error to raise (``unreadable``) for a file that ffprobe could not read, by what it said."""
    told = without_lists(messages)
    if "moov atom not found" in told:
        words = _NO_INDEX
    elif "requires zlib" in told:
        words = _COMPRESSED_INDEX
    elif codec := refused_codec(told):
        words = (
            f"Picture or sound in this file is coded as “{codec}”, which is not accepted. Export it again, for "
            "instance as H.264 and AAC in .mp4."
        )
    else:
        words = _NO_VIDEO
    return SourceRejected("unreadable", words, told)
