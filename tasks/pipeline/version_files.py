"""The upload of a version's files from the workspace: media files once, playlists each time they have grown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tasks.media import encode, package
from tasks.pipeline.lease import Lease
from tasks.pipeline.services import Services
from tasks.records import keys

ENCODE_SHARE: Final = 0.9
"""The share of a clip's progress that its encode takes; the rest is what is left to upload."""

UPLOADS_AT_A_TIME: Final = 6
# Players begin where three segments follow (RFC 8216, 6.3.3); sending all that a fast copy has made would take longer.
_FIRST_SEGMENTS: Final = 3
_SEGMENTS_AT_A_TIME: Final = 8


class VersionFiles:
    """What ffmpeg makes below ``out/`` in the workspace, under the version's own prefix in the media bucket.

    Each call raises `LeaseLost` once the work must end, and `TemporarilyUnavailable` if the store fails.
    """

    def __init__(self, services: Services, folder: Path, name: str, edition: str, lease: Lease) -> None:
        self.root = folder / encode.OUTPUT
        self._services = services
        self._name = name
        self._edition = edition
        self._lease = lease
        self._sent: set[str] = set()
        self._playlists: dict[str, str] = {}

    def playlist(self, track: str) -> Path:
        """Where the media playlist of that rendition or programme is made."""
        return self.root / encode.HLS / track / encode.MEDIA_PLAYLIST

    def made_s(self, track: str) -> float:
        """How many seconds of a rendition or programme are made: infinitely many, once its playlist has an end."""
        text = self._read(track)
        return math.inf if package.has_end(text) else package.read_media_playlist(text).duration_s

    def unsent(self, track: str, *, is_first: bool, until_s: float = math.inf) -> str:
        """What may be uploaded next of a playlist that has grown: some more of its segments; "" if it has not.

        With ``is_first``, while readers have nothing yet, only as many as a player begins with; none that begin at
        ``until_s`` or later.
        """
        text, sent = self._read(track), self._playlists.get(str(self.playlist(track)), "")
        # Looked at several times a second, it rarely has grown; of hours, reading what it lists takes milliseconds.
        if text == sent:
            return ""
        listed = len(package.read_media_playlist(sent).segments)
        begun = sum(begin_s < until_s for begin_s in package.read_media_playlist(text).begins_s)
        text = package.beginning(text, min(begun, _FIRST_SEGMENTS if is_first else listed + _SEGMENTS_AT_A_TIME))
        return text if text != sent and begun >= max(listed, 1) else ""

    def send(self, files: list[Path], *, report: bool = False) -> None:
        """Send those of these files that have not been sent yet; with ``report``, tell the clip's progress by it."""
        waiting = [path for path in files if str(path) not in self._sent]

        def send(path: Path) -> str:
            self._lease.raise_if_stopped()
            relative = path.relative_to(self.root).as_posix()
            self._services.store.upload(
                self._services.settings.media_bucket,
                keys.version_prefix(self._name, self._edition) + relative,
                path,
                content_type=package.content_type(relative),
                cache_control=keys.CACHE_IMMUTABLE,
            )
            return str(path)

        with ThreadPoolExecutor(UPLOADS_AT_A_TIME) as pool:
            for number, sent in enumerate(pool.map(send, waiting), start=1):
                self._sent.add(sent)
                if report:
                    self._lease.report(ENCODE_SHARE + (1 - ENCODE_SHARE) * number / len(waiting), None)

    def put_playlist(self, path: Path, text: str, *, is_final: bool = False) -> None:
        """Write this text of the playlist; readers may cache it for ever only if it ``is_final``."""
        self._lease.raise_if_stopped()
        relative = path.relative_to(self.root).as_posix()
        self._services.store.put(
            self._services.settings.media_bucket,
            keys.version_prefix(self._name, self._edition) + relative,
            text.encode(),
            content_type=package.content_type(relative),
            cache_control=keys.CACHE_IMMUTABLE if is_final else keys.CACHE_RECORD,
        )
        self._playlists[str(path)] = text

    def end(self, track: str) -> None:
        """Give the playlist of that rendition or programme an end where readers have it by now, if they have it."""
        path = self.playlist(track)
        sent = self._playlists.get(str(path))
        if sent is not None and not package.has_end(sent):
            self.put_playlist(path, package.ended(sent), is_final=True)

    def has_begun(self, tracks: Sequence[str]) -> bool:
        """Whether the playlists of all these renditions and programmes are uploaded."""
        return all(str(self.playlist(track)) in self._playlists for track in tracks)

    def init_of(self, track: str) -> bytes:
        """The initialization section of a rendition whose playlist is uploaded."""
        path = self.playlist(track)
        return (path.parent / package.read_media_playlist(self._playlists[str(path)]).init).read_bytes()

    def _read(self, track: str) -> str:
        try:
            return self.playlist(track).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
