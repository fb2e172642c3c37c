"""Watches the copy of a source's video for what players could not show, or not well.

Where recordings were joined in one track, the parameter sets of the second stand among the pictures: some players go by
the header alone, and show nothing, or noise, from there on. And segments are cut at the source's own key frames: the
longer they lie apart, the more has to be held in memory until a segment is whole, here and in a player.
"""

from __future__ import annotations

import math
import mmap
import threading
from pathlib import Path

from tasks.media import direct, encode, package, parameter_sets
from tasks.media.mp4 import boxes
from tasks.media.mp4.boxes import Header
from tasks.media.package import MediaPlaylist
from tasks.media.progress import Progress
from tasks.media.source import VideoStream


class CopiedSegments:
    """The segments of a copied track, in ``folder``, that are whole; safe to share between threads."""

    def __init__(self, folder: Path, *, is_short: bool) -> None:
        """Nothing is read yet. Those of a clip that ``is_short`` may be as long as they like."""
        self._folder = folder
        self._longest_s = math.inf if is_short else direct.LONGEST_SEGMENT_S
        self._header: Header | None = None
        self._passed: set[str] = set()
        self._whole_s = 0.0
        self._fault: str | None = None
        self._lock = threading.Lock()

    def fault(self, copied_s: float = 0.0) -> str | None:
        """What speaks against showing them, if anything does; each segment is looked at once.

        ``copied_s`` of the picture have been copied, the segment included that isn't whole yet.

        Raises:
            TemporarilyUnavailable: one is not as CMAF wants it (``encoder_output_damaged``).
            OSError: the disk failed.
        """
        playlist = self._folder / encode.MEDIA_PLAYLIST
        with self._lock:
            if self._fault is None and playlist.is_file():
                self._look(package.read_media_playlist(playlist.read_text(encoding="utf-8")))
            if self._fault is None and copied_s - self._whole_s > self._longest_s:
                self._fault = "its key frames are too far apart"
            return self._fault

    def _look(self, told: MediaPlaylist) -> None:
        for name, duration_s in told.segments:
            if name in self._passed:
                continue
            if self._header is None:
                self._header = boxes.read_header((self._folder / told.init).read_bytes())
            if not _is_described(self._folder / name, self._header):
                self._fault = "it is not coded as its header says"
            elif duration_s > self._longest_s:
                self._fault = "its key frames are too far apart"
            self._passed.add(name)
            self._whole_s += duration_s


def copied_s(progress: Progress, video: VideoStream) -> float:
    """How many seconds of the picture have been copied, at least, in a run that copies its sound too.

    The sound may go on behind the picture, and the picture behind what Matroska's tags, if there are any, say of it.
    """
    return max(progress.frames / float(video.frame_rate), min(progress.time_s, video.duration_s or 0.0))


def _is_described(segment: Path, header: Header) -> bool:
    if not segment.stat().st_size:
        # A full disk leaves such files, and the run says so.
        return False
    # Only the pages in which units begin are read.
    with segment.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        begin = boxes.bytes_before_media(content, len(content))
        return begin is not None and parameter_sets.are_described(content, begin, header.configuration)
