"""Watches the copy of a source's video for pictures that are coded otherwise than its header says.

Where recordings were joined in one track, the parameter sets of the second stand among the pictures. Some players go by
the header alone, and show nothing, or noise, from there on.
"""

from __future__ import annotations

import mmap
import threading
from pathlib import Path

from tasks.media import boxes, encode, package, parameter_sets
from tasks.media.boxes import Header


class CopiedCoding:
    """The segments of a copied track, in ``folder``, that are whole; safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet."""
        self._folder = folder
        self._header: Header | None = None
        self._passed: set[str] = set()
        self._has_changed = False
        self._lock = threading.Lock()

    def has_changed(self) -> bool:
        """Whether any of them has other parameter sets than the header; each is looked at once.

        Raises:
            TemporarilyUnavailable: one is not as CMAF wants it (``encoder_output_damaged``).
            OSError: the disk failed.
        """
        playlist = self._folder / encode.MEDIA_PLAYLIST
        with self._lock:
            if self._has_changed or not playlist.is_file():
                return self._has_changed
            told = package.read_media_playlist(playlist.read_text(encoding="utf-8"))
            for name in [name for name, _ in told.segments if name not in self._passed]:
                if self._header is None:
                    self._header = boxes.read_header((self._folder / told.init).read_bytes())
                self._has_changed = self._has_changed or not _is_described(self._folder / name, self._header)
                self._passed.add(name)
            return self._has_changed


def _is_described(segment: Path, header: Header) -> bool:
    if not segment.stat().st_size:
        # A full disk leaves such files, and the run says so.
        return False
    # Only the pages in which units begin are read.
    with segment.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        begin = boxes.bytes_before_media(content, len(content))
        return begin is not None and parameter_sets.are_described(content, begin, header.configuration)
