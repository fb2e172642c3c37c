"""I-frame playlists (RFC 8216, 4.3.3.6): scrubbing and trick play from the segments that are there already.

Each entry is a byte range of a segment: its fragment's head and its first picture. A segment's later key frames can't
be named, for a range has to begin with the fragment's head; so an entry stands for as long as its segment does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tasks.errors import TemporarilyUnavailable
from tasks.media.mp4.boxes import Fragment
from tasks.media.package import MediaPlaylist, Track, measure_track

IFRAME_PLAYLIST: Final = "iframes.m3u8"


def iframe_playlist(playlist: MediaPlaylist, fragments: Sequence[Fragment]) -> str:
    """The I-frame playlist beside a finished media playlist; ``fragments`` are its segments, in order.

    Raises:
        TemporarilyUnavailable: a segment does not begin with a key frame (``encoder_output_damaged``).
    """
    # RFC 8216, 4.3.3.1: no duration, rounded to the nearest integer, exceeds it.
    target_s = max((math.floor(duration_s + 0.5) for _, duration_s in playlist.segments), default=1)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, target_s)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-I-FRAMES-ONLY",
        f'#EXT-X-MAP:URI="{playlist.init}"',
    ]
    for (name, duration_s), fragment in zip(playlist.segments, fragments, strict=True):
        if not fragment.begins_with_key_frame:
            raise TemporarilyUnavailable(
                "encoder_output_damaged", "The encoder made a damaged file.", f"{name} begins with no key frame"
            )
        lines += [f"#EXTINF:{duration_s:.6f},", f"#EXT-X-BYTERANGE:{fragment.size_bytes}@{fragment.offset}", name]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def iframe_track(playlist: MediaPlaylist, fragments: Sequence[Fragment], codecs: str) -> Track:
    """The bit rates of the I-frame playlist, for the multivariant one."""
    return measure_track(playlist, [fragment.size_bytes for fragment in fragments], codecs)
